"""What a listing of a folder says: every regular file once, in order, and what is left out by name."""

from __future__ import annotations

import os
import socket
import time
from types import SimpleNamespace

import pytest

from syncline.model.news import Begin, Complete, Entry, Page, Skipped, Unlisted
from syncline.sources.folder import walk
from syncline.sources.folder.source import FolderSource
from syncline.sources.folder.versions import is_settled, version_of


def source(root, *, hidden=(), clock_ns=lambda: 2**62, **settings):
    """A folder source that takes every file for settled, unless told another time."""
    plain = {"include": [], "exclude": [], "gitignore": False, "follow_symlinks": False, "max_file_bytes": 1 << 20}
    return FolderSource(SimpleNamespace(path=str(root), **{**plain, **settings}), hidden=hidden, clock_ns=clock_ns)


def listing(root, memory=None, **settings):
    """Everything a listing says, sorted by kind."""
    news = list(source(root, **settings).list(memory, None))
    assert isinstance(news[-1], Complete)
    return SimpleNamespace(
        news=news,
        pages=[item for item in news if isinstance(item, Page)],
        entries=[entry for item in news if isinstance(item, Page) for entry in item.entries],
        ids=[entry.id for item in news if isinstance(item, Page) for entry in item.entries],
        skipped={item.id: item for item in news if isinstance(item, Skipped)},
        unlisted=[item for item in news if isinstance(item, Unlisted)],
        complete=news[-1],
    )


def write(root, *paths):
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


# --- what is there ---------------------------------------------------------------------------------------------------


def test_an_empty_folder_completes_with_nothing(tmp_path):
    assert [type(item) for item in listing(tmp_path).news] == [Begin, Complete]


def test_every_file_is_listed_under_its_path_from_the_root(tmp_path):
    write(tmp_path, "a.md", "sub/b.md", "sub/deeper/c", "no extension")
    assert set(listing(tmp_path).ids) == {"a.md", "sub/b.md", "sub/deeper/c", "no extension"}


def test_files_come_before_folders_and_both_by_name(tmp_path):
    write(tmp_path, "m/2", "m/1", "a/x", "z", "b", "a/c/9", "Ä")
    assert listing(tmp_path).ids == ["b", "z", "Ä", "a/x", "a/c/9", "m/1", "m/2"]


def test_pages_hold_about_a_thousand_entries(tmp_path):
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        for n in range(800):
            os.close(os.open(tmp_path / folder / f"{n:04}", os.O_CREAT))
    found = listing(tmp_path)
    assert len(found.ids) == len(set(found.ids)) == 2400
    assert [1000 <= len(page.entries) < 2000 for page in found.pages] == [True, True, False]
    assert sum(page.scanned for page in found.pages) == 2400


def test_a_folder_too_large_to_sort_at_once_comes_in_sorted_slabs(tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "SLAB", 300)
    monkeypatch.setattr(walk, "_READ", 100)
    write(tmp_path, *(f"{n:03}" for n in range(950)), "sub/last", ".synclineignore")
    (tmp_path / ".synclineignore").write_text("007")
    found = listing(tmp_path)
    assert set(found.ids) == {f"{n:03}" for n in range(950)} - {"007"} | {"sub/last", ".synclineignore"}
    assert found.ids[-1] == "sub/last"


def test_a_slow_listing_says_something_every_quarter_second(tmp_path, monkeypatch):
    write(tmp_path, *(f"{n:04}.log" for n in range(700)))
    now = iter(range(10**6))
    monkeypatch.setattr(walk, "monotonic", lambda: next(now))
    found = listing(tmp_path, exclude=["*.log"])
    assert len(found.pages) >= 5
    assert all(page.entries == [] for page in found.pages)
    assert sum(page.scanned for page in found.pages) == 700


def test_a_path_deeper_than_a_path_may_be_is_listed_as_long_as_its_id_fits(tmp_path):
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(210):  # 20 bytes each: 4200 in all
        os.mkdir("d" * 19, dir_fd=here)
        deeper = os.open("d" * 19, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    found = listing(tmp_path)
    fetched = list(source(tmp_path).fetch(found.entries))
    assert len(found.ids) == 204
    assert max(map(len, found.ids)) == 4081
    assert [answer.content for answer in fetched] == [b""] * 204
    assert [(len(gap.prefix), gap.error.code) for gap in found.unlisted] == [(4080, "source.path_too_long")]
    os.system(f"rm -rf {tmp_path}/d*")


# --- versions --------------------------------------------------------------------------------------------------------


def version(root, name="a"):
    [entry] = [entry for entry in listing(root).entries if entry.id == name]
    return entry.version


def test_nothing_done_changes_no_version(tmp_path):
    write(tmp_path, "a")
    assert version(tmp_path) == version(tmp_path) == version_of(os.stat(tmp_path / "a"))


def test_an_edit_of_the_same_size_with_the_time_put_back_changes_the_version(tmp_path):
    write(tmp_path, "a")
    before, times = version(tmp_path), os.stat(tmp_path / "a")
    settle()
    (tmp_path / "a").write_text("b")
    os.utime(tmp_path / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert os.stat(tmp_path / "a").st_mtime_ns == times.st_mtime_ns
    assert version(tmp_path) != before


def test_another_file_of_the_same_size_and_time_changes_the_version(tmp_path):
    write(tmp_path, "a", "b")
    times = os.stat(tmp_path / "a")
    os.utime(tmp_path / "b", ns=(times.st_atime_ns, times.st_mtime_ns))
    before = version(tmp_path)
    os.rename(tmp_path / "b", tmp_path / "a")
    after = version(tmp_path)
    assert before.split(".")[0] == after.split(".")[0]
    assert before.split(".")[3] != after.split(".")[3]


def test_a_change_of_rights_changes_the_version(tmp_path):
    write(tmp_path, "a")
    before = version(tmp_path)
    settle()
    os.chmod(tmp_path / "a", 0o640)
    assert version(tmp_path) != before


def settle():
    """Wait until the file system's clock has ticked."""
    time.sleep(0.02)


SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("stamp_ns", "now_ns", "settled"),
    [
        (100 * SECOND + 5, 100 * SECOND + 5 + 99_000_000, False),
        (100 * SECOND + 5, 100 * SECOND + 5 + 101_000_000, True),
        (100 * SECOND, 101 * SECOND + 999_000_000, False),  # whole seconds: a coarse clock
        (100 * SECOND, 102 * SECOND + 1, True),
        (100 * SECOND + 5, 100 * SECOND, False),  # in the future
        (100 * SECOND, 50 * SECOND, False),
    ],
)
def test_a_file_has_a_version_only_when_its_times_are_old_enough(stamp_ns, now_ns, settled):
    old, stamp = 5 * SECOND, stamp_ns
    for times in ((stamp, old), (old, stamp), (stamp, stamp)):
        status = SimpleNamespace(st_mtime_ns=times[0], st_ctime_ns=times[1])
        assert is_settled(status, now_ns) is settled


def test_a_file_edited_just_now_is_listed_without_a_version(tmp_path):
    write(tmp_path, "a")
    changed = os.stat(tmp_path / "a").st_ctime_ns
    for later, has_version in ((0, False), (50_000_000, False), (3 * SECOND, True), (-SECOND, False)):
        [entry] = listing(tmp_path, clock_ns=lambda later=later: changed + later).entries
        assert (entry.version is not None) is has_version


def test_a_file_from_the_future_never_has_a_version(tmp_path):
    write(tmp_path, "a")
    os.utime(tmp_path / "a", (4e9, 4e9))
    [entry] = listing(tmp_path, clock_ns=lambda: os.stat(tmp_path / "a").st_ctime_ns + 10 * SECOND).entries
    assert entry.version is None


# --- what is left out ------------------------------------------------------------------------------------------------


def test_what_no_one_wants_to_find_is_left_out_without_a_word(tmp_path):
    write(tmp_path, ".git/config", "sub/.git/HEAD", ".hg/x", ".svn/x", ".syncline/x", ".DS_Store", "sub/Thumbs.db", "a")
    found = listing(tmp_path)
    assert found.ids == ["a"]
    assert found.skipped == {}


def test_a_file_called_git_is_a_document(tmp_path):
    write(tmp_path, "sub/.git", "sub/.svn")
    assert listing(tmp_path).ids == ["sub/.git", "sub/.svn"]


def test_hidden_paths_are_left_out_without_a_word(tmp_path):
    write(tmp_path, "state/db", "a", "sub/state/db", "sub/log.txt", "log.txt")
    hidden = (str(tmp_path / "state"), str(tmp_path / "sub" / "log.txt"), "/elsewhere", str(tmp_path.parent))
    found = listing(tmp_path, hidden=hidden)
    assert found.ids == ["a", "log.txt", "sub/state/db"]
    assert found.skipped == {}


def test_a_hidden_folder_is_hidden_under_every_name_it_has(tmp_path):
    write(tmp_path, "root/state/db", "root/a")
    (tmp_path / "alias").symlink_to("root")
    (tmp_path / "root" / "link").symlink_to("state")
    for root, hidden in (("alias", "root/state"), ("root", "alias/state")):
        found = listing(tmp_path / root, hidden=[str(tmp_path / hidden)], follow_symlinks=True)
        assert found.ids == ["a"]


def test_pipes_sockets_and_devices_are_named_and_never_opened(tmp_path):
    write(tmp_path, "a")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(tmp_path)  # a socket's path is short
        listener.bind("socket")
        os.chdir("/")
        expected = {"pipe", "socket"}
        if os.geteuid() == 0:
            try:
                os.mknod(tmp_path / "null", 0o20644, os.makedev(1, 3))
                expected.add("null")
            except PermissionError:
                pass
        found = listing(tmp_path, follow_symlinks=True)
    assert found.ids == ["a"]
    assert {item.id for item in found.skipped.values()} == expected
    assert {item.code for item in found.skipped.values()} == {"filtered.special_file"}


# --- links -----------------------------------------------------------------------------------------------------------


def test_links_are_named_and_not_followed(tmp_path):
    write(tmp_path, "root/a", "root/sub/b", "outside/c")
    (tmp_path / "root" / "file").symlink_to("a")
    (tmp_path / "root" / "folder").symlink_to("../outside")
    (tmp_path / "root" / "broken").symlink_to("nowhere")
    found = listing(tmp_path / "root")
    assert found.ids == ["a", "sub/b"]
    assert {item.id: item.code for item in found.skipped.values()} == dict.fromkeys(
        ("file", "folder", "broken"), "filtered.symlink"
    )


def test_links_are_followed_when_asked_also_out_of_the_root(tmp_path):
    write(tmp_path, "root/a", "outside/c")
    (tmp_path / "root" / "file").symlink_to("a")
    (tmp_path / "root" / "folder").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "broken").symlink_to("nowhere")
    (tmp_path / "root" / "itself").symlink_to("itself")
    found = listing(tmp_path / "root", follow_symlinks=True)
    assert sorted(found.ids) == ["a", "file", "folder/c"]
    assert {item.id: item.code for item in found.skipped.values()} == dict.fromkeys(
        ("broken", "itself"), "filtered.broken_symlink"
    )
    answers = source(tmp_path / "root", follow_symlinks=True).fetch(found.entries)
    assert {answer.id: answer.content for answer in answers} == {
        "a": b"root/a", "file": b"root/a", "folder/c": b"outside/c"
    }  # fmt: skip


def test_the_version_of_a_link_is_that_of_what_it_leads_to(tmp_path):
    write(tmp_path, "root/a", "x")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "x")
    versions = {entry.id: entry.version for entry in listing(tmp_path / "root", follow_symlinks=True).entries}
    assert versions["link"] == version_of(os.stat(tmp_path / "x"))


def test_links_that_lead_back_are_left_out_by_name(tmp_path):
    write(tmp_path, "a/one", "b/two")
    (tmp_path / "up").symlink_to(".")
    (tmp_path / "a" / "to_b").symlink_to("../b")
    (tmp_path / "b" / "to_a").symlink_to("../a")
    found = listing(tmp_path, follow_symlinks=True)
    assert found.ids == ["a/one", "a/to_b/two", "b/two", "b/to_a/one"]
    assert {item.id: item.code for item in found.skipped.values()} == dict.fromkeys(
        ("up", "a/to_b/to_a", "b/to_a/to_b"), "filtered.symlink_loop"
    )


# --- what is remembered ----------------------------------------------------------------------------------------------


def test_the_anchor_is_the_root_itself(tmp_path):
    status = os.stat(tmp_path)
    assert listing(tmp_path).complete == Complete(f"{status.st_dev}:{status.st_ino}", {}, None)


def test_a_listing_takes_any_memory_and_any_cursor(tmp_path):
    write(tmp_path, "a")
    for memory in (None, {}, {"mounts": None}, {"other": 1}):
        assert [item for item in source(tmp_path).list(memory, "ignored") if isinstance(item, Page)]


def test_the_token_of_an_entry_is_the_device_of_its_folder(tmp_path):
    write(tmp_path, "a")
    [entry] = listing(tmp_path).entries
    assert entry == Entry("a", version(tmp_path), os.stat(tmp_path).st_dev)


def test_a_listing_that_is_given_up_leaves_nothing_open(tmp_path):
    write(tmp_path, *(f"{d}/{n:04}" for d in "ab" for n in range(700)))
    before = set(os.listdir("/proc/self/fd"))
    news = source(tmp_path).list(None, None)
    next(news)
    news.close()
    assert set(os.listdir("/proc/self/fd")) == before
