"""A text index that was lost, damaged or left behind is built again; nobody sees a traceback."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.destinations.truths import MemoryTruth

from syncline.destinations.embedded import layout
from syncline.model.errors import DestinationError
from syncline.testing.crashes import CrashAt, SimulatedCrash


def generation(desk):
    return next(desk.directory.glob("g*"))


def garble_pointer(desk):
    (desk.directory / "current.json").write_text("{")


def garble_meta(desk):
    (generation(desk) / "meta.json").write_text("{}")


def foreign_pointer(desk):
    (desk.directory / "current.json").write_text(json.dumps({"schema": 99, "generation": 1}))


def remove_everything(desk):
    shutil.rmtree(desk.directory)


def remove_generation(desk):
    shutil.rmtree(generation(desk))


def remove_a_file(desk):
    next(generation(desk).glob("*.term")).unlink()


def replace(path, content):
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)


def empty_a_file(desk):
    replace(next(generation(desk).glob("*.idx")), b"")


def garble_a_file(desk):
    replace(next(generation(desk).glob("*.term")), b"garbage" * 100)


DAMAGES = [
    garble_pointer,
    garble_meta,
    foreign_pointer,
    remove_everything,
    remove_generation,
    remove_a_file,
    empty_a_file,
    garble_a_file,
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("by", ["search", "settle", "write"])
def test_a_damaged_index_is_built_again_and_says_so(filled, damage, by, capfd):
    desk = filled(a="one word", b="another word")
    desk.index.close()
    damage(desk)
    desk.index = desk.another()
    if by == "write":
        desk.truth.put("c", "third word")
    if by != "search":
        desk.index.settle()
    assert sorted(desk.ids("word")) == sorted(desk.truth.numbers)
    assert desk.agrees()
    assert len(desk.told) == 1
    assert "building it again" in desk.told[0]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_under_an_open_index_is_mended_by_the_next_job(filled, damage):
    desk = filled(a="one word", b="another word")
    assert desk.ids("one") == ["a"]
    damage(desk)
    desk.truth.put("c", "third word")
    desk.index.settle()
    assert sorted(desk.ids("word")) == ["a", "b", "c"]
    assert desk.agrees()


def test_an_index_of_an_older_backup_is_built_again(filled, tmp_path):
    desk = filled(a="word", b="word")
    shutil.copytree(desk.directory, tmp_path / "backup")
    desk.truth.delete("a")
    desk.truth.put("c", "word")
    desk.index.settle()
    desk.index.close()
    shutil.rmtree(desk.directory)
    shutil.move(tmp_path / "backup", desk.directory)
    desk.truth.put("d", "word")
    desk.index = desk.another()
    desk.index.settle()
    assert desk.agrees()
    assert len(desk.told) == 1


def test_an_index_ahead_of_a_restored_truth_is_built_again(filled):
    desk = filled(a="word", b="word", c="word")
    desk.truth = MemoryTruth()
    desk.truth.put("z", "word")
    desk.index = desk.another()
    desk.index.settle()
    assert desk.ids("word") == ["z"]
    assert desk.agrees()


def test_a_directory_that_cannot_be_written_is_an_error_for_people(desk):
    desk.directory.write_text("a file in the way")
    desk.truth.put("a", "word")
    with pytest.raises(DestinationError) as failed:
        desk.index.settle()
    assert failed.value.remedy
    desk.index.close()
    desk.directory.unlink()


def test_rebuilding_answers_from_the_old_index_until_the_new_one_is_complete(filled):
    desk = filled(a="word", b="word")
    seen: list[list[str]] = []
    index = desk.another(crash=lambda point: seen.append(desk.ids("word")) if point == "text.commit" else None)
    index.rebuild()
    assert seen == [["a", "b"]]
    assert desk.ids("word") == ["a", "b"]
    assert [path.name for path in desk.directory.glob("g*")] == ["g2"]


@pytest.mark.parametrize("point", ["text.commit", "text.committed", "text.confirmed"])
def test_a_crash_while_rebuilding_is_harmless(filled, point):
    desk = filled(a="word", b="word")
    crashing = desk.another(crash=CrashAt(point))
    desk.truth.delete("a")
    desk.truth.put("c", "word")
    with pytest.raises(SimulatedCrash):
        crashing.rebuild()
    crashing.close()
    desk.index.settle()
    assert desk.ids("word") == ["b", "c"]
    assert desk.agrees()
    assert len(list(desk.directory.glob("g*"))) == 1


def test_repair_removes_what_is_wrong_and_adds_what_is_missing(filled):
    desk = filled(a="word", b="word", c="word")
    gone, kept = desk.truth.documents.pop(1), dict(desk.truth.documents)
    desk.truth.documents = {2: kept[2]}
    desk.index.repair(wrong=[1, 3], missing=[])
    assert desk.agrees()
    desk.truth.documents = {1: gone, **kept}
    desk.index.repair(wrong=[], missing=[1, 3, 2, 99])
    assert desk.agrees()
    assert desk.ids("word") == ["a", "b", "c"]


def test_what_a_killed_commit_left_behind_does_not_stop_the_next_one(filled):
    desk = filled(a="word", b="word")
    meta = json.loads((generation(desk) / "meta.json").read_text())
    segment = meta["segments"][0]["segment_id"].replace("-", "")
    for opstamp in range(meta["opstamp"], meta["opstamp"] + 9):
        (generation(desk) / f"{segment}.{opstamp}.del").write_text("half of it")
    desk.truth.delete("a")
    desk.index.settle()
    assert desk.agrees()
    assert desk.told == []


def test_a_flipped_byte_is_noticed(filled):
    desk = filled(a="word " * 1000, b="word")
    files = layout.Layout(str(desk.directory))
    assert files.intact()
    path = next(generation(desk).glob("*.term"))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    assert not files.intact()
