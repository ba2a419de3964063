"""One real server for all tests here, moto's S3 behind it, and unmodified clients of boto3 before it."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.dialects.kendra.desk import Desk, secrets_file
from tests.serve.conftest import Served
from tests.sources.tables.conftest import admin, server

__all__ = ["admin", "server"]  # fixtures


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """moto's server, speaking S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def environ_for(moto_url: str, secrets: Path) -> dict[str, str]:
    """What a server is told about the world of these tests."""
    secrets.write_text(json.dumps(secrets_file()))
    return {
        "AWS_ENDPOINT_URL_S3": moto_url,
        "AWS_ACCESS_KEY_ID": "moto",
        "AWS_SECRET_ACCESS_KEY": "moto",
        "SYNCLINE_ALLOW_PRIVATE_TARGETS": "1",
        "SYNCLINE_AWS_SECRETS": str(secrets),
    }


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, moto_url: str) -> Iterator[Served]:
    """A server that lives as long as the tests."""
    folder = tmp_path_factory.mktemp("kendra")
    with Served(folder / "state", **environ_for(moto_url, folder / "secrets.json")) as server:
        yield server
        errors = server.errors
    for told in ("aws.unmodelled", "aws.failed", "Traceback"):
        assert told not in errors, errors[-4000:]


@pytest.fixture(scope="session")
def the_desk(served: Served, moto_url: str) -> Desk:
    """Clients of that server."""
    return Desk(served, moto_url)


@pytest.fixture
def desk(the_desk: Desk) -> Iterator[Desk]:
    """Clients of the server. Every answer they get is held against the model."""
    yield the_desk
    broken, the_desk.broken = the_desk.broken, []
    assert broken == []


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients take nothing from the machine the tests run on."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


class Relay:
    """A port of this machine that leads to the socket file of a server."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._path)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()

    def close(self) -> None:
        self._listener.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def postgres_port(server: Any) -> Iterator[int]:
    """Where the PostgreSQL server of `admin` can be reached over the network."""
    given = server.given
    if not given["host"].startswith("/"):
        pytest.skip("NOT TESTED: the server of SYNCLINE_TEST_POSTGRES is not on a socket of this machine")
    relay = Relay(f"{given['host']}/.s.PGSQL.{given['port']}")
    yield relay.port
    relay.close()


@pytest.fixture(scope="session")
def s3(moto_url: str) -> Any:
    """A client of moto's S3."""
    import boto3

    return boto3.client(
        "s3", endpoint_url=moto_url, region_name="eu-west-1", aws_access_key_id="moto", aws_secret_access_key="moto"
    )
