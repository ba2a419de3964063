"""`syncline secrets rotate`: a new key for everything that is sealed."""

from __future__ import annotations

from contextlib import closing

import click

from syncline.cli.commands import Group
from syncline.cli.session import Session
from syncline.cli.text import count


@click.group(cls=Group)
def secrets() -> None:
    """Look after the key that seals all secrets.

    Those are the secrets of connectors, of keys, of triggers and of webhooks.
    """


@secrets.command(
    examples=[
        "syncline secrets rotate",
        "syncline secrets rotate --json | jq .resealed",
    ]
)
@click.pass_obj
def rotate(session: Session) -> None:
    """Seal all secrets with a new key, and remove the old one.

    It can be interrupted at any time and runs beside a server. Where the key is in SYNCLINE_SECRET_KEY, the new one is
    taken from SYNCLINE_NEW_SECRET_KEY; start the server with both beforehand, and with the new one alone afterwards.
    """
    from syncline.service.rotation import rotate

    with closing(session.installation()) as installation:
        done = rotate(installation)
    if session.as_json:
        session.emit(done.as_dict())
        return
    session.say(f"sealed anew: {count(sum(done.rows.values()), 'row')}; the old key opens nothing any more")
    if not done.swept:
        session.note("Somebody was reading: the database's log may hold old sealed text until it is next reset.")
    if done.next_step:
        session.note(done.next_step)
