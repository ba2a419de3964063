"""A real server for the tests of the API: uvicorn in a thread, jobs in processes, a data directory of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest
import uvicorn

from syncline.runner.supervisor import Supervisor
from syncline.server.app import create_app
from syncline.server.ground import ground_of
from syncline.server.house import House
from syncline.server.settings import Settings

ROOT_SECRET = "root-secret-for-tests"
PATIENCE_S = 60.0


class Api:
    """The server, and a client that holds the root key."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.docs = home / "docs"
        self.docs.mkdir(exist_ok=True)
        self.settings = Settings(
            str(home / "state"),
            root_key=f"root:{ROOT_SECRET}",
            folder_roots=(str(home),),
            max_body=2 << 20,
        )
        self.house = House(self.settings)
        self.house.supervisor = Supervisor(ground_of(self.settings))
        # asyncio sets TCP_NODELAY on sockets of this protocol only
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        config = uvicorn.Config(create_app(self.house), log_config=None, access_log=False, lifespan="off", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        self.client = httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {ROOT_SECRET}"}, timeout=PATIENCE_S
        )
        self.anybody = httpx.Client(base_url=self.url, timeout=PATIENCE_S)
        until(lambda: self.server.started)

    def _serve(self) -> None:
        asyncio.run(self.server.serve(sockets=[self.listener]))

    def close(self) -> None:
        self.client.close()
        self.anybody.close()
        self.house.closing.set()
        self.server.should_exit = True
        self.thread.join(PATIENCE_S)
        self.house.supervisor.close()
        self.house.close()
        self.listener.close()

    # --- what tests do again and again

    def ok(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        answer = self.client.request(method, path, **more)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json()

    def folder(self, name: str, files: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        """A folder connector; `files` are written first."""
        place = self.docs / name
        for file, text in (files or {"a.txt": "An apple a day."}).items():
            path = place / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self.ok("POST", "/v1/connectors", 201, json={
            "kind": "folder", "settings": {"path": str(place)}, "name": name, **more,
        })  # fmt: skip

    def push_connector(self, name: str, index: str = "default") -> dict[str, Any]:
        return self.ok("POST", "/v1/connectors", 201, json={"kind": "push", "name": name, "index": index})

    def ended(self, job: str) -> dict[str, Any]:
        """The job, once it has ended."""
        states = ("succeeded", "incomplete", "failed", "stopped")
        return until(lambda: (found := self.ok("GET", f"/v1/jobs/{job}"))["state"] in states and found)

    def synced(self, connector: str, **order: Any) -> dict[str, Any]:
        started = self.ok("POST", f"/v1/connectors/{connector}/sync", 202, json=order)
        return self.ended(started["job"]["id"])

    def key(self, *scopes: str, indexes: list[str] | None = None) -> dict[str, str]:
        """The headers of a new key."""
        made = self.ok("POST", "/v1/keys", 201, json={"scopes": list(scopes), "indexes": indexes})
        return {"authorization": f"Bearer {made['secret']}"}

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything in control.db but the times when keys were last used."""
        db = apsw.Connection(f"{self.settings.data_dir}/control.db", flags=apsw.SQLITE_OPEN_READONLY)
        db.set_busy_timeout(10_000)
        tables = [name for (name,) in db.execute("select name from sqlite_schema where type = 'table' order by name")]
        found = {table: list(db.execute(f'select * from "{table}"')) for table in tables}
        db.close()
        found["keys"] = [(*row[:7], *row[8:]) for row in found["keys"]]
        return found


def until(condition: Callable[[], Any]) -> Any:
    """Wait for it, generously."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)
    return found


@pytest.fixture
def wait_until() -> Callable[[Callable[[], Any]], Any]:
    return until


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for the tests of a file."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SYNCLINE_SECRET_KEY", "SYNCLINE_ROOT_KEY", "SYNCLINE_ALLOW_IMPORT_PATHS"):
            patch.delenv(name, raising=False)
        served = Api(tmp_path_factory.mktemp("api"))
        yield served
        served.close()
