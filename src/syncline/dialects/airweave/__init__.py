"""The API of Airweave, for its unmodified clients.

    request ─▶ route ─▶ key, scope ─▶ body, query ─▶ function in a thread ─▶ JSON, the rate limit headers

A collection is an index, a source connection is a connector, a sync job is a job. What Airweave keeps with them and we
do not (a name that others may have too, `sync_config`) is in their extras; what was told of is kept as records.
docs/dialects/airweave.md says how to switch to it and where it differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from syncline.dialects.host import Host


def build(host: Host) -> ASGIApp:
    """The application, for `dialects.catalog`."""
    from syncline.dialects.airweave.app import Application

    return Application(host)


def chore(host: Host) -> None:
    """What happens by time: events become messages, and refused credentials pause their schedules."""
    from syncline.dialects.airweave.messages import turn

    turn(host)
