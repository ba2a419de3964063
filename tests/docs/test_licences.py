"""Which licences pass, and that what we depend on does."""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message
from typing import Any

import pytest

Tool = Callable[[str], Any]


@pytest.mark.parametrize(
    "words", ["MIT", "Apache-2.0 OR GPL-2.0-only", "(MIT AND Zlib) OR AGPL-3.0", "Apache-2.0 WITH LLVM-exception"]
)
def test_what_can_be_met_with_permissive_licences_passes(tool: Tool, words: str) -> None:
    assert tool("check_licences").permitted(words)


@pytest.mark.parametrize(
    "words", ["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "MPL-2.0", "(MIT", "MIT OR", "MIT Apache-2.0", "Elastic-2.0"]
)
def test_everything_else_does_not(tool: Tool, words: str) -> None:
    assert not tool("check_licences").permitted(words)


def test_old_metadata_is_read_too(tool: Tool) -> None:
    old = Message()
    old["License"] = "Permission is granted to anyone\nto do as they like"
    old["Classifier"] = "License :: OSI Approved :: MIT License"
    assert tool("check_licences").licence(old) == "MIT"


def test_everything_we_depend_on_may_stay(tool: Tool) -> None:
    check = tool("check_licences")
    assert [name for name, _, _, fine in check.verdicts() if not fine] == []
    assert {"apsw", "pydantic-core", "pypdfium2"} <= set(check.runtime())
