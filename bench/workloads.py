"""Workload W1: a tree of nested Markdown and text files of about 2.5 KB, and one change to it.

    make (once, kept) ─▶ copy (fresh for each repetition) ─▶ change (1 % edited, 1 % added, 1 % deleted)

A file that will be edited carries the word `zzbefore` and later `zzedited`, one that will be deleted `zzdoomed`, an
added one `zzadded`: see bench/markers.py.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess

from bench.markers import MARKERS
from bench.words import vocabulary

GENERATOR = 1  # raise it when the same seed gives other files; kept trees are then made again
_FIRST_MTIME = 1_700_000_000


def is_edited(i: int) -> bool:
    """True for the one file in a hundred that the change edits."""
    return i % 100 == 7


def is_doomed(i: int) -> bool:
    """True for the one file in a hundred that the change deletes."""
    return i % 100 == 13


def path_of(i: int) -> str:
    """Relative path of file `i`: 20 folders of 25 folders; three files in four are Markdown."""
    return f"d{i % 20:02d}/s{(i // 20) % 25:02d}/doc{i:07d}{'.md' if i % 4 else '.txt'}"


def text_of(rng: random.Random, mark: str = "") -> str:
    """A heading and paragraphs of Zipf words, about 2.5 KB, closed by the marker word if there is one."""
    words = vocabulary().draw(rng, max(20, int(rng.gauss(2000 / 6.2, 100))))
    lines = ["# " + " ".join(words[:6]).title(), ""]
    at = 6
    while at < len(words):
        step = rng.randint(30, 90)
        lines += [" ".join(words[at : at + step]).capitalize() + ".", ""]
        at += step
    return "\n".join([*lines, mark, ""]) if mark else "\n".join(lines)


def expected(files: int, *, changed: bool) -> dict[str, int]:
    """What a correct copy of the tree holds, before or after the change. Keys: documents and those of MARKERS."""
    edited = sum(is_edited(i) for i in range(files))
    doomed = sum(is_doomed(i) for i in range(files))
    if not changed:
        return {"documents": files, "unedited": edited, "edited": 0, "added": 0, "doomed": doomed}
    return {"documents": files, "unedited": 0, "edited": edited, "added": doomed, "doomed": 0}


def make(folder: str, files: int, seed: int) -> int:
    """Write the tree; returns its bytes. File times lie in the past, a minute apart, as those of real files do."""
    size = 0
    for i in range(files):
        mark = MARKERS["unedited"] if is_edited(i) else MARKERS["doomed"] if is_doomed(i) else ""
        path = os.path.join(folder, path_of(i))
        size += _write(path, text_of(random.Random(seed * 1_000_003 + i), mark))
        os.utime(path, (_FIRST_MTIME + 60 * i,) * 2)
    return size


def change(folder: str, files: int, seed: int) -> None:
    """Edit one file in a hundred, delete one and add one, in place."""
    for i in range(files):
        path = os.path.join(folder, path_of(i))
        if is_edited(i):
            _write(path, text_of(random.Random(seed * 7_000_003 + i), MARKERS["edited"]))
        elif is_doomed(i):
            os.unlink(path)
    for i in range(files, files + sum(map(is_doomed, range(files)))):
        _write(os.path.join(folder, path_of(i)), text_of(random.Random(seed * 1_000_003 + i), MARKERS["added"]))


def kept(work: str, files: int, seed: int) -> tuple[str, int]:
    """(folder, bytes) of a tree made earlier under `work`, or made now."""
    name = os.path.join(work, f"w1-{files}-{seed}-v{GENERATOR}")
    note = name + ".json"
    if not os.path.exists(note):
        shutil.rmtree(name, ignore_errors=True)
        size = make(name, files, seed)
        with open(note, "w", encoding="utf-8") as out:  # last: a tree without its note is unfinished
            json.dump({"bytes": size}, out)
    with open(note, encoding="utf-8") as note_file:
        return name, int(json.load(note_file)["bytes"])


def copy(source: str, target: str) -> None:
    """A fresh copy with the same file times; whatever `target` was is gone."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", source, target], check=True)
    os.sync()


def _write(path: str, text: str) -> int:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        return out.write(text)  # ASCII: characters are bytes
