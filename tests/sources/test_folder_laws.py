"""The folder keeps the laws of every source."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from syncline.sources.folder.source import FolderSource
from syncline.testing.suites import SourceSuite


class FolderLab:
    """A folder on disk."""

    def __init__(self, root):
        self.root = root

    def open(self, root=None):
        config = SimpleNamespace(
            path=str(root or self.root), include=[], exclude=[], gitignore=False, follow_symlinks=False,
            max_file_bytes=1 << 20,
        )  # fmt: skip
        return FolderSource(config)

    def broken(self):
        return self.open(self.root / "nowhere")

    def put(self, id_hint, content):
        (self.root / id_hint).write_text(content)
        return id_hint

    def change(self, id):
        text = (self.root / id).read_text()
        (self.root / id).write_text(text + "!")

    def remove(self, id):
        os.unlink(self.root / id)


class TestFolder(SourceSuite):
    @pytest.fixture
    def lab(self, tmp_path):
        return FolderLab(tmp_path)
