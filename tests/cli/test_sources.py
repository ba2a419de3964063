"""`syncline source`: the kinds there are, their settings, their laws."""

from __future__ import annotations

import json

import pytest

from syncline.cli.sources import type_words


def test_list_names_the_built_in_kinds(cli):
    assert "folder" in [kind["name"] for kind in cli("source", "list").json]
    assert "folder" in cli("source", "list", "--human").out


def test_show_gives_the_json_schema_or_a_table(cli):
    schema = cli("source", "show", "folder").json
    assert schema["required"] == ["path"]
    out = cli("source", "show", "folder", "--human").out
    for name in schema["properties"]:
        assert name in out
    assert "list of text" in out


def test_show_of_an_unknown_kind_is_not_found(cli):
    ran = cli("source", "show", "foldr")
    assert ran.code == 3
    assert "foldr" in json.loads(ran.err)["error"]["message"]


def test_test_tries_the_laws(cli, tmp_path):
    (tmp_path / "a.md").write_text("hello")
    ran = cli("source", "test", "folder", "--set", f"path={tmp_path}")
    assert ran.code == 0, ran.json
    assert ran.json["ok"] is True
    assert set(ran.json["checks"][0]) == {"name", "law", "passed", "detail"}
    assert "laws are kept" in cli("source", "test", "folder", "--set", f"path={tmp_path}", "--human").out


def test_test_fails_when_a_law_is_broken(cli, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from syncline import source\n@source('mine')\ndef mine(config):\n    print('noise')\n    yield {'id': 1}\n"
    )
    ran = cli("source", "test", f"{tmp_path}/mine.py:mine")
    assert ran.code == 1
    assert ran.json["ok"] is False
    assert "broken" in cli("source", "test", f"{tmp_path}/mine.py:mine", "--human").out


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"type": "string"}, "text"),
        ({"type": "array", "items": {"type": "integer"}}, "list of whole number"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or nothing"),
        ({"$ref": "#/$defs/Mode"}, "fast | slow"),
        ({"type": "string", "format": "password", "writeOnly": True}, "secret"),
        ({}, "anything"),
    ],
)
def test_types_in_words(field, words):
    assert type_words(field, {"$defs": {"Mode": {"enum": ["fast", "slow"]}}}) == words
