"""How a kind is found: built in, installed, by import path, or in a file."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from syncline.model.errors import NotFound, SourceProtocolError, UsageError
from syncline.sources import registry

MODULE = """
from syncline import Document, source

@source("tickets", title="Tickets")
def tickets(config):
    yield Document("a", text="x")

@source("photos")
class Photos:
    def __init__(self, config): ...
    def read(self, cursor): ...

class Undecorated(Photos): ...

def plain(config): ...
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory, and an import system that forgets what it finds there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("syncline_source_", "my_")):
            del sys.modules[name]


def write(path, text=MODULE):
    path.write_text(textwrap.dedent(text))
    return path


def installed(here, monkeypatch, **points):
    """Pretend a distribution with these entry points is installed."""
    info = here / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    lines = [f"{name.replace('_', '-')} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[syncline.sources]", *lines]))
    monkeypatch.syspath_prepend(str(here))


def test_a_kind_is_found_by_import_path_in_the_current_directory(here):
    write(here / "my_module.py")
    assert registry.find("my_module:tickets").title == "Tickets"
    assert registry.find("my_module:Photos").name == "photos"


def test_a_kind_is_found_in_a_file_by_any_path(here):
    (here / "sub").mkdir()
    write(here / "sub" / "my_source.py")
    assert registry.find("sub/my_source.py:tickets").name == "tickets"
    assert registry.find(f"{here}/sub/my_source.py:tickets").name == "tickets"


def test_a_file_is_imported_once_and_finds_its_siblings(here):
    write(here / "my_helper.py", "TITLE = 'Help'")
    write(here / "my_source.py", MODULE + "\nimport my_helper\ntickets.helper = my_helper\n")
    assert registry.find("./my_source.py:tickets") is registry.find(f"{here}/my_source.py:tickets")


def test_a_kind_is_found_by_the_name_of_an_entry_point(here, monkeypatch):
    write(here / "my_module.py")
    installed(here, monkeypatch, my_tickets="my_module:tickets")
    assert registry.find("my-tickets").title == "Tickets"


def test_a_built_in_name_wins_and_costs_no_look_at_what_is_installed(here):
    code = "import sys; from syncline.sources import registry; registry.find('folder'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here)
    loaded = set(run.stdout.split())
    assert "syncline.sources.folder" in loaded
    assert not {"importlib.metadata", "pydantic", "difflib", "pytest"} & loaded


def test_the_address_of_a_file_holds_from_anywhere(here):
    assert registry.address("./my_source.py:tickets") == f"{os.getcwd()}/my_source.py:tickets"
    assert registry.address("my_module:tickets") == "my_module:tickets"
    assert registry.address("folder") == "folder"


def test_what_is_available_is_listed_with_titles_and_with_what_is_wrong(here, monkeypatch):
    write(here / "my_module.py")
    installed(here, monkeypatch, my_tickets="my_module:tickets", my_broken="my_missing:x")
    listed = {kind.name: kind for kind in registry.available()}
    assert listed["folder"].title
    assert listed["my-tickets"][:3] == ("my-tickets", "Tickets", "my_module:tickets")
    assert "no module 'my_missing'" in listed["my-broken"].problem
    assert sorted(listed) == list(listed)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("foldr", "no source kind 'foldr'; did you mean 'folder'?"),
        ("my_modul:tickets", "no module 'my_modul'; did you mean 'my_module'?"),
        ("my_module:ticket", "holds no source 'ticket'; did you mean 'tickets'?"),
        ("./my_modle.py:tickets", "no file ./my_modle.py; did you mean 'my_module.py'?"),
        ("no_such_thing_at_all", "no source kind 'no_such_thing_at_all'"),
        ("", "no source kind ''"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_is_near(here, kind, told):
    write(here / "my_module.py")
    with pytest.raises(NotFound) as caught:
        registry.find(kind)
    assert told in caught.value.message
    assert caught.value.remedy


def test_a_file_without_a_name_is_answered_with_the_names_in_it(here):
    write(here / "my_source.py")
    with pytest.raises(UsageError) as caught:
        registry.find("./my_source.py")
    assert "Photos, tickets" in caught.value.remedy


@pytest.mark.parametrize("name", ["plain", "Document", "Undecorated"])
def test_what_is_no_source_is_refused(here, name):
    write(here / "my_source.py")
    with pytest.raises(UsageError, match="is no source") as caught:
        registry.find(f"./my_source.py:{name}")
    assert "@source" in caught.value.remedy


@pytest.mark.parametrize("text", ["1 / 0", "def", "import my_missing_dependency"])
def test_a_module_that_cannot_be_imported_is_the_sources_fault(here, text):
    write(here / "my_bad.py", text)
    for kind in ("my_bad:x", "./my_bad.py:x"):
        with pytest.raises(SourceProtocolError, match="cannot be imported") as caught:
            registry.find(kind)
        assert caught.value.code == "source.import_failed"
        assert caught.value.__cause__ is not None


def test_a_file_that_was_corrected_is_imported_again(here):
    path = write(here / "my_bad.py", "1 / 0")
    with pytest.raises(SourceProtocolError):
        registry.find("./my_bad.py:tickets")
    path.unlink()
    write(path)
    assert registry.find("./my_bad.py:tickets").name == "tickets"
