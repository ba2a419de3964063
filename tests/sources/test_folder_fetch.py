"""How bodies are read: whole, with the version they had, and never from anything but a regular file."""

from __future__ import annotations

import errno
import os
import socket
from types import SimpleNamespace

import pytest

from syncline.model.documents import Document
from syncline.model.news import Entry, Gone, Page, Refused
from syncline.sources.folder.files import Files
from syncline.sources.folder.source import FolderSource

SECOND = 1_000_000_000


def source(root, files=None, clock_ns=lambda: 2**62, **settings):
    plain = {"include": [], "exclude": [], "gitignore": False, "follow_symlinks": False, "max_file_bytes": 1 << 20}
    return FolderSource(
        SimpleNamespace(path=str(root), **{**plain, **settings}), files=files, clock_ns=clock_ns
    )  # fmt: skip


def entries(root):
    return [entry for item in source(root).list(None, None) if isinstance(item, Page) for entry in item.entries]


def fetch(root, *ids, **more):
    """Answers by id; everything when no ids are given."""
    wanted = [Entry(id, None) for id in ids] or entries(root)
    return {answer.id: answer for answer in source(root, **more).fetch(wanted)}


def test_a_body_is_read_whole_and_described_by_where_it_lies(tmp_path):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "sub" / "deep" / "Report.PDF").write_bytes(b"%PDF" * 100_000)
    document = fetch(tmp_path, "sub/deep/Report.PDF")["sub/deep/Report.PDF"]
    assert document == Document(
        "sub/deep/Report.PDF",
        b"%PDF" * 100_000,
        metadata={"folder": "sub/deep", "extension": "pdf"},
        version=document.version,
    )


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.md", "md"), ("a.tar.GZ", "gz"), ("README", ""), (".bashrc", ""), ("..x", ""), (".a.b", "b"), ("end.", "")],
)
def test_the_extension_is_what_follows_the_last_dot(tmp_path, name, extension):
    (tmp_path / name).write_text("x")
    assert fetch(tmp_path)[name].metadata == {"folder": "", "extension": extension}


def test_an_empty_file_is_a_document(tmp_path):
    (tmp_path / "a").touch()
    assert fetch(tmp_path)["a"].content == b""


def test_every_entry_gets_one_answer_whatever_the_order(tmp_path):
    for folder in ("a", "b/c", "b"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for n in range(5):
            (tmp_path / folder / str(n)).write_text(f"{folder}/{n}")
    wanted = entries(tmp_path)
    wanted = wanted[::3] + wanted[1::3] + wanted[2::3]
    answers = list(source(tmp_path).fetch(wanted))
    assert [(answer.id, answer.content) for answer in answers] == [(entry.id, entry.id.encode()) for entry in wanted]


def test_fetching_leaves_nothing_open(tmp_path):
    for n in range(5):
        (tmp_path / f"{n}.txt").write_text("x")
    before = set(os.listdir("/proc/self/fd"))
    fetch(tmp_path, "0.txt", "gone", "1.txt", max_file_bytes=3)
    news = source(tmp_path).fetch(entries(tmp_path))
    next(news)
    news.close()
    assert set(os.listdir("/proc/self/fd")) == before


# --- versions --------------------------------------------------------------------------------------------------------


def test_the_version_of_a_body_is_the_one_its_listing_gave(tmp_path):
    (tmp_path / "a").write_text("x")
    [entry] = entries(tmp_path)
    assert entry.version is not None
    assert fetch(tmp_path)["a"].version == entry.version


def test_a_file_edited_just_now_has_no_version_until_it_has_settled(tmp_path):
    (tmp_path / "a").write_text("x")
    changed = os.stat(tmp_path / "a").st_ctime_ns
    for later, has_version in ((0, False), (50_000_000, False), (3 * SECOND, True), (-SECOND, False)):
        document = fetch(tmp_path, "a", clock_ns=lambda later=later: changed + later)["a"]
        assert (document.version is not None) is has_version
        assert document.content == b"x"


def test_a_file_that_settles_between_listing_and_reading_gets_its_version(tmp_path):
    (tmp_path / "a").write_text("x")
    changed = os.stat(tmp_path / "a").st_ctime_ns
    ticks = iter([changed, changed + SECOND, changed + SECOND])
    opened = source(tmp_path, clock_ns=lambda: next(ticks))
    [_, page, _] = opened.list(None, None)
    assert page.entries[0].version is None
    [document] = opened.fetch(page.entries)
    assert document.version is not None


class Meddler:
    """An os.read that does something to a file after its first byte was read, so many times."""

    def __init__(self, act, times):
        self.act = act
        self.left = times
        self.reads = 0

    def __call__(self, descriptor, size):
        self.reads += 1
        if self.left and os.lseek(descriptor, 0, os.SEEK_CUR) == 0:
            self.left -= 1
            first = os.read(descriptor, 1)
            self.act()
            return first + os.read(descriptor, size - 1)
        return os.read(descriptor, size)


def test_a_file_that_grows_while_it_is_read_is_read_again(tmp_path):
    (tmp_path / "a").write_text("x" * 10)

    def grow():
        with open(tmp_path / "a", "a") as file:
            file.write("y" * 10)

    document = fetch(tmp_path, "a", files=Files(read=Meddler(grow, 1)))["a"]
    assert document.content == b"x" * 10 + b"y" * 10
    assert document.version is not None


def test_a_file_rewritten_in_place_while_it_is_read_is_read_again(tmp_path):
    (tmp_path / "a").write_text("old!")
    old = os.stat(tmp_path / "a").st_mtime_ns - 5 * SECOND
    os.utime(tmp_path / "a", ns=(old, old))

    def rewrite():
        (tmp_path / "a").write_text("new!")

    assert fetch(tmp_path, "a", files=Files(read=Meddler(rewrite, 1)))["a"].content == b"new!"


def test_a_file_that_never_stands_still_is_taken_without_a_version(tmp_path):
    (tmp_path / "a").write_text("x")

    def grow():
        with open(tmp_path / "a", "a") as file:
            file.write("x")

    read = Meddler(grow, 99)
    document = fetch(tmp_path, "a", files=Files(read=read))["a"]
    assert document.version is None
    assert document.content == b"xxxx"
    assert read.left == 99 - 3


def test_a_file_that_shrinks_while_it_is_read_is_read_again(tmp_path):
    (tmp_path / "a").write_text("x" * 10)
    read = Meddler(lambda: os.truncate(tmp_path / "a", 4), 1)
    assert fetch(tmp_path, "a", files=Files(read=read))["a"].content == b"xxxx"


def test_short_reads_are_put_together(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(250)))
    document = fetch(tmp_path, "a", files=Files(read=lambda descriptor, size: os.read(descriptor, min(size, 7))))["a"]
    assert document.content == bytes(range(250))
    assert document.version is not None


def test_a_file_whose_size_says_nothing_is_read_and_has_no_version(tmp_path):
    if not os.path.exists("/proc/self/limits"):
        pytest.skip("no /proc")
    document = fetch("/proc/self", "limits")["limits"]
    assert b"Max open files" in document.content
    assert document.version is None


# --- what is not there, or is not a file -----------------------------------------------------------------------------


def test_a_file_removed_after_it_was_listed_is_gone(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("y")
    listed = entries(tmp_path)
    (tmp_path / "a").unlink()
    gone, there = source(tmp_path).fetch(listed)
    assert gone == Gone("a")
    assert there.content == b"y"


def test_whatever_stands_in_a_file_s_place_is_not_read(tmp_path):
    (tmp_path / "target").write_text("secret")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "folder").mkdir()
    (tmp_path / "in_link").symlink_to("folder")
    (tmp_path / "folder" / "x").write_text("secret")
    os.mkfifo(tmp_path / "pipe")  # opening it to read would wait for a writer
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(tmp_path)
        listener.bind("socket")
        os.chdir("/")
        ids = ["link", "folder", "pipe", "socket", "in_link/x", "target/below"]
        assert fetch(tmp_path, *ids) == {id: Gone(id) for id in ids}


@pytest.mark.parametrize("call", ["open", "read"])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE])
def test_a_file_that_cannot_be_read_is_refused_alone(tmp_path, call, code):
    (tmp_path / "bad").write_text("bad")
    (tmp_path / "good").write_text("good")
    bad = os.stat(tmp_path / "bad").st_ino

    def fail(first, *arguments, **more):
        if first == "bad" or (call == "read" and os.fstat(first).st_ino == bad):
            raise OSError(code, os.strerror(code))
        return getattr(os, call)(first, *arguments, **more)

    answers = fetch(tmp_path, "bad", "good", files=Files(**{call: fail}))
    assert isinstance(answers["bad"], Refused)
    assert answers["bad"].error.code == "document.unreadable"
    assert answers["bad"].error.remedy
    assert answers["good"].content == b"good"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_a_file_without_rights_is_refused(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "a").chmod(0)
    assert fetch(tmp_path, "a")["a"].error.code == "document.unreadable"


def test_a_name_longer_than_a_name_may_be_is_refused_alone(tmp_path):
    assert fetch(tmp_path, "x" * 300)["x" * 300].error.code == "document.unreadable"


# --- large files -----------------------------------------------------------------------------------------------------


def test_a_file_of_just_the_allowed_size_is_taken(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"x" * 100)
    assert fetch(tmp_path, "a.bin", max_file_bytes=100)["a.bin"].content == b"x" * 100


def test_a_larger_file_is_refused_and_the_setting_named(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"x" * 101)
    reads = Meddler(None, 0)
    refused = fetch(tmp_path, "a.bin", max_file_bytes=100, files=Files(read=reads))["a.bin"]
    assert isinstance(refused, Refused)
    assert refused.error.code == "document.too_large"
    assert "max_file_bytes" in refused.error.remedy
    assert reads.reads == 0


def test_the_beginning_of_a_larger_text_file_is_taken_with_a_warning(tmp_path):
    (tmp_path / "app.LOG").write_bytes(b"x" * 500)
    document = fetch(tmp_path, "app.LOG", max_file_bytes=100)["app.LOG"]
    assert document.content == b"x" * 100
    assert document.warning is not None
    assert document.warning[0] == "document.cut"
    assert "500 bytes" in document.warning[1]
    assert document.version is not None


@pytest.mark.parametrize(
    ("limit", "whole"), [(4, "aé"), (5, "aéü"), (6, "aéü"), (7, "aéü"), (9, "aéü漢"), (10, "aéü漢")]
)
def test_a_text_is_not_cut_within_a_letter(tmp_path, limit, whole):
    (tmp_path / "a.txt").write_text("aéü漢🍒" * 3)
    assert fetch(tmp_path, "a.txt", max_file_bytes=limit)["a.txt"].content.decode() == whole


def test_a_file_that_grows_too_large_while_it_is_read_is_treated_as_large(tmp_path):
    for name in ("a.bin", "a.txt"):
        (tmp_path / name).write_bytes(b"x" * 10)
    files = Files(read=Meddler(lambda: [os.truncate(tmp_path / name, 200) for name in ("a.bin", "a.txt")], 1))
    answers = fetch(tmp_path, "a.bin", "a.txt", max_file_bytes=100, files=files)
    assert answers["a.bin"].error.code == "document.too_large"
    assert len(answers["a.txt"].content) == 100
