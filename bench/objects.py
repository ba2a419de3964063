"""Objects from a bucket: Syncline beside boto3, obstore and s3fs, against moto's S3 server, which is what limits them.

    python -m bench.objects [--quick] [--objects N] [--s3fs PYTHON]

Each contender is a process of its own that lists the bucket and reads every object, 16 at a time. The server runs in
another process, alone, and counts the requests. Syncline's sync also decides, extracts, writes and indexes.
`--s3fs` names a Python that has s3fs, since it needs another botocore than the rest.
"""

from __future__ import annotations

import argparse
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

BUCKET = "bench"
KEYS = {"key": "bench", "secret": "bench-secret"}
THREADS = 16
SIZE = 1024
ROUNDS = 3


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
                    row["name"] = "syncline sync, nothing changed"
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


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.objects")
    parser.add_argument("--quick", action="store_true", help="500 objects, one round")
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="the best of so many is told")
    parser.add_argument("--s3fs", metavar="PYTHON", help="a Python that has s3fs")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--contend", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve)
        return
    if asked.contend:
        contend(*asked.contend)
        return
    objects = 500 if asked.quick else asked.objects
    print("| | s | objects/s | client CPU ms/object | listings | objects asked for |")
    print("|---|--:|--:|--:|--:|--:|")
    for row in run(objects, 1 if asked.quick else asked.rounds, asked.s3fs):
        rate, cpu = objects / row["s"], 1000 * row["cpu_s"] / objects
        print(f"| {row['name']} | {row['s']:.2f} | {rate:.0f} | {cpu:.2f} | {row['listings']} | {row['fetched']} |")


if __name__ == "__main__":
    main()
