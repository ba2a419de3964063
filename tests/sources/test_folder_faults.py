"""What a listing says when something is wrong: what cannot be listed is named, and silence proves nothing."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from syncline.model.errors import SourceUnavailable
from syncline.model.news import Begin, Complete, Entry, Gone, Page, Refused, Unlisted
from syncline.sources.folder.files import Files
from syncline.sources.folder.source import FolderSource

not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
only_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


def source(root, files=None, **settings):
    plain = {"include": [], "exclude": [], "gitignore": False, "follow_symlinks": False, "max_file_bytes": 1 << 20}
    config = SimpleNamespace(path=str(root), **{**plain, **settings})
    return FolderSource(config, files=files, clock_ns=lambda: 2**62)


def listing(root, files=None, memory=None, **settings):
    news = list(source(root, files, **settings).list(memory, None))
    assert isinstance(news[-1], Complete)
    return SimpleNamespace(
        ids=[entry.id for item in news if isinstance(item, Page) for entry in item.entries],
        entries=[entry for item in news if isinstance(item, Page) for entry in item.entries],
        unlisted={item.prefix: item.error.code for item in news if isinstance(item, Unlisted)},
        errors=[item.error for item in news if isinstance(item, Unlisted)],
        memory=news[-1].memory,
    )


def write(root, *paths):
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


def refusing(call, name, code):
    """`call`, except that it fails with `code` for that name."""

    def refuse(path, *arguments, **more):
        if path == name:
            raise OSError(code, os.strerror(code), path)
        return call(path, *arguments, **more)

    return refuse


def breaking_off(folder):
    raise OSError(errno.EIO, "Input/output error")


class FaultyScan:
    """os.scandir, whose entries cannot be looked at when their name is in `faults`; "" breaks the reading itself."""

    def __init__(self, faults):
        self.faults = faults

    def __call__(self, folder):
        self.inner = os.scandir(folder)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.inner.close()

    def __iter__(self):
        return self

    def __next__(self):
        entry = next(self.inner)
        if entry.name not in self.faults:
            return entry
        error = OSError(self.faults[entry.name], os.strerror(self.faults[entry.name]))

        def stat(follow_symlinks=True):
            raise error

        return SimpleNamespace(name=entry.name, stat=stat, is_dir=entry.is_dir, is_file=entry.is_file)


# --- folders that cannot be read -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENOTDIR])
def test_a_folder_that_cannot_be_opened_is_named_and_the_rest_goes_on(tmp_path, code):
    write(tmp_path, "a", "locked/b", "locked/deep/c", "open/d")
    found = listing(tmp_path, Files(open=refusing(os.open, "locked", code)))
    assert found.ids == ["a", "open/d"]
    assert found.unlisted == {"locked/": "source.folder_unreadable"}
    assert os.strerror(code) in found.errors[0].message
    assert found.errors[0].remedy


@not_as_root
def test_a_folder_without_rights_is_named_and_the_rest_goes_on(tmp_path):
    write(tmp_path, "a", "locked/b")
    (tmp_path / "locked").chmod(0)
    found = listing(tmp_path)
    (tmp_path / "locked").chmod(0o755)
    assert (found.ids, found.unlisted) == (["a"], {"locked/": "source.folder_unreadable"})


def test_a_folder_whose_reading_breaks_off_is_named(tmp_path):
    write(tmp_path, "a", "bad/b", "good/c")
    bad = os.stat(tmp_path / "bad").st_ino

    def scandir(folder):
        if os.fstat(folder).st_ino == bad:
            raise OSError(errno.EIO, "Input/output error")
        return os.scandir(folder)

    found = listing(tmp_path, Files(scandir=scandir))
    assert (found.ids, found.unlisted) == (["a", "good/c"], {"bad/": "source.folder_unreadable"})


def test_a_file_that_may_not_be_looked_at_is_left_to_the_fetch_which_says_why(tmp_path):
    write(tmp_path, "dir/a", "dir/b")
    files = Files(scandir=FaultyScan({"a": errno.EACCES}), open=refusing(os.open, "a", errno.EACCES))
    found = listing(tmp_path, files)
    assert {entry.id: entry.version is None for entry in found.entries} == {"dir/a": True, "dir/b": False}
    refused = [answer for answer in source(tmp_path, files).fetch(found.entries) if isinstance(answer, Refused)]
    assert [(answer.id, answer.error.code) for answer in refused] == [("dir/a", "document.unreadable")]


def test_a_folder_that_may_not_be_looked_at_is_still_entered(tmp_path):
    write(tmp_path, "dir/a")
    assert listing(tmp_path, Files(scandir=FaultyScan({"dir": errno.EIO}))).ids == ["dir/a"]


def test_a_thing_of_unknown_kind_that_may_not_be_looked_at_is_named(tmp_path):
    (tmp_path / "link").symlink_to("x")
    found = listing(tmp_path, Files(scandir=FaultyScan({"link": errno.EIO})))
    assert (found.ids, found.unlisted) == ([], {"link": "source.folder_unreadable"})


def test_a_link_whose_target_may_not_be_looked_at_is_named(tmp_path):
    write(tmp_path, "a")
    (tmp_path / "link").symlink_to("a")

    class Scan(FaultyScan):
        def __next__(self):
            entry = next(self.inner)

            def stat(follow_symlinks=True):
                if follow_symlinks and entry.name == "link":
                    raise PermissionError(errno.EACCES, "Permission denied")
                return entry.stat(follow_symlinks=follow_symlinks)

            return SimpleNamespace(name=entry.name, stat=stat, is_dir=entry.is_dir, is_file=entry.is_file)

    found = listing(tmp_path, Files(scandir=Scan({})), follow_symlinks=True)
    assert (found.ids, found.unlisted) == (["a"], {"link": "source.folder_unreadable"})


def test_rules_that_cannot_be_read_keep_their_folder_closed(tmp_path):
    write(tmp_path, "a", "sub/secret", "sub/.synclineignore")
    found = listing(tmp_path, Files(open=refusing(os.open, ".synclineignore", errno.EACCES)))
    assert (found.ids, found.unlisted) == (["a"], {"sub/": "source.ignore_file_unreadable"})
    assert "sub/.synclineignore" in found.errors[0].message


def test_rules_that_lead_nowhere_keep_their_folder_closed(tmp_path):
    write(tmp_path, "a", "sub/secret")
    (tmp_path / "sub" / ".synclineignore").symlink_to("gone")
    assert listing(tmp_path).unlisted == {"sub/": "source.ignore_file_unreadable"}


def test_rules_of_the_root_that_cannot_be_read_end_the_listing(tmp_path):
    write(tmp_path, "secret")
    (tmp_path / ".synclineignore").write_bytes(b"x\n" * 600_000)
    with pytest.raises(SourceUnavailable) as caught:
        listing(tmp_path)
    assert caught.value.code == "source.ignore_file_unreadable"


# --- the root --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["open", "stat", "scandir"])
def test_a_root_that_cannot_be_read_is_an_unavailable_source(tmp_path, call):
    write(tmp_path, "a")
    broken = {
        "open": refusing(os.open, str(tmp_path), errno.EACCES),
        "stat": refusing(os.stat, ".", errno.EACCES),
        "scandir": breaking_off,
    }
    files = Files(**{call: broken[call]})
    for look in (source(tmp_path, files).check, lambda: listing(tmp_path, files)):
        with pytest.raises(SourceUnavailable) as caught:
            look()
        assert caught.value.code == "source.root_unreadable"


@not_as_root
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100])
def test_a_root_without_rights_is_an_unavailable_source(tmp_path, mode):
    write(tmp_path, "root/a")
    (tmp_path / "root").chmod(mode)
    with pytest.raises(SourceUnavailable) as caught:
        source(tmp_path / "root").check()
    (tmp_path / "root").chmod(0o755)
    assert caught.value.code == "source.root_unreadable"


def many(root):
    """Two folders, of which the first fills a page."""
    for n in range(1200):
        write(root, f"a/{n:04}")
    write(root, "b/last")


def test_a_root_replaced_during_the_listing_proves_nothing(tmp_path):
    root = tmp_path / "root"
    many(root)
    news = source(root).list(None, None)
    assert [type(next(news)) for _ in range(2)] == [Begin, Page]
    root.rename(tmp_path / "away")
    root.mkdir()
    with pytest.raises(SourceUnavailable) as caught:
        list(news)
    assert caught.value.code == "source.root_replaced"


def test_a_root_that_vanishes_during_the_listing_proves_nothing(tmp_path):
    root = tmp_path / "root"
    many(root)
    news = source(root).list(None, None)
    next(news)
    shutil.rmtree(root)
    with pytest.raises(SourceUnavailable) as caught:
        list(news)
    assert caught.value.code == "source.root_missing"


def test_a_folder_that_vanishes_during_the_listing_is_simply_gone(tmp_path):
    many(tmp_path)
    news = source(tmp_path).list(None, None)
    next(news)
    shutil.rmtree(tmp_path / "b")
    rest = list(news)
    assert not any(isinstance(item, Unlisted) for item in rest)
    assert isinstance(rest[-1], Complete)


def test_a_folder_swapped_for_a_link_during_the_listing_is_not_followed(tmp_path):
    root = tmp_path / "root"
    many(root)
    write(tmp_path, "outside/secret")
    news = source(root).list(None, None)
    assert [type(next(news)) for _ in range(2)] == [Begin, Page]
    (root / "b").rename(tmp_path / "b")
    (root / "b").symlink_to(tmp_path / "outside")
    rest = list(news)
    assert [item.prefix for item in rest if isinstance(item, Unlisted)] == ["b/"]
    assert not any(entry.id.startswith("b/") for item in rest if isinstance(item, Page) for entry in item.entries)


def test_a_file_that_vanishes_during_the_listing_is_simply_gone(tmp_path):
    write(tmp_path, "a", "b")
    assert listing(tmp_path, Files(scandir=FaultyScan({"a": errno.ENOENT}))).ids == ["b"]


def test_a_body_is_not_gone_when_the_root_is(tmp_path):
    write(tmp_path, "root/a")
    opened = source(tmp_path / "root")
    entries = [entry for item in opened.list(None, None) if isinstance(item, Page) for entry in item.entries]
    (tmp_path / "root").rename(tmp_path / "away")
    with pytest.raises(SourceUnavailable):
        list(opened.fetch(entries))
    (tmp_path / "root").mkdir()
    with pytest.raises(SourceUnavailable):
        list(opened.fetch(entries))


def test_a_body_is_not_gone_when_the_root_goes_between_two_of_them(tmp_path):
    write(tmp_path, "root/a", "root/b")
    opened = source(tmp_path / "root")
    entries = [entry for item in opened.list(None, None) if isinstance(item, Page) for entry in item.entries]
    answers = opened.fetch(entries)
    assert next(answers).content == b"root/a"
    shutil.rmtree(tmp_path / "root")
    with pytest.raises(SourceUnavailable):
        next(answers)


# --- mounts below the root -------------------------------------------------------------------------------------------


class Devices:
    """An fstat that says some folders lie on devices of their own."""

    def __init__(self, root, **devices):
        self.devices = {os.stat(root / path.replace("__", "/")).st_ino: device for path, device in devices.items()}

    def __call__(self, descriptor):
        real = os.fstat(descriptor)
        if real.st_ino not in self.devices:
            return real
        return SimpleNamespace(
            st_dev=self.devices[real.st_ino],
            st_ino=real.st_ino,
            st_mode=real.st_mode,
            st_size=real.st_size,
            st_mtime_ns=real.st_mtime_ns,
            st_ctime_ns=real.st_ctime_ns,
        )


def test_mounts_are_remembered_by_their_prefix(tmp_path):
    write(tmp_path, "a", "disk/b", "sub/net/c", "sub/net/deep/d")
    mounted = Devices(tmp_path, disk=77, sub__net=88, sub__net__deep=88)
    found = listing(tmp_path, Files(fstat=mounted))
    assert found.ids == ["a", "disk/b", "sub/net/c", "sub/net/deep/d"]
    assert found.memory == {"mounts": {"disk/": 77, "sub/net/": 88}}


def test_a_mount_that_is_not_mounted_now_is_not_listed_and_stays_remembered(tmp_path):
    write(tmp_path, "a", "disk/left-behind")
    memory = {"mounts": {"disk/": 77}}
    for _ in range(2):
        found = listing(tmp_path, memory=memory)
        assert (found.ids, found.unlisted) == (["a"], {"disk/": "source.unmounted"})
        assert "disk/" in found.errors[0].remedy
        memory = found.memory
        assert memory == {"mounts": {"disk/": 77}}


def test_a_mount_whose_folder_is_missing_altogether_is_named_and_stays_remembered(tmp_path):
    write(tmp_path, "a")
    memory = {"mounts": {"disk/": 77, "disk/inner/": 78, "sub/net/": 79}}
    found = listing(tmp_path, memory=memory)
    assert found.unlisted == {"disk/": "source.unmounted", "sub/net/": "source.unmounted"}
    assert found.memory == memory


def test_a_mount_on_another_device_than_last_time_is_a_mount(tmp_path):
    write(tmp_path, "disk/b")
    found = listing(tmp_path, Files(fstat=Devices(tmp_path, disk=99)), memory={"mounts": {"disk/": 77}})
    assert (found.ids, found.unlisted, found.memory) == (["disk/b"], {}, {"mounts": {"disk/": 99}})


def test_a_mount_that_is_ruled_out_is_forgotten(tmp_path):
    write(tmp_path, "a", "sub/disk/b")
    for pattern in ("/sub/disk/", "sub"):
        found = listing(tmp_path, memory={"mounts": {"sub/disk/": 77}}, exclude=[pattern])
        assert (found.ids, found.unlisted, found.memory) == (["a"], {}, {})


def test_a_mount_below_a_folder_that_cannot_be_listed_is_remembered_and_named_once(tmp_path):
    write(tmp_path, "a", "sub/disk/b")
    memory = {"mounts": {"sub/disk/": 77}}
    found = listing(tmp_path, Files(open=refusing(os.open, "sub", errno.EIO)), memory=memory)
    assert (found.unlisted, found.memory) == ({"sub/": "source.folder_unreadable"}, memory)


def test_a_body_is_not_gone_when_what_it_lay_on_is_unmounted(tmp_path):
    write(tmp_path, "a", "disk/b", "disk/deep/c")
    entries = [Entry("disk/b", None, 77), Entry("disk/deep/c", None, 77), Entry("a", None, os.stat(tmp_path).st_dev)]
    for entry in entries:
        (tmp_path / entry.id).unlink()
    (tmp_path / "disk" / "deep").rmdir()
    answers = list(source(tmp_path).fetch(entries))
    assert [type(answer) for answer in answers] == [Refused, Refused, Gone]
    assert [answer.error.code for answer in answers[:2]] == ["document.unreadable"] * 2


def test_a_body_is_gone_when_its_folder_is(tmp_path):
    write(tmp_path, "sub/deep/a")
    found = listing(tmp_path)
    shutil.rmtree(tmp_path / "sub")
    assert list(source(tmp_path).fetch(found.entries)) == [Gone("sub/deep/a")]


@only_as_root
def test_a_real_mount_that_goes_away_is_noticed(tmp_path):
    write(tmp_path, "a")
    disk = tmp_path / "sub" / "disk"
    disk.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("MOUNTS ARE NOT TESTED FOR REAL: this system does not let us mount a tmpfs")
    try:
        write(disk, "b")
        mounted = listing(tmp_path)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    unmounted = listing(tmp_path, memory=mounted.memory)
    assert mounted.ids == ["a", "sub/disk/b"]
    assert list(mounted.memory["mounts"]) == ["sub/disk/"]
    assert (unmounted.ids, unmounted.unlisted) == (["a"], {"sub/disk/": "source.unmounted"})
    answers = list(source(tmp_path).fetch(mounted.entries))
    assert [type(answer).__name__ for answer in answers] == ["Document", "Refused"]
