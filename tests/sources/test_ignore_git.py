"""Ignore rules mean what git says they mean: git itself is asked.

Known and meant differences, which the examples leave out: `?` and brackets take one character where git takes one
byte, and `**\\/` is a star and a slash.
"""

from __future__ import annotations

import shutil
import subprocess
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncline.model.news import Page, Skipped
from syncline.sources.folder.globs import NeverMatches
from syncline.sources.folder.ignore import parse_rule
from syncline.sources.folder.source import FolderSource

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="GIT IS NOT HERE to be asked")

FOLDERS = ["a", "a/b", "a/b/a", "ab", "ab/b", "b", "b/[x]", "a b", "a.b", "a.b/ab", "foo", "foo/bar", "foo/bar/a"]
NAMES = ["a", "b", "ab", "ba", "abc", "a.b", "x.a", "!a", "#a", "a ", "-", "]", "[a]", "a*", "foobar", "A1"]
FILES = [f"{folder}/{name}".lstrip("/") for folder in ["", *FOLDERS] for name in NAMES]
FILES = [file for file in FILES if file not in FOLDERS]

WORDS = [
    "a",
    "b",
    "ab",
    "a.b",
    "foo",
    "bar",
    "*",
    "**",
    "?",
    "*.a",
    "a*",
    "*b",
    "x",
    ".",
    "-",
    " ",
    "\\a",
    "\\*",
    "\\ ",
]
BRACKETS = ["[ab]", "[!a]", "[^b]", "[a-c]", "[]]", "[]-]", "[!]a]", "[\\]]", "[[:alpha:]]", "[[:upper:][:digit:]]"]
BRACKETS += ["[a", "[z-a]", "[[:x:]]", "[a-", "[--0]", "[[]", "[*]", "[a\\-c]", "[b/a]", "[[:]", "[[::]]", "[!/]"]
part = st.lists(st.sampled_from(WORDS + BRACKETS), min_size=1, max_size=3).map("".join)
path = st.lists(part, min_size=1, max_size=4).map("/".join)
patterns = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "", "", "!", "\\!", "#", "\\#"]),
    st.sampled_from(["", "", "/", "**/"]),
    path,
    st.sampled_from(["", "", "/", "/**", "\\"]),
    st.sampled_from(["", "", "", " ", "\\ ", "\r"]),
).filter(lambda pattern: "**\\/" not in pattern)
rules = st.lists(patterns, max_size=5).map("\n".join)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A git work tree with many files of few letters."""
    root = tmp_path_factory.mktemp("tree")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for file in FILES:
        (root / file).touch()
    return root


def git_says(root) -> dict[str, tuple[str, str]]:
    """For every file the ignore file and the pattern that decide, or empty strings. A folder's rule decides, too."""
    command = ["git", "-C", str(root), "check-ignore", "--no-index", "--verbose", "--non-matching", "-z", "--stdin"]
    asked = "".join(f"{file}\0" for file in FILES).encode()
    done = subprocess.run(command, input=asked, capture_output=True)
    assert done.returncode in (0, 1), done.stderr
    fields = done.stdout.decode().split("\0")[:-1]
    return {file: (origin, pattern) for origin, _, pattern, file in zip(*[iter(fields)] * 4, strict=True)}


def we_say(root, **more):
    """The files that are listed, and the rule of every file that is named as left out."""
    plain = {"include": [], "exclude": [], "gitignore": True, "follow_symlinks": False, "max_file_bytes": 1}
    news = list(FolderSource(SimpleNamespace(path=str(root), **{**plain, **more})).list(None, None))
    listed = {entry.id for item in news if isinstance(item, Page) for entry in item.entries}
    return listed & set(FILES), {item.id: item.rule for item in news if isinstance(item, Skipped) if item.id in FILES}


@settings(max_examples=250)
@given(rules, st.sampled_from(["a", "a/b", "ab", "foo"]), rules)
@example("a**/b", "a", "")
@example("**/b\n!a/b", "a", "!b\n/a")
@example("a/**/b", "a", "")
@example("foo/**\n!foo/bar/", "foo", "!*")
@example("*\n!*/\n!*.a", "a", "")
@example("/**", "a", "!b")
@example("a\\", "a", "[a-\n[[:]")
@example("\ufeffa", "a", "")
@example("a  \n\\#a \nb\\ ", "a", "")
@example("foo**bar\nfoo**/\n**foo/bar", "a", "")
@example("**/**/a/**/**", "a", "")
@example("a/*/a\n*/b", "ab", "a/b")
@example("//\n/\n!\n!/\na//b", "a", "/")
def test_a_file_is_listed_when_git_does_not_ignore_it(tree, top, folder, nested):
    (tree / ".gitignore").write_text(top)
    inner = tree / folder / ".gitignore"
    inner.write_text(nested)
    try:
        verdicts = git_says(tree)
        listed, skipped = we_say(tree)
    finally:
        inner.unlink()
    assert listed == {file for file, (_, pattern) in verdicts.items() if not pattern or pattern.startswith("!")}
    for file, rule in skipped.items():
        assert rule == "{}: {}".format(*verdicts[file])


@settings(max_examples=60)
@given(st.lists(patterns.filter(lambda pattern: pattern[:1] != "#" and pattern.rstrip() == pattern), max_size=4))
def test_exclude_means_what_the_same_lines_mean_in_a_file(tree, lines):
    def says_something(line):
        try:
            return parse_rule(line, "") is not None
        except NeverMatches:
            return False

    (tree / ".gitignore").write_text("\n".join(lines))
    from_file, _ = we_say(tree)
    (tree / ".gitignore").write_text("")
    from_setting, _ = we_say(tree, exclude=[line for line in lines if says_something(line)])
    assert from_file == from_setting
