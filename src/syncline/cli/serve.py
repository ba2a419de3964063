"""`syncline serve`: the API, the scheduler and all that runs beside them, until Ctrl-C."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from syncline.cli.commands import Command
from syncline.cli.session import Session

if TYPE_CHECKING:
    from syncline.server.house import House
    from syncline.service.keys import Root


@click.command(
    cls=Command,
    examples=[
        "syncline serve                            # on http://127.0.0.1:8484, with the state in .syncline",
        "syncline serve --config syncline.yaml     # what is declared there is applied first",
        "syncline serve --host 0.0.0.0 --port 8000 --data-dir /data",
    ],
)
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [env: SYNCLINE_HOST; default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 finds a free one.  [env: SYNCLINE_PORT; default: 8484]")
@click.option("--config", metavar="FILE", type=click.Path(dir_okay=False), help="A syncline.yaml to apply at start.")
@click.pass_obj
def serve(session: Session, host: str | None, port: int | None, config: str | None) -> int:
    """Serve the API, run schedules and jobs, until Ctrl-C.

    Jobs run in processes of their own; those that run when the server ends are suspended and go on at its next start.
    Every request needs a key: SYNCLINE_ROOT_KEY=id:secret sets the first one. Without it one is made, shown once and
    kept in root.key of the data directory. More of them: `syncline keys create`.

    SYNCLINE_JOBS and SYNCLINE_JOBS_PER_INDEX limit how many jobs run at once. SYNCLINE_FOLDER_ROOTS (default: the
    directory it was started in) says where folders may lie that are synced on request over the network.
    """
    from syncline.server import logs
    from syncline.server.serve import serve as run
    from syncline.server.settings import Settings
    from syncline.service import keys

    with closing(session.installation()) as installation:
        settings = Settings.of(installation.data_dir, host, port)
        installation.make()
        root = keys.root(installation, settings.root_key)
    logs.configure(
        human=session.live,
        color=session.color is not False,
        level="DEBUG" if session.verbose else "INFO",
        hidden=[root.secret],
    )

    def say(house: House, url: str) -> None:
        _greet(session, url, house.settings.data_dir, root)

    return run(settings, say, config)


def _greet(session: Session, url: str, data_dir: str, root: Root) -> None:
    if session.as_json:
        session.emit({"url": url, "data_dir": data_dir, "root_key_made": root.made})
    else:
        session.say(f"Syncline serves {data_dir} on {click.style(url, bold=True)}; Ctrl-C ends it")
    if root.made:
        session.note(f"root key, shown this once and kept in {data_dir}/root.key: {root.key.id}:{root.secret}")
