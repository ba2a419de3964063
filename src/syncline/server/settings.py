"""What the server is told by its command line and its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from syncline.model.errors import UsageError

PORT = 8484


@dataclass(slots=True, frozen=True)
class Settings:
    """How to serve.

    root_key       "id:secret" of the key that may do everything; None: the one in the data directory, made if absent.
    folder_roots   folder sources made over the network must lie in one of these (absolute, symlinks resolved).
    allow_private  outgoing calls may go to loopback and private addresses.
    jobs           how many jobs run at once, in all; `jobs_per_index` in one index (None: no limit of its own).
    max_body       bytes of a request's body at most.
    """

    data_dir: str
    host: str = "127.0.0.1"
    port: int = PORT
    root_key: str | None = field(default=None, repr=False)
    folder_roots: tuple[str, ...] = ()
    allow_private: bool = False
    jobs: int = 4
    jobs_per_index: int | None = None
    max_body: int = 64 << 20
    metrics_need_key: bool = False

    @classmethod
    def of(
        cls,
        data_dir: str,
        host: str | None = None,
        port: int | None = None,
        environ: Mapping[str, str] = os.environ,
        cwd: str | None = None,
    ) -> Settings:
        """From options and SYNCLINE_* variables. Raises UsageError naming the variable that is wrong."""
        roots = environ.get("SYNCLINE_FOLDER_ROOTS") or cwd or os.getcwd()
        return cls(
            data_dir=data_dir,
            host=host or environ.get("SYNCLINE_HOST") or "127.0.0.1",
            port=_number(environ, "SYNCLINE_PORT", PORT, 0) if port is None else port,
            root_key=environ.get("SYNCLINE_ROOT_KEY") or None,
            folder_roots=tuple(os.path.realpath(root) for root in roots.split(os.pathsep) if root),
            allow_private=_flag(environ, "SYNCLINE_ALLOW_PRIVATE_TARGETS"),
            jobs=_number(environ, "SYNCLINE_JOBS", max(4, 2 * (os.cpu_count() or 1)), 1),
            jobs_per_index=_number(environ, "SYNCLINE_JOBS_PER_INDEX", 0, 0) or None,
            metrics_need_key=_flag(environ, "SYNCLINE_METRICS_NEED_KEY"),
        )


def _number(environ: Mapping[str, str], name: str, default: int, least: int) -> int:
    said = environ.get(name, "")
    if not said:
        return default
    if not said.isdecimal() or int(said) < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, not {said!r}", remedy=f"Correct {name}.")
    return int(said)


def _flag(environ: Mapping[str, str], name: str) -> bool:
    said = environ.get(name, "").lower()
    if said not in ("", "0", "1", "true", "false", "yes", "no"):
        raise UsageError(f"{name} must be 0 or 1, not {said!r}", remedy=f"Correct {name}.")
    return said in ("1", "true", "yes")
