"""Objects from a bucket: Syncline beside boto3, obstore and s3fs, against moto's S3 server, which is what limits them.

    python -m bench --only objects [--write]

Each contender is a process of its own that lists the bucket and reads every object, 16 at a time. The server runs in
another process, alone, and counts the requests. Syncline's sync also decides, extracts, writes and indexes.
s3fs needs another botocore than the rest, and runs in an environment of its own (`--install-peers s3fs`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from bench import machine
from bench.options import Options
from bench.peers.install import LIBRARIES, interpreter, is_installed
from bench.report import Row, RowsSection, Taken

BUCKET = "bench"
KEYS = {"key": "bench", "secret": "bench-secret"}
THREADS = 16
SIZE = 1024
ROUNDS = 3
UNCHANGED = "syncline sync, nothing changed"


# --- the server ------------------------------------------------------------------------------------------------------


def serve(objects: int) -> None:
    """moto with a bucket of `objects` objects; /count tells how many listings and objects were asked for. Prints its
    URL, and ends with its standard input."""
    import logging
    import threading

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3.models import s3_backends
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    backend = s3_backends["123456789012"]["aws"]
    backend.create_bucket(BUCKET, "us-east-1")
    for n in range(objects):
        backend.put_object(BUCKET, f"docs/{n % 100:02}/note-{n:06}.txt", f"Note {n}. ".ljust(SIZE, "x").encode())
    counts = {"listings": 0, "objects": 0}
    inner = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/count":
            start("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(counts).encode()]
        counts["objects" if environ["PATH_INFO"].strip("/") != BUCKET else "listings"] += 1
        return inner(environ, start)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


@contextmanager
def server(objects: int) -> Iterator[str]:
    """The URL of a server that lives meanwhile."""
    command = [sys.executable, "-m", "bench.objects", "--serve", str(objects)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            yield url
        finally:
            process.kill()


def count(url: str) -> dict[str, int]:
    """Requests so far."""
    with urllib.request.urlopen(f"{url}/count") as answer:
        counts: dict[str, int] = json.load(answer)
    return counts


# --- contenders ------------------------------------------------------------------------------------------------------


def with_boto3(url: str) -> int:
    """list_objects_v2, and get_object in 16 threads."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3", endpoint_url=url, aws_access_key_id=KEYS["key"], aws_secret_access_key=KEYS["secret"],
        region_name="us-east-1", config=Config(max_pool_connections=THREADS),
    )  # fmt: skip
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = [row["Key"] for page in pages for row in page["Contents"]]
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(len(body) == SIZE for body in pool.map(lambda key: _boto_body(client, key), keys))


def _boto_body(client: Any, key: str) -> bytes:
    body: bytes = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return body


def with_obstore(url: str) -> int:
    """list, and get in 16 threads."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        BUCKET, endpoint=url, access_key_id=KEYS["key"], secret_access_key=KEYS["secret"], region="us-east-1",
        client_options={"allow_http": True},
    )  # fmt: skip
    keys = [row["path"] for rows in obstore.list(store) for row in rows]
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(len(body) == SIZE for body in pool.map(lambda key: bytes(obstore.get(store, key).bytes()), keys))


def with_s3fs(url: str) -> int:
    """find, and cat, which is asynchronous within, 16 at a time."""
    import s3fs  # type: ignore[import-not-found]

    files = s3fs.S3FileSystem(endpoint_url=url, **KEYS, client_kwargs={"region_name": "us-east-1"})
    found = files.cat(files.find(BUCKET), batch_size=THREADS)
    return sum(len(body) == SIZE for body in found.values())


def with_source(url: str) -> int:
    """Syncline's source alone: list and fetch, by 256 as the engine does."""
    from syncline.model.documents import Document
    from syncline.model.news import Page
    from syncline.sources.registry import validate
    from syncline.sources.s3.source import S3Source

    source = S3Source(SimpleNamespace(**validate("s3", settings(url))))
    entries = [entry for news in source.list(None, None) if isinstance(news, Page) for entry in news.entries]
    answers = (answer for at in range(0, len(entries), 256) for answer in source.fetch(entries[at : at + 256]))
    return sum(isinstance(answer, Document) and len(answer.content or b"") == SIZE for answer in answers)


def with_sync(url: str, state: str) -> int:
    """A whole sync: everything, and then nothing new."""
    from syncline import Syncline

    with Syncline(state) as syncline:
        if not syncline.connectors():
            syncline.add_connector("s3", settings(url), name="bench")
        counters = syncline.sync("bench").counters.as_dict()
    return counters["inserted"] + counters["kept"]


def settings(url: str) -> dict[str, Any]:
    """Of a connector for the bucket."""
    return {
        "bucket": BUCKET, "endpoint_url": url, "access_key_id": KEYS["key"], "secret_access_key": KEYS["secret"],
        "parallel": THREADS,
    }  # fmt: skip


CONTENDERS: dict[str, Callable[[str], int]] = {
    "boto3 get_object": with_boto3,
    "obstore": with_obstore,
    "s3fs": with_s3fs,
    "syncline source": with_source,
}


def contend(name: str, url: str, state: str) -> None:
    """Run one, and print its figures as JSON."""
    started, cpu = time.perf_counter(), time.process_time()
    done = with_sync(url, state) if name == "syncline sync" else CONTENDERS[name](url)
    print(json.dumps({"objects": done, "s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}))


# --- a run -----------------------------------------------------------------------------------------------------------


def run(objects: int, rounds: int, s3fs: str | None) -> list[dict[str, Any]]:
    """One row for each contender: its best round, and the requests of that round."""
    rows: dict[str, dict[str, Any]] = {}
    with server(objects) as url, tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name in (*CONTENDERS, "syncline sync", "syncline sync"):
                python = s3fs if name == "s3fs" else sys.executable
                if python is None:
                    continue
                row = _measured(python, name, url, os.path.join(folder, str(number)), objects)
                if row["fetched"] == 0:
                    row["name"] = UNCHANGED
                best = rows.get(row["name"])
                rows[row["name"]] = row if best is None or row["s"] < best["s"] else best
    return list(rows.values())


def _measured(python: str, name: str, url: str, state: str, objects: int) -> dict[str, Any]:
    before = count(url)
    command = [python, "-m", "bench.objects", "--contend", name, url, state]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900).stdout
    after, figures = count(url), json.loads(told.splitlines()[-1])
    assert figures["objects"] == objects, f"{name} read {figures['objects']} of {objects} objects"
    asked = {"listings": after["listings"] - before["listings"], "fetched": after["objects"] - before["objects"]}
    return {"name": name, **figures, **asked}


def measure(options: Options) -> RowsSection:
    """All contenders in turn, so many rounds; the best of each counts."""
    objects, rounds = (500, 1) if options.quick else (10_000, ROUNDS)
    section = RowsSection(Taken(options.date, machine.load()))
    s3fs = next(peer for peer in LIBRARIES if peer.name == "s3fs")
    try:
        there = is_installed(s3fs, options.peers)
        measured = run(objects, rounds, interpreter(s3fs, options.peers) if there else None)
    except (subprocess.SubprocessError, AssertionError) as error:
        section.problems.append(f"{type(error).__name__}: {error}")
        measured = []
    for row in measured:
        section.rows.append(_rate(row, objects))
        if row["name"] == UNCHANGED:
            fetched = Row("nothing changed", "objects downloaded again", row["fetched"], "objects", 0.0)
            section.rows.append(fetched)
    section.taken.load_after = machine.load()
    return section


def _rate(row: dict[str, Any], objects: int) -> Row:
    note = f"{1000 * row['cpu_s'] / objects:.2f} ms CPU each, {row['listings']} listings"
    return Row(f"{objects:,} objects", row["name"], objects / row["s"], "/s", note=note)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--serve", count_of_objects]:
            serve(int(count_of_objects))
        case ["--contend", name, url, state]:
            contend(name, url, state)
