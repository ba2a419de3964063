"""sling: a table of PostgreSQL to another schema of it, merged by id, incremental on updated_at.

    python -m bench.peers.sling_tables run URL STATE

The program is the one inside of the wheel. It has no notion of a row that is gone.
"""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import sysconfig

from bench.peers.driver import clocked

TARGET = "sling.w2"


def _program() -> str:
    """The binary that the wheel brings along."""
    found = glob.glob(os.path.join(sysconfig.get_paths()["purelib"], "sling_*", "bin", "sling*"))
    return next(path for path in found if os.access(path, os.X_OK))


def _sync(url: str, state: str) -> float:
    environment = {
        **os.environ,
        "SRC": url,
        "DST": url,
        "HOME": state,
        "SLING_LOADED_AT_COLUMN": "false",
        "SLING_DISABLE_TELEMETRY": "TRUE",
    }
    command = [_program(), "run", "--src-conn", "SRC", "--src-stream", "public.w2", "--tgt-conn", "DST"]
    command += ["--tgt-object", TARGET, "--mode", "incremental", "--primary-key", "id", "--update-key", "updated_at"]

    def work() -> None:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit((done.stdout + done.stderr)[-1500:])

    return clocked(work)


if __name__ == "__main__":
    _, url, state = sys.argv[1:4]
    print(json.dumps({"inner_s": _sync(url, state)}))
