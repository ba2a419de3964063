"""Names of files and ids of documents: which letters change, and that nothing is ever mistaken for something else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.model.documents import Document
from syncline.model.news import Entry, Gone, Page
from syncline.sources.folder.names import id_of, is_plain, path_of
from syncline.sources.folder.source import FolderSource

NAMES = st.lists(
    st.sampled_from(
        [b"%", b"2", b"5", b"F", b"f", b"8", b"a", b"\xff", b"\x80", b"\xc3", b"\xa4", "é".encode(), b"\n"]
    ),
    min_size=1,
    max_size=8,
).map(b"".join)


def text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def sync(root) -> dict[str, bytes]:
    """Ids and bodies of everything in a folder."""
    config = SimpleNamespace(
        path=str(root), include=[], exclude=[], gitignore=False, follow_symlinks=False, max_file_bytes=1 << 20
    )
    source = FolderSource(config)
    entries = [entry for news in source.list(None, None) if isinstance(news, Page) for entry in news.entries]
    found = list(source.fetch(entries))
    assert all(isinstance(document, Document) for document in found)
    return {document.id: document.content for document in found}


@pytest.mark.parametrize(
    ("name", "id"),
    [
        (b"plain.md", "plain.md"),
        ("Übung.md".encode(), "Übung.md"),
        (b"50%.md", "50%.md"),
        (b"a%20b", "a%20b"),
        (b"a%ff", "a%ff"),
        (b"a\xff", "a%FF"),
        (b"a%FF", "a%25FF"),
        (b"a%25FF", "a%2525FF"),
        (b"100%25", "100%2525"),
        (b"\xc3\x28", "%C3("),
        (b"two\nlines", "two\nlines"),
    ],
)
def test_a_name_becomes_an_id_and_the_id_the_name_again(name, id):
    assert id_of(text(name)) == id
    assert path_of(id) == text(name)


@given(NAMES)
def test_every_id_is_utf8_and_leads_back_to_the_very_bytes(name):
    id = id_of(text(name))
    id.encode()
    assert path_of(id).encode("utf-8", "surrogateescape") == name
    assert is_plain(text(name)) or id != text(name)


@given(st.sets(st.binary(min_size=1, max_size=6), max_size=20))
def test_two_names_never_share_an_id(names):
    assert len({id_of(text(name)) for name in names}) == len(names)


def test_files_with_odd_names_are_listed_and_read_each_as_itself(tmp_path):
    names = [
        b"a\xff",
        b"a%FF",
        b"a%ff",
        b"a%25FF",
        b"new\nline",
        b"\xed\xa0\x80",
        b"x" * 255,
        b"tab\t",
        b" space ",
        b"-rf",
    ]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(b"I am " + name)
    found = sync(tmp_path)
    assert {path_of(id).encode("utf-8", "surrogateescape"): body for id, body in found.items()} == {
        name: b"I am " + name for name in names
    }


def test_odd_names_of_folders_are_part_of_the_id(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"dir\xfe%FE")
    os.mkdir(folder)
    with open(os.path.join(folder, b"\x80.txt"), "wb") as file:
        file.write(b"deep")
    assert sync(tmp_path) == {"dir%FE%25FE/%80.txt": b"deep"}


def test_composed_and_decomposed_letters_stay_two_files(tmp_path):
    for name in ("caf\u00e9", "cafe\u0301"):
        (tmp_path / name).write_text(name)
    assert sync(tmp_path) == {name: name.encode() for name in os.listdir(tmp_path)}


def test_ids_are_the_same_whatever_the_locale(tmp_path):
    (tmp_path / "wörter").mkdir()
    for name in ("Übung.md", "a%FF", "plain", "gone.lög"):
        (tmp_path / "wörter" / name).write_text(name)
    program = (
        "import json, sys; from types import SimpleNamespace as S; from syncline.model.news import Page;"
        "from syncline.sources.folder.source import FolderSource; assert sys.getfilesystemencoding() != 'utf-8';"
        "s = FolderSource(S(**json.loads(sys.stdin.buffer.read())));"
        "e = [e for n in s.list(None, None) if isinstance(n, Page) for e in n.entries];"
        "print(json.dumps({d.id: d.content.decode() for d in s.fetch(e)}))"
    )
    config = {
        "path": str(tmp_path / "wörter"), "include": [], "exclude": ["*.lög"], "gitignore": False,
        "follow_symlinks": False, "max_file_bytes": 99,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(config).encode(),
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        check=True,
        capture_output=True,
    )
    assert json.loads(done.stdout) == {"Übung.md": "Übung.md", "a%25FF": "a%FF", "plain": "plain"}


def test_an_id_that_no_listing_gave_leads_nowhere(tmp_path):
    (tmp_path / "secret.txt").write_text("no")
    (tmp_path / "root").mkdir()
    config = SimpleNamespace(
        path=str(tmp_path / "root"), include=[], exclude=[], gitignore=False, follow_symlinks=False, max_file_bytes=99
    )
    ids = ["../secret.txt", "./x", "a//b", "/etc/passwd", "nul\0byte", "..", ".", "", "dir/../../secret.txt"]
    answers = list(FolderSource(config).fetch([Entry(id, None) for id in ids]))
    assert answers == [Gone(id) for id in ids]
