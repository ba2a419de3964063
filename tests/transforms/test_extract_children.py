"""The child processes: real ones, made to hang, to run out of memory, to crash and to be orphaned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.transforms import files

from syncline.model.documents import Document
from syncline.model.news import Refused
from syncline.transforms.extract import Extract, Limits
from syncline.transforms.extract.answers import Task
from syncline.transforms.extract.child import _BOOT, _ROOT, Died
from syncline.transforms.extract.media import HTML
from syncline.transforms.extract.pool import _understand
from syncline.transforms.readers import wire

MIB = 1 << 20
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLOW = files.docx("<w:p/>" * 8_000_000, packed=False)  # many seconds of work, and not one letter
SLOWISH = files.docx("<w:p/>" * 120_000 + files.paragraph("words"), packed=False)
SMALL = b"<title>T</title><p>words"


@pytest.fixture
def extract() -> Iterator[Extract]:
    transform = Extract(workers=1)
    yield transform
    transform.close()


def one(extract: Extract, id: str, content: bytes) -> Any:
    (answer,) = extract.apply([Document(id, content)])
    return answer


def code(answer: object) -> str:
    assert isinstance(answer, Refused)
    return answer.error.code


def children(extract: Extract) -> list[int]:
    return extract._pool.pids() if extract._pool is not None else []


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] not in (b"Z", b"X")
    except OSError:
        return False


def eventually(condition: Callable[[], object], timeout_s: float = 10.0) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@contextmanager
def killer(extract: Extract, times: int) -> Iterator[None]:
    """Kills the children of `extract`, each once and shortly after it has begun, at most `times` of them."""
    done = threading.Event()
    killed: list[int] = []

    def work() -> None:
        while not done.is_set() and len(killed) < times:
            for pid in children(extract):
                if pid not in killed:
                    time.sleep(0.05)
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            time.sleep(0.005)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()
    assert len(killed) == times


def test_no_child_is_started_before_one_is_needed(extract):
    list(extract.apply([Document("a.md", b"# Title"), Document("a.png", b"x"), Document("b", text="words")]))
    assert children(extract) == []


def test_one_child_serves_many_documents_and_ends_with_the_transform(extract):
    list(extract.apply([Document(f"{n}.html", SMALL) for n in range(50)]))
    (pid,) = children(extract)
    assert one(extract, "a.pdf", files.pdf([["words"]])).text == "words"
    assert children(extract) == [pid]
    extract.close()
    assert not is_alive(pid)
    assert one(extract, "a.html", SMALL).text == "words"


def test_a_document_that_takes_too_long_is_refused_and_the_next_one_is_read():
    extract = Extract(Limits(wall_s=2.0), workers=1)
    answers = list(extract.apply([Document("slow.docx", SLOW), Document("a.html", SMALL)]))
    by_id = {answer.id: answer for answer in answers}
    assert code(by_id["slow.docx"]) == "extract.timeout"
    assert by_id["a.html"].text == "words"
    extract.close()


def test_a_document_that_needs_too_much_memory_is_refused_and_the_next_one_is_read():
    extract = Extract(Limits(memory_bytes=64 * MIB), workers=1)
    hungry = files.docx(f"<w:p><w:r><w:t>{'x' * (40 * MIB)}</w:t></w:r></w:p>", packed=False)
    for id, content in {"small.html": SMALL, "hungry.docx": hungry, "again.docx": hungry}.items():
        answer = one(extract, id, content)
        assert answer.text == "words" if id == "small.html" else code(answer) == "extract.memory"
    assert one(extract, "a.html", SMALL).text == "words"
    extract.close()


def test_a_document_larger_than_the_memory_of_a_child_is_refused_for_memory():
    extract = Extract(Limits(memory_bytes=16 * MIB), workers=1)
    assert code(one(extract, "a.docx", SLOW)) == "extract.memory"
    extract.close()


def test_a_child_that_dies_once_is_not_held_against_the_document(extract):
    with killer(extract, times=1):
        assert one(extract, "a.docx", SLOWISH).text == "words"


def test_a_document_whose_child_dies_twice_is_refused_as_crashed(extract):
    with killer(extract, times=2):
        answer = one(extract, "slow.docx", SLOW)
    assert code(answer) == "extract.crashed"
    assert "signal 9" in answer.error.message
    assert one(extract, "a.html", SMALL).text == "words"


def test_a_child_that_is_killed_while_it_waits_is_replaced(extract):
    assert one(extract, "a.html", SMALL).text == "words"
    (pid,) = children(extract)
    os.kill(pid, signal.SIGKILL)
    assert one(extract, "a.html", SMALL).text == "words"
    assert children(extract) != [pid]


def test_a_system_without_another_process_to_give_fails_documents_and_not_the_job(extract, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    answer = one(extract, "a.html", SMALL)
    assert code(answer) == "extract.crashed"
    assert "Resource temporarily unavailable" in answer.error.message
    assert one(extract, "a.md", b"# Title").title == "Title"


def test_missing_packages_are_named_with_the_way_to_get_them(extract, monkeypatch):
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    for id, content in {
        "a.html": SMALL,
        "a.pdf": files.pdf([["x"]]),
        "a.xlsx": files.xlsx({"S": files.row(1, "x")}),
    }.items():
        answer = one(extract, id, content)
        assert code(answer) == "extract.unavailable"
        assert "pip install 'syncline[extract]'" in answer.error.remedy
    assert one(extract, "a.docx", files.docx(files.paragraph("words"))).text == "words"


def test_several_documents_are_read_at_once_when_waiting_takes_longer_than_starting():
    extract = Extract(workers=2)
    answers = list(extract.apply([Document(f"{n}.docx", SLOWISH) for n in range(6)]))
    assert {answer.id for answer in answers} == {f"{n}.docx" for n in range(6)}
    assert len(children(extract)) == 2
    extract.close()


def test_one_small_document_does_not_start_a_second_child():
    extract = Extract(workers=4)
    list(extract.apply([Document(f"{n}.html", SMALL) for n in range(20)]))
    assert len(children(extract)) == 1
    extract.close()


def test_whoever_stops_listening_leaves_no_child_behind(extract):
    answers = extract.apply([Document("slow.docx", SLOW), Document("a.md", b"# Title")])
    assert next(answers).title == "Title"
    (pid,) = children(extract)
    answers.close()
    assert not is_alive(pid)


def test_an_interrupt_answers_everything_at_once(extract):
    timer = threading.Timer(0.3, extract.interrupt)
    timer.start()
    documents = [Document("slow.docx", SLOW), Document("slow2.docx", SLOW), Document("a.md", b"# Title")]
    answers = {answer.id: answer for answer in extract.apply(documents)}
    assert code(answers["slow.docx"]) == code(answers["slow2.docx"]) == "extract.interrupted"
    assert answers["a.md"].title == "Title"


def test_a_child_is_confined_and_knows_no_secrets(extract, monkeypatch):
    monkeypatch.setenv("SYNCLINE_ROOT_KEY", "id:secret")
    one(extract, "a.html", SMALL)
    (pid,) = children(extract)
    with open(f"/proc/{pid}/environ", "rb") as file:
        assert b"secret" not in file.read()
    with open(f"/proc/{pid}/limits") as file:
        limits = {line[:25].strip(): line[26:46].strip() for line in file}
    assert limits["Max core file size"] == "0"
    assert limits["Max file size"] == "0"
    assert int(limits["Max address space"]) < 2048 * MIB
    assert int(limits["Max cpu time"]) < 60
    assert os.getpgid(pid) != os.getpgid(0)


PARENT = """
import os, signal, sys, threading, time
from syncline.model.documents import Document
from syncline.transforms.extract import Extract
from tests.transforms import files

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
extract = Extract(workers=1)
list(extract.apply([Document("a.html", b"<p>words")]))
print(extract._pool.pids()[0], flush=True)
try:
    if sys.argv[1] == "busy":
        slow = files.docx("<w:p/>" * 8_000_000, packed=False)
        threading.Timer(0.3, lambda: print("busy", flush=True)).start()
        list(extract.apply([Document("slow.docx", slow)]))
    else:
        print("idle", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def parent(state: str) -> tuple[subprocess.Popen[str], int]:
    """A process with a child, once that child is "busy" or "idle"."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, state],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])},
        process_group=0,
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert process.stdout.readline().strip() == state
    assert is_alive(pid)
    return process, pid


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_a_child_dies_with_its_parent_however_the_parent_dies(state):
    process, pid = parent(state)
    process.kill()
    process.communicate()
    assert eventually(lambda: not is_alive(pid), 5)


def test_control_c_in_a_terminal_reaches_the_parent_alone_and_prints_nothing_of_the_child():
    process, pid = parent("busy")
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out.strip() == "stopped"
    assert err == ""
    assert eventually(lambda: not is_alive(pid), 5)


def test_a_child_starts_with_nothing_it_does_not_need():
    boot = _BOOT.replace("main(int(memory_bytes))", "print(*sys.modules)")
    command = [sys.executable, "-I", "-S", "-c", boot, "0", _ROOT, *sys.path]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert "syncline.transforms.readers.worker" in loaded
    assert not loaded & {"re", "json", "typing", "enum", "dataclasses", "logging", "ctypes", "selectolax", "xxhash"}


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ({}, b""),
        ({"error": "x"}, b""),
        ({"error": ["a"]}, b""),
        ({"title": 1, "metadata": {}, "media_type": "", "warnings": []}, b""),
        ({"title": "", "metadata": [], "media_type": "", "warnings": []}, b""),
        ({"title": "", "metadata": {}, "media_type": "", "warnings": [1]}, b""),
        ({"title": "", "metadata": {}, "media_type": "", "warnings": [["a"]]}, b""),
        ({"title": "", "metadata": {}, "media_type": "", "warnings": []}, b"\xff"),
    ],
)
def test_an_answer_of_the_wrong_shape_counts_as_no_answer(head, text):
    with pytest.raises(Died):
        _understand(head, text, Task(Document("a"), b"", HTML, ""), Limits())


def test_only_metadata_that_may_be_stored_is_taken_from_a_child():
    head = {
        "title": "",
        "metadata": {"a": {"b": 1}, "c": [1], "d": "x", "e": 2, "f": ["y"]},
        "media_type": "",
        "warnings": [],
    }
    answer = _understand(head, b"text", Task(Document("a"), b"", HTML, ""), Limits())
    assert answer.metadata == {"d": "x", "e": 2, "f": ["y"]}


def test_frames_and_json_come_out_as_they_went_in():
    import io
    import json

    value = {"a": ['x\ny\u2028\U0001f600"', 1, True, False, None, {"b": []}]}
    head = wire.to_json(value)
    assert json.loads(head) == value
    pipe = io.BytesIO(wire.frame(head, b"body") + b"body")
    assert wire.receive(pipe.read) == (head, b"body")
    assert wire.receive(pipe.read) is None
