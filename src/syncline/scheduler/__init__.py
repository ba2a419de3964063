"""When: schedules in three dialects, and what is due. Pure: no clock, no store, no I/O but the zone database.

    "30 2 * * *" ──parse──▶ Cron ──next_after(t)──▶ t'          (cron.py; wall time and its gaps: zones.py)
                              └──due(cron, …, now)──▶ run now? for which due time? when next?       (due.py)

Times are Unix seconds. docs/schedules.md says what an expression means and what happens when clocks change.
"""

from syncline.scheduler.cron import Cron
from syncline.scheduler.describe import describe
from syncline.scheduler.dialects import parse

__all__ = ["Cron", "describe", "parse"]
