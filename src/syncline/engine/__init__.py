"""The loop that joins the rooms:

    source ──list──▶ decide ──fetch──▶ fingerprint ─▶ transform ─▶ index + ledger + checkpoint   (one commit a batch)
                       └─ kept: nothing is fetched, transformed or written
    end of listing ─▶ what was not seen ─▶ proof? guard? ─▶ delete | withhold

Between the arrows: batches, never one round trip for each document (`desk`); nothing is deleted but by proof
(`sweep`); a stop is noticed between any two documents (`river`). `dry` is the same loop with the last step replaced
by a report. `job.run_job` is the door.
"""
