"""Wall time and instants: one zone, its gaps and its overlaps.

In a *gap* the clock is put forward and wall times do not exist. In an *overlap* it is put back and wall times come
twice. Wall times are naive datetimes, instants whole Unix seconds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from syncline.model.schedules import ScheduleInvalid

_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)


class Reading(NamedTuple):
    """What the clock shows at an instant; `again`: it has shown that before."""

    wall: datetime
    again: bool


class Passage(NamedTuple):
    """Wall times from `start` up to, not including, `end`."""

    start: datetime
    end: datetime


class Zone:
    """One IANA zone."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._info = ZoneInfo(name)

    def read(self, instant: int) -> Reading:
        """What the clock shows."""
        local = datetime.fromtimestamp(instant, self._info)
        return Reading(local.replace(tzinfo=None, fold=0), bool(local.fold))

    def instants(self, wall: datetime) -> tuple[int, ...]:
        """When the clock shows it: once, twice, or never."""
        first, second = self._offsets(wall)
        shown = _since_epoch(wall)
        if first == second:
            return (shown - first,)
        return (shown - first, shown - second) if first > second else ()

    def gap_end(self, wall: datetime) -> int:
        """For a wall time in a gap: the first instant after the gap."""
        before, after = self._offsets(wall)
        shown = _since_epoch(wall)
        return self._change(shown - after, shown - before)

    def overlap(self, wall: datetime) -> Passage | None:
        """The wall times that come twice around this one; None when it does not come twice."""
        before, after = self._offsets(wall)
        if before <= after:
            return None
        shown = _since_epoch(wall)
        change = self._change(shown - before, shown - after)
        return Passage(_EPOCH + (change + after) * _SECOND, _EPOCH + (change + before) * _SECOND)

    def _offsets(self, wall: datetime) -> tuple[int, int]:
        """Seconds east of UTC by the rule before and after a change of the clock; the same where there is none."""
        return self._offset(wall.replace(tzinfo=self._info)), self._offset(wall.replace(tzinfo=self._info, fold=1))

    @staticmethod
    def _offset(local: datetime) -> int:
        offset = local.utcoffset()
        assert offset is not None
        return offset // _SECOND

    def _offset_at(self, instant: int) -> int:
        return self._offset(datetime.fromtimestamp(instant, self._info))

    def _change(self, before: int, after: int) -> int:
        """The instant at which the clock is changed, with `before` < change <= `after`."""
        old = self._offset_at(before)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset_at(middle) == old:
                before = middle
            else:
                after = middle
        return after


def _since_epoch(wall: datetime) -> int:
    return (wall - _EPOCH) // _SECOND


@cache
def zone(name: str) -> Zone:
    """The zone of that IANA name. Raises ScheduleInvalid."""
    try:
        return Zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleInvalid(
            f"zone: there is no time zone named {name!r}",
            remedy='Name it as the IANA database does: "UTC", "Europe/Berlin", "America/New_York".',
            field="zone",
            value=name,
        ) from None
