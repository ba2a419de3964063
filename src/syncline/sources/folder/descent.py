"""The way from the root down to a folder, held open step by step.

Every step is opened by its bare name inside the step before, so no component can be swapped for a link behind our
back, a path may be longer than the operating system takes in one call, and a look at a file costs one name instead
of a whole path.
"""

from __future__ import annotations

from types import TracebackType

from syncline.sources.folder.files import FOLDER_FLAGS, NO_LINKS, Files
from syncline.sources.folder.names import name_of

_KEPT = 64  # steps held open; a folder deeper than this is reached anew from the last one


class Descent:
    """An open root and one open folder under it."""

    def __init__(self, files: Files, root: int, *, follow: bool) -> None:
        """Takes over the descriptor `root` and closes it in the end."""
        self._files = files
        self._root = root
        self._flags = FOLDER_FLAGS if follow else FOLDER_FLAGS | NO_LINKS
        self._steps: list[tuple[str, int]] = []
        self._deep = -1

    def __enter__(self) -> Descent:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every descriptor."""
        self._back_to([])
        self._files.close(self._root)

    def enter(self, path: str) -> int:
        """Descriptor of the folder `path` ("" is the root, no slash at the end), good until the next call.
        Raises OSError: ENOENT when it is not there, ENOTDIR when it is a file or, unless following, a link."""
        names = path.split("/") if path else []
        self._back_to(names)
        for name in names[len(self._steps) : _KEPT]:
            self._steps.append((name, self._open(name, self._here)))
        for name in names[_KEPT:]:
            deeper = self._open(name, self._here if self._deep < 0 else self._deep)
            self._drop_deep()
            self._deep = deeper
        return self._here if self._deep < 0 else self._deep

    @property
    def _here(self) -> int:
        return self._steps[-1][1] if self._steps else self._root

    def _open(self, name: str, inside: int) -> int:
        if name in ("", ".", ".."):
            raise FileNotFoundError(2, "not a name", name)
        return self._files.open(name_of(name), self._flags, dir_fd=inside)

    def _back_to(self, names: list[str]) -> None:
        """Close every step that is not on the way to `names`."""
        self._drop_deep()
        same = 0
        for (step, _), name in zip(self._steps, names, strict=False):
            if step != name:
                break
            same += 1
        while len(self._steps) > same:
            self._files.close(self._steps.pop()[1])

    def _drop_deep(self) -> None:
        if self._deep >= 0:
            self._files.close(self._deep)
            self._deep = -1
