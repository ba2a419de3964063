"""The machine, for the head of the report. Nothing that names it or its users."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata


def describe(work: str) -> dict[str, str]:
    """CPU model, cores, memory, kernel, whether it hands out huge pages unasked (they raise resident memory), file
    system of `work`, Python, and our own version."""
    return {
        "CPU": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "huge pages": _huge_pages(),
        "file system": _file_system(work),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Syncline": _version("syncline"),
        "tantivy, apsw": f"{_version('tantivy')}, {_version('apsw')}",
    }


def load() -> float:
    """How busy the machine is: the mean number of runnable tasks over the last minute."""
    return round(os.getloadavg()[0], 2)


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _huge_pages() -> str:
    try:
        with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="utf-8") as setting:
            return setting.read().partition("[")[2].partition("]")[0] or "unknown"
    except OSError:
        return "unknown"


def _file_system(work: str) -> str:
    done = subprocess.run(["stat", "-f", "-c", "%T", work], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
