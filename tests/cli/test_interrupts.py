"""Ctrl-C: the first asks, the second ends; neither shows a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from syncline.cli.interrupts import StopFlag
from syncline.model.jobs import JobState

# A command whose sync waits to be stopped (polite), never listens (deaf), or hangs until the API gives up on it (hung).
SCRIPT = """
import sys, time
from syncline.cli.root import run
from syncline.cli.session import Session
from syncline.model.connectors import Connector
from syncline.model.jobs import Job, JobState
from syncline.model.outcomes import Counters
from syncline.model.reports import SyncResult

class Api:
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def job(self, ref): return Job(1, "j", "c", state=JobState.STOPPED, counters=Counters({"inserted": 2}))
    def connector(self, ref): return Connector(1, "c", "docs", "default", "folder")
    def sync(self, target, *, stop, on_start, on_hang, **_):
        on_start(self.job("j"))
        print("ready", file=sys.stderr, flush=True)
        while not (target == "polite" and stop()):
            if target == "hung" and stop():
                on_hang()
            time.sleep(0.01)
        return SyncResult("j", 1, JobState.STOPPED, Counters({"inserted": 2}), 1.0)

sys.exit(run(["sync", *sys.argv[1:]], Session(open=lambda _: Api())))
"""


def start(*args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, *args]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_the_job(number):
    process = start("polite", "--human")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "job 1 stopped" in out
    assert "2 inserted" in out
    assert err == "stopped; the next run carries on\n"


def test_for_programs_the_result_is_still_one_object():
    process = start("polite")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert '"status": "stopped"' in out


def test_the_second_signal_ends_the_process():
    process = start("deaf", "--human")
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.strip() == "stopped; the next run carries on"


def test_a_source_that_does_not_let_go_costs_neither_the_result_nor_the_exit_code():
    process = start("hung")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert '"status": "stopped", "inserted": 2' in out


def test_the_flag_puts_back_what_it_found():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopFlag() as stop:
        assert stop() is False
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop() is True
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_job_stopped_from_elsewhere_is_130_too(cli, api, make):
    api.answers["sync"] = make.result(JobState.STOPPED)
    assert cli("sync", "x").code == 130
