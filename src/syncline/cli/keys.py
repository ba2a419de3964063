"""`syncline keys create|list|revoke`: who may use the server. They work on the data directory, beside a running one."""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import IO, TYPE_CHECKING

import click

from syncline.cli.commands import Group
from syncline.cli.session import Session
from syncline.cli.text import ago, clean

if TYPE_CHECKING:
    from syncline.cli.tables import Cell
    from syncline.model.keys import Key

ROOT_VARIABLE = "SYNCLINE_ROOT_KEY"
COLUMNS = ("key", "name", "scopes", "indexes", "made!", "used!")


@click.group(cls=Group)
def keys() -> None:
    """Make, list and revoke the keys of the server.

    A key is an id and a secret. What is done here takes effect at once, also on a server that is running.
    """


@keys.command(
    examples=[
        "syncline keys create --name website --scopes read --index handbook",
        "syncline keys create --id ci --secret-file - < ci.secret",
        "syncline keys create --json | jq -r .secret",
    ]
)
@click.option("--name", default="", help="What it is for.")
@click.option("--id", metavar="ID", help="Its id; letters, digits, _, . and -.  [default: a random one]")
@click.option("--secret", metavar="TEXT", help="Its secret, of 16 characters or more.  [default: a random one]")
@click.option(
    "--secret-file", type=click.File("r"), metavar="FILE", help="Where its secret is read from instead; - for stdin."
)
@click.option(
    "--scopes",
    default="read,write",
    show_default=True,
    metavar="LIST",
    help="Of read, write and admin, each of which includes those before it; empty: none.",
)
@click.option("--index", "indexes", multiple=True, metavar="NAME", help="Only for this index. Repeatable.")
@click.pass_obj
def create(
    session: Session,
    name: str,
    id: str | None,
    secret: str | None,
    secret_file: IO[str] | None,
    scopes: str,
    indexes: tuple[str, ...],
) -> None:
    """Make a key and tell its secret, this once."""
    from syncline.service.keys import create, shape

    if secret_file is not None:
        if secret is not None:
            raise click.UsageError("--secret and --secret-file exclude each other", click.get_current_context())
        secret = secret_file.read(4096).strip()
    with closing(session.installation()) as installation:
        key, secret = create(
            installation,
            name=name,
            id=id,
            secret=secret,
            scopes=[scope.strip() for scope in scopes.split(",") if scope.strip()],
            indexes=indexes or None,
            root_key=os.environ.get(ROOT_VARIABLE) or None,
        )
    if session.as_json:
        session.emit({"id": key.id, "secret": secret, **shape(key)})
        return
    session.say(f"key {click.style(clean(key.id), bold=True)} may {_scopes(key)} in {_indexes(key)}")
    session.say(f"secret {click.style(secret, bold=True)}")
    session.note("Keep the secret: it is not told again.")


@keys.command("list", examples=["syncline keys list", "syncline keys list --all --json | jq -r '.[].id'"])
@click.option("--all", "revoked", is_flag=True, help="Revoked ones, too.")
@click.pass_obj
def list_(session: Session, revoked: bool) -> None:
    """List keys, without their secrets. The root key is not among them."""
    from syncline.service import keys as service

    with closing(session.installation()) as installation:
        found = service.all(installation, revoked=revoked)
    if session.as_json:
        session.emit([service.shape(key) for key in found])
    elif not found:
        session.say(f"no keys; make one with {session.command('keys create')}")
    else:
        from syncline.cli.tables import show_table

        show_table(session, COLUMNS, [_row(key, time.time()) for key in found])


@keys.command(examples=["syncline keys revoke sk_0f9c3a517be2d684"])
@click.argument("id")
@click.pass_obj
def revoke(session: Session, id: str) -> None:
    """Make a key useless, at once and for good."""
    from syncline.service import keys as service

    with closing(session.installation()) as installation:
        key = service.revoke(installation, id, root_key=os.environ.get(ROOT_VARIABLE) or None)
    if session.as_json:
        session.emit(service.shape(key))
    else:
        session.say(f"key {clean(key.id)} is revoked")


def _scopes(key: Key) -> str:
    return ", ".join(key.scopes) or "nothing"


def _indexes(key: Key) -> str:
    return "all indexes" if key.indexes is None else ", ".join(key.indexes) or "no index"


def _row(key: Key, now: float) -> list[str | Cell]:
    from syncline.cli.tables import Cell

    used = "revoked" if key.revoked_at is not None else ago(key.last_used_at, now) if key.last_used_at else "never"
    return [
        Cell(key.id, "dim" if key.revoked_at is not None else "bold"),
        key.name,
        _scopes(key),
        _indexes(key),
        ago(key.created_at, now),
        used,
    ]
