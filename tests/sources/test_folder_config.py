"""The settings of a folder connector, and the kind that names them."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from syncline.model.errors import ConfigInvalid, SourceUnavailable
from syncline.model.ports import ListingSource
from syncline.sources.folder import KIND
from syncline.sources.folder.config import FolderConfig
from syncline.sources.folder.source import FolderSource


def source(path, **settings):
    return FolderSource(FolderConfig(path=str(path), **settings))


def test_the_kind_finds_its_settings_and_its_source(tmp_path):
    config = KIND.load_config()(path=str(tmp_path))
    assert isinstance(config, FolderConfig)
    made = KIND.load_source()(SimpleNamespace(**config.model_dump()))
    assert isinstance(made, FolderSource)
    assert isinstance(made, ListingSource)
    assert KIND.identity == ("path",)


def test_running_a_source_never_imports_pydantic(tmp_path):
    program = (
        "import sys; from types import SimpleNamespace as S; from syncline.sources.folder import KIND;"
        "s = KIND.load_source()(S(path=sys.argv[1], include=['*.md'], exclude=['x'], gitignore=True,"
        "follow_symlinks=False, max_file_bytes=9)); list(s.list(None, None)); assert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


def test_naming_the_kind_imports_neither_the_source_nor_its_settings():
    program = (
        "import sys, syncline.sources.folder; print(*[m for m in sys.modules if 'folder.' in m or m == 'pydantic'])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_a_path_is_made_absolute_and_need_not_exist(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.chdir(tmp_path)
    assert FolderConfig(path="~/notes").path == "/home/ann/notes"
    assert FolderConfig(path="docs/").path == os.path.join(os.getcwd(), "docs")
    assert FolderConfig(path="/nowhere/at/../all").path == "/nowhere/all"


def test_a_link_in_the_path_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert FolderConfig(path=str(tmp_path / "link")).path == str(tmp_path / "link")


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": ""},
        {"path": "/x\0y"},
        {"path": "~nobody-of-that-name/x"},
        {"colour": "red"},
        {"max_file_bytes": 0},
        {"exclude": ["[abc"]},
        {"exclude": ["oops\\"]},
        {"include": ["[[:nothing:]]"]},
        {"include": [""]},
        {"exclude": ["/"]},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        FolderConfig(**{"path": "/x", **wrong})


def test_a_wrong_pattern_is_named_with_its_fault():
    with pytest.raises(ValidationError, match=r"'\[abc' matches nothing: a \[ is not closed"):
        FolderConfig(path="/x", exclude=["[abc"])


def test_every_setting_explains_itself_in_one_first_sentence():
    for name, field in FolderConfig.model_fields.items():
        first = (field.description or "").split(". ")[0]
        assert 10 < len(first) < 90, name


def test_a_root_that_is_missing_is_an_unavailable_source(tmp_path):
    missing = source(tmp_path / "none")
    for look in (missing.check, lambda: list(missing.list(None, None)), lambda: list(missing.fetch([]))):
        with pytest.raises(SourceUnavailable) as caught:
            look()
        assert caught.value.code == "source.root_missing"


def test_a_root_below_a_file_is_missing(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceUnavailable) as caught:
        source(tmp_path / "file" / "below").check()
    assert caught.value.code == "source.root_missing"


def test_a_root_that_is_a_file_is_a_wrong_setting(tmp_path):
    (tmp_path / "file.txt").write_text("x")
    wrong = source(tmp_path / "file.txt")
    for look in (wrong.check, lambda: list(wrong.list(None, None))):
        with pytest.raises(ConfigInvalid) as caught:
            look()
        assert caught.value.code == "config.not_a_folder"


def test_a_root_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    source(tmp_path / "link").check()


def test_check_says_nothing_of_a_folder_that_can_be_read(tmp_path):
    (tmp_path / "a").write_text("x")
    source(tmp_path).check()
