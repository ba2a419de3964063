"""When two looks at a file may be taken for the same file with the same content.

The version is everything the file system says that moves when the content does: both times, the size, the inode. A
clock ticks, though: an edit in the same tick as our look leaves the times as they were. So a file whose times are
too young has no version yet, and is compared by content until it has settled.
"""

from __future__ import annotations

import os

FINE_NS = 100_000_000  # clocks of file systems that keep fractions tick every 1 to 10 ms; network ones a little slower
COARSE_NS = 2_000_000_000  # FAT keeps two seconds, HFS+ and some network file systems one


def version_of(stat: os.stat_result) -> str:
    """mtime, ctime counted from it (both ns), size and inode, in hexadecimal, which takes three quarters of the time of
    decimal. The walk writes this out in its loop; change both."""
    modified = stat.st_mtime_ns
    return "%x.%x.%x.%x" % (modified, stat.st_ctime_ns - modified, stat.st_size, stat.st_ino)  # noqa: UP031


def is_settled(stat: os.stat_result, now_ns: int) -> bool:
    """True when any change after `now_ns` must show in the file's times. A time in the future never settles."""
    return _is_past(stat.st_mtime_ns, now_ns) and _is_past(stat.st_ctime_ns, now_ns)


def _is_past(stamp_ns: int, now_ns: int) -> bool:
    return stamp_ns < now_ns - (FINE_NS if stamp_ns % 1_000_000_000 else COARSE_NS)
