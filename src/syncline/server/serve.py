"""Starts everything, says so, and ends it in good order."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncline.model.errors import DataDirectoryError, UsageError
from syncline.runner.lease import Lease
from syncline.runner.supervisor import Supervisor
from syncline.server.chores import Chores
from syncline.server.ground import ground_of
from syncline.server.house import House
from syncline.server.settings import Settings
from syncline.wiring import Installation

if TYPE_CHECKING:
    from uvicorn import Server

GRACE_S = 2  # that requests under way have when the server ends


class Served(DataDirectoryError):
    """Another server runs on this data directory."""

    code = "data_dir.served"
    default_remedy = "Stop the other server, or choose another directory with --data-dir."


class AddressTaken(UsageError):
    """The address cannot be had."""

    code = "serve.address"
    default_remedy = "Choose another one with --host and --port."


def serve(settings: Settings, say: Callable[[House, str], None], config: str | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code. `say` is given the URL once requests are answered.
    Raises Served, AddressTaken, and what a wrong `config` (a syncline.yaml, applied first) raises."""
    installation = Installation(settings.data_dir)
    installation.make()
    lease = Lease(installation.path("leases", "server.lock"))
    if not lease.acquire():
        raise Served(f"another server runs on {installation.data_dir}")
    try:
        with _listening(settings) as listener, _opened(settings, config) as house:
            return _run(house, listener, say)
    finally:
        lease.release()


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named so that asyncio sets TCP_NODELAY; without it every answer waits 40 ms for an ACK.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except (OSError, OverflowError) as error:
            raise AddressTaken(f"cannot listen on {settings.host}:{settings.port}: {error}") from error
        listener.listen(2048)
        yield listener


@contextmanager
def _opened(settings: Settings, config: str | None) -> Iterator[House]:
    house = House(settings)
    supervisor = Supervisor(ground_of(settings))
    chores = Chores(house)
    house.supervisor = supervisor
    try:
        if config is not None:
            _declare(house, config)
        chores.start()
        yield house
    finally:
        house.closing.set()
        ending = threading.Thread(target=chores.stop)
        ending.start()
        supervisor.close()
        ending.join()
        house.close()


def _declare(house: House, config: str) -> None:
    from syncline.service.declaration.applying import apply_file

    with house.room() as installation:
        apply_file(installation, config, prune=False)


def _run(house: House, listener: socket.socket, say: Callable[[House, str], None]) -> int:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    # uvicorn raises the signal again once it has ended; it has done its work then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    _server(house, lambda: say(house, url)).run(sockets=[listener])
    return 0


def _server(house: House, started: Callable[[], None]) -> Server:
    import uvicorn

    from syncline.server.app import create_app

    class Ours(uvicorn.Server):
        """Says when it answers, and lets long answers know that the end has come."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            house.closing.set()
            await super().shutdown(sockets)

    return Ours(
        uvicorn.Config(
            create_app(house),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=GRACE_S,
        )
    )
