"""Which rule wins: the connector's own, a file's, the nearest file's; and what `include` adds to it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from syncline.model.errors import ConfigInvalid
from syncline.model.news import Page, Skipped
from syncline.sources.folder.globs import compile_glob
from syncline.sources.folder.ignore import RuleSet, parse_lines
from syncline.sources.folder.source import FolderSource


def listing(root, **settings):
    """The ids that are listed, and the rules of those that are named as left out."""
    plain = {"include": [], "exclude": [], "gitignore": False, "follow_symlinks": False, "max_file_bytes": 1}
    source = FolderSource(SimpleNamespace(path=str(root), **{**plain, **settings}))
    news = list(source.list(None, None))
    skipped = [item for item in news if isinstance(item, Skipped)]
    assert all(item.code == "filtered.rule" for item in skipped)
    return (
        [entry.id for item in news if isinstance(item, Page) for entry in item.entries],
        {item.id: item.rule for item in skipped},
    )


def write(root, **files):
    """Files by path, with "__" for "/" and "_D" for "."; a text is a file of rules."""
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_D", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_without_rules_everything_is_listed(tmp_path):
    write(tmp_path, a_Dlog="", b_Dmd="")
    assert listing(tmp_path) == (["a.log", "b.md"], {})


def test_an_excluded_file_is_named_with_its_rule(tmp_path):
    write(tmp_path, a_Dlog="", b_Dmd="", sub__c_Dlog="")
    assert listing(tmp_path, exclude=["*.log"]) == (
        ["b.md"],
        {"a.log": "exclude *.log", "sub/c.log": "exclude *.log"},
    )


def test_an_excluded_folder_is_not_entered_and_what_is_in_it_not_named(tmp_path):
    write(tmp_path, a="", build__b="", sub__build__c="")
    assert listing(tmp_path, exclude=["build/"]) == (["a"], {})
    assert listing(tmp_path, exclude=["/build/"]) == (["a", "sub/build/c"], {})


def test_nothing_is_taken_in_again_from_an_excluded_folder(tmp_path):
    write(tmp_path, build__keep="", build__b="")
    assert listing(tmp_path, exclude=["build/", "!build/keep"]) == ([], {})
    assert listing(tmp_path, exclude=["build/*", "!build/keep"]) == (["build/keep"], {"build/b": "exclude build/*"})


def test_ignore_files_are_always_obeyed_and_gitignore_files_when_asked(tmp_path):
    write(tmp_path, a="", b="", _Dgitignore="a", _Dsynclineignore="b\n.*ignore")
    assert listing(tmp_path)[0] == ["a"]
    assert listing(tmp_path, gitignore=True) == (
        [],
        {
            "a": ".gitignore: a",
            "b": ".synclineignore: b",
            ".gitignore": ".synclineignore: .*ignore",
            ".synclineignore": ".synclineignore: .*ignore",
        },
    )


def test_the_file_of_the_same_folder_wins_over_those_above(tmp_path):
    write(
        tmp_path,
        _Dsynclineignore="*.x\n.s*",
        sub___Dsynclineignore="!b.x",
        sub__a_Dx="",
        sub__b_Dx="",
        sub__deep__b_Dx="",
    )
    found, skipped = listing(tmp_path)
    assert found == ["sub/b.x", "sub/deep/b.x"]
    assert skipped["sub/a.x"] == ".synclineignore: *.x"


def test_synclineignore_wins_over_gitignore_of_the_same_folder(tmp_path):
    write(tmp_path, _Dgitignore="*", _Dsynclineignore="!a", a="", b="")
    assert listing(tmp_path, gitignore=True)[0] == ["a"]


def test_exclude_wins_over_every_file(tmp_path):
    write(tmp_path, _Dsynclineignore="a\n!b", a="", b="")
    assert listing(tmp_path, exclude=["b", "!a", ".*"])[0] == ["a"]


def test_a_rule_with_a_slash_counts_from_its_own_folder(tmp_path):
    write(
        tmp_path, sub___Dsynclineignore="/x\ndeep/y\n.*", x="", sub__x="", sub__deep__x="", sub__deep__y="", deep__y=""
    )
    found, skipped = listing(tmp_path)
    assert found == ["x", "deep/y", "sub/deep/x"]
    assert skipped["sub/x"] == "sub/.synclineignore: /x"


def test_a_folder_s_rules_do_not_reach_its_neighbours(tmp_path):
    write(tmp_path, a___Dsynclineignore="*", a__x="", b__x="", ab__x="")
    assert listing(tmp_path)[0] == ["ab/x", "b/x"]


def test_include_takes_only_what_matches(tmp_path):
    write(tmp_path, a_Dmd="", b_Dtxt="", sub__c_Dmd="", sub__d="")
    found, skipped = listing(tmp_path, include=["*.md"])
    assert found == ["a.md", "sub/c.md"]
    assert set(skipped) == {"b.txt", "sub/d"}


def test_a_folder_that_include_names_is_taken_whole(tmp_path):
    write(tmp_path, a="", docs__b="", docs__deep__c="", other__docs__d="")
    assert listing(tmp_path, include=["docs/"])[0] == ["docs/b", "docs/deep/c", "other/docs/d"]
    assert listing(tmp_path, include=["/docs/"])[0] == ["docs/b", "docs/deep/c"]


def test_folders_that_hold_nothing_included_are_not_entered(tmp_path):
    write(tmp_path, a="", docs__api__b="", docs__x="", other__c="")
    assert listing(tmp_path, include=["/docs/api"]) == (
        ["docs/api/b"],
        {"a": "include matches nothing of it", "docs/x": "include matches nothing of it"},
    )
    assert listing(tmp_path, include=["docs/*/b"])[0] == ["docs/api/b"]
    assert listing(tmp_path, include=["docs/**/b"])[0] == ["docs/api/b"]
    assert set(listing(tmp_path, include=["docs/*/b"])[1]) == {"a", "docs/x"}


def test_include_may_take_back_a_part(tmp_path):
    write(tmp_path, docs__a="", docs__a_Dtmp="", docs__private__b="", docs__private__keep__c="", x="")
    patterns = ["docs/", "!*.tmp", "!docs/private/", "docs/private/keep/"]
    assert listing(tmp_path, include=patterns)[0] == ["docs/a", "docs/private/keep/c"]


def test_an_include_of_exceptions_only_takes_the_rest(tmp_path):
    write(tmp_path, a_Dmd="", b_Dtmp="")
    assert listing(tmp_path, include=["!*.tmp"])[0] == ["a.md"]


def test_exclude_wins_over_include(tmp_path):
    write(tmp_path, a_Dmd="", draft_Dmd="")
    assert listing(tmp_path, include=["*.md"], exclude=["draft*"])[0] == ["a.md"]


def test_no_rule_brings_back_what_is_built_in(tmp_path):
    write(tmp_path, _Dgit__config="", _DDS_Store="", a="")
    assert listing(tmp_path, exclude=["!.git/", "!.DS_Store"], include=["*", ".git/"]) == (["a"], {})


def test_rules_match_names_that_are_not_utf8(tmp_path):
    with open(str(tmp_path).encode() + b"/caf\xe9.log", "w"), open(str(tmp_path).encode() + b"/\xff", "w"):
        pass
    (tmp_path / ".synclineignore").write_bytes(b"\xff\n.*")
    found, skipped = listing(tmp_path, exclude=["*.log"])
    assert found == []
    assert skipped["caf%E9.log"] == "exclude *.log"
    assert skipped["%FF"] == ".synclineignore: %FF"


def test_a_question_mark_takes_a_letter_and_not_a_byte(tmp_path):
    write(tmp_path, é="", ab="")
    assert listing(tmp_path, exclude=["?"])[0] == ["ab"]


def test_a_pattern_that_fits_nothing_is_refused_when_the_source_is_opened(tmp_path):
    with pytest.raises(ConfigInvalid):
        listing(tmp_path, exclude=["[a"])


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "**/a/" * 40 + "b", "[ab]*" * 30 + "c", "a*/" * 20 + "**/b*a*c"])
@pytest.mark.timeout(60)  # what backtracks takes years
def test_no_pattern_backtracks_on_any_name(pattern):
    rules = RuleSet(parse_lines(pattern.encode(), ""))
    path = "a/" * 100 + "a" * 255
    assert rules.last_match(path, "a" * 255, folder=False) is None


def test_a_compiled_pattern_tells_which_folders_may_hold_a_match():
    assert compile_glob("docs/*/x", path=True)[1:] == (("docs", "[^/]*", "x"), False)
    assert compile_glob("docs/**/x", path=True)[1:] == (("docs",), True)
    assert compile_glob("**/x", path=True)[1:] == ((), True)
