"""The inputs are the same everywhere, and what is expected of them is true."""

from __future__ import annotations

import os
from pathlib import Path

from bench.floors import read_all, walk, walk_all
from bench.markers import counted
from bench.words import VOCABULARY, vocabulary

from bench import small_documents, workloads

FILES = 200


def contents(folder: Path) -> dict[str, str]:
    return {os.path.relpath(path, folder): Path(path).read_text() for path, _ in walk(str(folder))}


def test_the_vocabulary_has_its_size_and_no_word_twice():
    words = vocabulary().words
    assert len(words) == len(set(words)) == VOCABULARY
    assert words[:3] == vocabulary().ranks(1, 3)


def test_the_same_seed_makes_the_same_tree_and_another_seed_another(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        workloads.make(str(tmp_path / name), 20, seed)
    assert contents(tmp_path / "a") == contents(tmp_path / "b") != contents(tmp_path / "c")


def test_the_tree_is_what_the_words_say(tmp_path):
    """A change here makes figures incomparable with those published: raise GENERATOR with it."""
    assert workloads.make(str(tmp_path), FILES, 1) == sum(size for _, size in walk(str(tmp_path)))
    texts = contents(tmp_path)
    assert counted(texts.values()) == workloads.expected(FILES, changed=False)
    assert 2000 < sum(map(len, texts.values())) / FILES < 3000
    assert {Path(name).suffix for name in texts} == {".md", ".txt"}


def test_the_change_edits_deletes_and_adds_one_in_a_hundred(tmp_path):
    workloads.make(str(tmp_path), FILES, 1)
    before = contents(tmp_path)
    workloads.change(str(tmp_path), FILES, 1)
    after = contents(tmp_path)
    assert counted(after.values()) == workloads.expected(FILES, changed=True)
    assert len(before.keys() - after.keys()) == len(after.keys() - before.keys()) == 2
    assert sum(before[name] != after[name] for name in before.keys() & after.keys()) == 2


def test_an_unfinished_tree_is_made_again(tmp_path):
    folder, size = workloads.kept(str(tmp_path), 100, 1)
    os.unlink(os.path.join(folder, workloads.path_of(0)))
    assert workloads.kept(str(tmp_path), 100, 1) == (folder, size)  # a kept one is trusted
    os.unlink(folder + ".json")
    assert workloads.kept(str(tmp_path), 100, 1) == (folder, size)
    assert walk_all(folder)["documents"] == 100


def test_a_copy_keeps_file_times_and_replaces_what_was_there(tmp_path):
    base, target = tmp_path / "base", tmp_path / "copy"
    workloads.make(str(base), 10, 1)
    target.mkdir()
    (target / "old").touch()
    workloads.copy(str(base), str(target))
    assert contents(base) == contents(target)
    name = workloads.path_of(3)
    assert (base / name).stat().st_mtime == (target / name).stat().st_mtime


def test_both_floors_see_every_file_and_every_byte(tmp_path):
    size = workloads.make(str(tmp_path), 30, 1)
    assert walk_all(str(tmp_path)) == read_all(str(tmp_path)) == {"documents": 30, "bytes": size}


def test_small_documents_are_reproducible_distinct_and_small():
    once = list(small_documents.documents(500, 1))
    assert once == list(small_documents.documents(500, 1)) != list(small_documents.documents(500, 2))
    assert len({document.id for document in once}) == len({document.text for document in once}) == 500
    assert 330 < sum(len(document.text) for document in once) / 500 < 410
    assert {document.category for document in once} == set(small_documents.CATEGORIES)
