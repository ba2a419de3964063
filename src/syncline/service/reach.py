"""How far somebody on the network reaches into this machine: folders below the roots, and no code of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from syncline.model.errors import Category, Mender, SynclineError

ALLOW_IMPORTS: Final = "SYNCLINE_ALLOW_IMPORT_PATHS"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class FolderOutOfReach(SynclineError):
    """The folder lies outside of those that may be read for somebody on the network."""

    code = "reach.folder"
    category = Category.PERMISSION
    mender = Mender.YOU
    default_remedy = "Choose a folder below one of SYNCLINE_FOLDER_ROOTS, or start the server with another value of it."


class LinksOutOfReach(SynclineError):
    """Links may lead out of the folders that may be read for somebody on the network, so they are not followed."""

    code = "reach.links"
    category = Category.PERMISSION
    mender = Mender.YOU
    default_remedy = "Leave follow_symlinks out, or make the connector with the command line."


class KindOutOfReach(SynclineError):
    """A source that is named by an import path or a file is code; nobody on the network may have it run."""

    code = "reach.kind"
    category = Category.PERMISSION
    mender = Mender.YOU
    default_remedy = "Make the connector with the command line, or set SYNCLINE_ALLOW_IMPORT_PATHS=1 on the server."


def imports_allowed(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether whoever runs this server lets requests name code."""
    return environ.get(ALLOW_IMPORTS, "").strip().lower() in ("1", "true", "yes")


def check_kind(kind: str) -> None:
    """Raises KindOutOfReach for a kind that is not a plain name. Nothing is imported before this."""
    if not _NAME.fullmatch(kind) and not imports_allowed():
        raise KindOutOfReach(f"{kind!r:.200} names code, which requests may not")


def check_bounds(kind: str) -> None:
    """Raises KindOutOfReach for a kind whose settings can name anything on this machine."""
    from syncline.sources.registry import find

    if getattr(find(kind), "anything", False) and not imports_allowed():
        raise KindOutOfReach(f"the settings of {kind!r} can name any file or driver here, which requests may not")


def check_settings(kind: str, config: Mapping[str, Any], roots: Sequence[str]) -> None:
    """`config` is validated; `roots` are absolute, links resolved. Raises FolderOutOfReach, LinksOutOfReach or
    KindOutOfReach; TargetRefused and TargetUnresolved for an endpoint on the private network, unless that is allowed.
    """
    check_bounds(kind)
    if kind in ("s3", "sitewise"):
        _check_endpoint(config)
    for name in paths_of(kind):
        if not any(_lies_in(os.path.realpath(str(config[name])), root) for root in roots):
            what = "folder" if kind == "folder" else "file"
            raise FolderOutOfReach(f"the {what} {config[name]!r} may not be read for requests")
    if config.get("follow_symlinks") and os.sep not in roots:
        raise LinksOutOfReach(f"links in the folder {config['path']!r} may not be followed for requests")


def paths_of(kind: str) -> tuple[str, ...]:
    """The settings of that kind that are paths on this machine. Raises as `find` does."""
    from syncline.sources.registry import find

    paths: tuple[str, ...] = getattr(find(kind), "paths", ())
    return paths


def _check_endpoint(config: Mapping[str, Any]) -> None:
    from syncline.outgoing.addresses import check_url
    from syncline.service.webhooks import private_allowed
    from syncline.sources.s3.stores import targets

    for url in targets(config):
        check_url(url, private_allowed(None))


def _lies_in(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)
