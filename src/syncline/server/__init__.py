"""`syncline serve`: the native API and everything that runs beside it in one process.

    requests ─▶ routes ─▶ service ─▶ store
                             │ a job is asked for: one row
    house ── supervisor ─────┴▶ a process for each job, stopped in bounded time
          ├─ ticker      schedules that are due
          ├─ watchers    triggers: folders, webhooks, jobs that follow others
          └─ dispatcher  outgoing webhooks

Requests are served in threads, each with an Installation of its own that is borrowed from the house.
"""
