"""Dialects are mounted below their prefixes, read with the first request, refused clearly when a part is missing."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp
from tests.server.conftest import Api

from syncline.dialects import catalog
from syncline.dialects.aws.models import ModelMissing
from syncline.dialects.host import Host
from syncline.server import mounts

SEEN: list[Host] = []


def build(host: Host) -> ASGIApp:
    """A dialect that says where it was asked."""
    SEEN.append(host)

    async def app(scope: object, receive: object, send: object) -> None:
        where = scope["raw_path"].decode()  # type: ignore[index]
        await PlainTextResponse(where)(scope, receive, send)  # type: ignore[arg-type]

    return app


def incomplete(_: Host) -> ASGIApp:
    """One that lacks something."""
    raise ModelMissing("the descriptions of AWS services (botocore) are not installed")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    SEEN.clear()
    targets = {"/words": f"{__name__}:build", "/half": f"{__name__}:incomplete"}
    monkeypatch.setattr(mounts, "DIALECTS", targets)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[build.__module__])
    api = Api(tmp_path_factory.mktemp("mounts"))
    yield api
    api.close()


def test_a_dialect_is_built_once_by_the_first_request(served: Api) -> None:
    assert not SEEN
    found: list[str] = []

    def ask() -> None:
        found.append(httpx.get(f"{served.url}/words//a%2Fb/", timeout=60).text)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["/words//a%2Fb/"] * 8
    assert len(SEEN) == 1


def test_the_prefix_alone_is_served_with_every_method(served: Api) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert httpx.request(method, f"{served.url}/words", timeout=60).text == "/words"
        assert httpx.request(method, f"{served.url}/words/", timeout=60).text == "/words/"


def test_what_is_missing_is_said_and_the_rest_goes_on(served: Api) -> None:
    answer = httpx.get(f"{served.url}/half/x", timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (501, "dialect.no_model")
    assert "pip install" in answer.json()["remedy"]
    assert served.client.get("/v1/indexes").status_code == 200


def test_a_host_knows_rooms_and_keys(served: Api) -> None:
    httpx.get(f"{served.url}/words", timeout=60)
    (host,) = SEEN
    with host.room() as room:
        assert room.data_dir == served.settings.data_dir
    assert host.secret_of("root") == served.settings.root_key.partition(":")[2]  # type: ignore[union-attr]
    assert host.identify_pair("root", host.secret_of("root") or "").key_id == "root"
    assert host.folder_roots == (str(served.home),)
    assert not host.ending


def test_every_dialect_of_the_catalogue_can_be_named() -> None:
    for target in (*catalog.DIALECTS.values(), *catalog.CHORES.values()):
        assert callable(mounts.named(target))


def test_a_server_that_starts_reads_no_dialect() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, syncline.server.serve, syncline.server.app\n"
            "print([name for name in sys.modules if name.startswith('syncline.dialects.')])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert eval(said.stdout) in (["syncline.dialects.catalog"], [])
