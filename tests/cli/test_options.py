"""Options: the global ones stand before or after the command; settings and filters are read the same everywhere."""

from __future__ import annotations

import json

import click
import pytest

from syncline.cli.inputs import parse_facets, parse_filters, parse_settings, parse_sorts
from syncline.model.search import Facet, Filter, Results, Sort


@pytest.mark.parametrize(
    "args",
    [
        ["--data-dir", "X", "--human", "jobs"],
        ["jobs", "--data-dir", "X", "--human"],
        ["--human", "jobs", "--data-dir=X"],
        ["--data-dir", "other", "--json", "jobs", "--human", "--data-dir", "X"],  # the last word counts
    ],
)
def test_global_options_stand_before_and_after_the_command(cli, api, args):
    ran = cli(*args)
    assert api.asked("open") == {"data_dir": "X"}
    assert ran.out == "no jobs; begin with syncline sync PATH --data-dir X\n"


def test_global_options_stand_inside_groups_too(cli, api):
    assert cli("--human", "connector", "--data-dir", "X", "list").out.startswith("no connectors")
    assert api.asked("open") == {"data_dir": "X"}


def test_without_a_data_dir_the_api_chooses(cli, api):
    cli("jobs")
    assert api.asked("open") == {"data_dir": None}


def test_an_empty_data_dir_is_a_mistake(cli, api):
    assert cli("jobs", "--data-dir", "").code == 2
    assert api.calls == []


def test_sync_hands_over_what_was_given_and_nothing_else(cli, api, make):
    api.answers["sync"] = make.result()
    cli("sync", "docs")
    asked = api.asked("sync")
    assert (asked["target"], asked["index"], asked["full"], asked["settings"]) == ("docs", None, False, None)
    assert asked["on_progress"] is None  # nobody watches
    assert asked["stop"]() is False

    cli("sync", "docs", "--full", "--index", "books", "--include", "*.md", "--include", "*.txt", "--no-gitignore",
        "--follow-symlinks", "--set", "max_bytes=10")  # fmt: skip
    asked = api.asked("sync")
    assert (asked["index"], asked["full"]) == ("books", True)
    assert asked["settings"] == {
        "include": ["*.md", "*.txt"],
        "gitignore": False,
        "follow_symlinks": True,
        "max_bytes": "10",
    }


def test_a_path_that_begins_with_a_dash_follows_two_dashes(cli, api, make):
    api.answers["sync"] = make.result()
    assert cli("sync", "--full", "--", "-odd").code == 0
    assert api.asked("sync")["target"] == "-odd"


def test_the_guard_is_passed_only_when_given(cli, api, make):
    api.answers["add_connector"] = make.connector()
    cli("connector", "add", "folder", "--set", "path=x")
    assert api.asked("add_connector")["guard"] is None
    cli("connector", "add", "folder", "--name", "n", "--index", "i", "--max-deletes", "7")
    asked = api.asked("add_connector")
    assert (asked["guard"].max_deletes, asked["guard"].max_percent) == (7, 25.0)
    assert (asked["name"], asked["index"]) == ("n", "i")


@pytest.mark.parametrize(
    ("pairs", "settings"),
    [
        ([], {}),
        (["path=./docs"], {"path": "./docs"}),
        (["a=b=c", "empty="], {"a": "b=c", "empty": ""}),
        (
            ['include=["*.md"]', 'auth={"user": "x"}', 'id="12"'],
            {"include": ["*.md"], "auth": {"user": "x"}, "id": "12"},
        ),
        (["n=12", "on=true"], {"n": "12", "on": "true"}),  # the settings' own types convert them
        (["include=a", "include=b", "include=c"], {"include": ["a", "b", "c"]}),
    ],
)
def test_settings(pairs, settings):
    assert parse_settings(pairs) == settings


@pytest.mark.parametrize("pair", ["path", "=x", "list=[1,"])
def test_settings_that_cannot_be_read_are_named(pair):
    with pytest.raises(click.UsageError) as caught:
        parse_settings([pair])
    assert "--set" in caught.value.format_message()


@pytest.mark.parametrize(
    ("text", "filter"),
    [
        ("author=ann", Filter("author", "eq", "ann")),
        ("author = ann lee", Filter("author", "eq", "ann lee")),
        ("lang=en,de", Filter("lang", "in", ["en", "de"])),
        ("year=2024", Filter("year", "in", ["2024", 2024])),
        ('year="2024"', Filter("year", "eq", "2024")),
        ('lang="en,de"', Filter("lang", "eq", "en,de")),
        ("draft=true", Filter("draft", "in", ["true", True])),
        ("id=2024", Filter("id", "eq", "2024")),
        ("size>=10", Filter("size", "range", (10, None))),
        ("size<=1.5", Filter("size", "range", (None, 1.5))),
        ("modified>=2024-01-31", Filter("modified", "range", ("2024-01-31", None))),
        ("zip=01234", Filter("zip", "eq", "01234")),
        ("author", Filter("author", "exists")),
        ("author=", Filter("author", "eq", "")),
    ],
)
def test_filters(text, filter):
    assert parse_filters([text]) == [filter]


@pytest.mark.parametrize("text", ["size>3", "=x", "author:ann", "size>=", ""])
def test_filters_that_cannot_be_read_are_usage_errors(cli, api, text):
    ran = cli("search", "x", "--filter", text)
    assert ran.code == 2
    assert "--filter" in ran.err
    assert api.calls == []


def test_search_hands_over_who_asks(cli, api, make):
    api.answers["search"] = make.results()
    cli("search", "x", "--user", "ann", "--group", "hr", "--group", "it", "--limit", "5", "--offset", "20")
    asked = api.asked("search")
    assert (asked["user"], asked["groups"], asked["unrestricted"]) == ("ann", ("hr", "it"), False)
    assert (asked["limit"], asked["offset"]) == (5, 20)
    cli("search", "x", "--all-documents")
    assert api.asked("search")["unrestricted"] is True


def test_orders_and_facets_are_read_as_documented():
    assert parse_sorts(["year", "-year", "- year"]) == [Sort("year"), Sort("year", True), Sort("year", True)]
    assert parse_facets(["lang", "lang=20", "a=b"]) == [Facet("lang"), Facet("lang", 20), Facet("a=b")]
    for read, wrong in ((parse_sorts, ""), (parse_sorts, "-"), (parse_facets, ""), (parse_facets, "=20")):
        with pytest.raises(click.BadParameter):
            read([wrong])


def test_search_hands_over_orders_and_facets(cli, api, make):
    api.answers["search"] = Results(2, [], {"lang": [("de", 2)]})
    assert "de" in cli("--human", "search", "x", "--sort", "-year", "--facet", "lang=3", "--limit", "0").out
    asked = api.asked("search")
    assert (asked["sort"], asked["facets"], asked["limit"]) == ([Sort("year", True)], [Facet("lang", 3)], 0)
    assert json.loads(cli("--json", "search", "x", "--facet", "lang").out)["facets"] == {
        "lang": [{"value": "de", "count": 2}]
    }
