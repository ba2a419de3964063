"""Starts one command, waits for it and writes down what it cost. Run in a process of its own, `python -I -S`.

Why a process between: Linux gives a child the peak memory of the process that starts it as its first value, so a large
parent would hide every small child. This one stays near 9 MB, which is the smallest peak that can be seen.

Called as `launcher.py RESULT_FILE TIMEOUT_S COMMAND...`.
"""

import json
import os
import signal
import sys
import time


def run(command: list[str], timeout_s: int) -> dict[str, float]:
    """Wall seconds, CPU seconds of the command and all children it waited for, peak KiB of the largest, exit code.
    A command that outlives the timeout is killed with its process group, and its exit code is negative."""
    began = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, setpgroup=0)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(pid, signal.SIGKILL))
    signal.alarm(timeout_s)
    try:
        _, status, used = os.wait4(pid, 0)
    except BaseException:
        os.killpg(pid, signal.SIGKILL)
        raise
    wall = time.perf_counter() - began
    return {
        "wall_s": wall,
        "cpu_s": used.ru_utime + used.ru_stime,
        "rss_kb": used.ru_maxrss,
        "code": os.waitstatus_to_exitcode(status),
    }


def main() -> None:
    """Run what the arguments say; the result is a JSON file."""
    try:
        result = run(sys.argv[3:], int(sys.argv[2]))
    except FileNotFoundError:
        result = {"wall_s": 0.0, "cpu_s": 0.0, "rss_kb": 0, "code": 127}
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(result, out)


if __name__ == "__main__":
    main()
