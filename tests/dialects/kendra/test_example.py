"""The script in examples/ does what its README says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.dialects.kendra.desk import Desk, name
from tests.serve.conftest import ROOT_SECRET

ROOT = Path(__file__).parents[3]


def test_the_script_reads_a_bucket_twice_and_asks(desk: Desk) -> None:
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "examples" / "kendra_s3.py"), desk.url, name("handbook"), "parental leave"),
            str(ROOT / "examples" / "handbook"),
        ],
        env={
            **os.environ,
            "SYNCLINE_KEY_ID": "root",
            "SYNCLINE_KEY": ROOT_SECRET,
            "AWS_ENDPOINT_URL_S3": desk.moto_url,
            "AWS_ACCESS_KEY_ID": "moto",
            "AWS_SECRET_ACCESS_KEY": "moto",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second, *found = done.stdout.splitlines()
    added = int(first.removeprefix("first run  SUCCEEDED: ").partition(" ")[0])
    assert added > 10
    assert second == "second run SUCCEEDED: 0 added, 0 modified, 0 deleted, 0 failed."
    assert any("s3://" in line for line in found)
