"""The dialects, asked by the unmodified clients of the systems they speak for: how long a sync takes from end to end,
beside the command line, and how many requests a second one client gets answered."""

from __future__ import annotations

import os
import shutil
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bench import machine, objects, workloads
from bench.environment import child_environment
from bench.measure import run
from bench.options import Options
from bench.report import Row, RowsSection, Taken
from bench.serving import SECRET, running
from bench.subjects.ours import SynclineCli

SMALL: Final = 300  # files
POLL_S: Final = 0.01
PATIENCE_S: Final = 300.0
REQUESTS: Final = 300
ROLE: Final = "arn:aws:iam::123456789012:role/sync"


@dataclass
class Ground:
    """One server and what it may read. `bucket` is the URL of an S3 server with objects."""

    url: str
    folder: str
    options: Options
    section: RowsSection

    def row(self, group: str, what: str, value: float, unit: str = "s", **more: Any) -> None:
        """One more figure."""
        self.section.rows.append(Row(group, what, value, unit, **more))


def measure(options: Options) -> RowsSection:
    """Everything on one server."""
    section = RowsSection(Taken(options.date, machine.load()))
    state = options.scratch("dialects")
    shutil.rmtree(state, ignore_errors=True)
    os.makedirs(state)
    try:
        with objects.server(SMALL) as bucket, running(state, **_environment(options, bucket)) as (url, _):
            ground = Ground(url, options.work, options, section)
            _small(ground)
            _large(ground)
            _requests(ground)
    except Exception as error:
        section.problems.append(f"{type(error).__name__}: {error}")
    section.taken.load_after = machine.load()
    return section


def _environment(options: Options, bucket: str) -> dict[str, str]:
    return {
        "SYNCLINE_FOLDER_ROOTS": options.work,
        "SYNCLINE_ALLOW_PRIVATE_TARGETS": "1",
        "AWS_ENDPOINT_URL_S3": bucket,
        "AWS_ACCESS_KEY_ID": objects.KEYS["key"],
        "AWS_SECRET_ACCESS_KEY": objects.KEYS["secret"],
        "AWS_REGION": "us-east-1",
    }


# --- from a request to the end of its sync ---------------------------------------------------------------------------


def _small(ground: Ground) -> None:
    """A few files or objects: what matters is what surrounds the work."""
    tree = _tree(ground, SMALL)
    rounds = range(1 if ground.options.quick else 5)
    group = f"{SMALL} small files"
    elastic = [elastic_sync(ground.url, tree, f"small-{n}") for n in rounds]
    ground.row(group, "Elastic: post until completed", statistics.median(elastic), limit=1.0)
    airweave = [airweave_sync(ground.url, tree, f"small {n}") for n in rounds]
    ground.row(group, "Airweave: run until completed", statistics.median(airweave))
    found = [kendra_sync(ground.url, f"small-{n}") for n in rounds]
    note = f"{SMALL} objects of moto's S3 server"
    ground.row(group, "Kendra: start until the first document is found", statistics.median(found), note=note)


def _large(ground: Ground) -> None:
    """Many files, beside the command line."""
    files, rounds = ground.options.files, range(1 if ground.options.quick else 3)
    tree, group = _tree(ground, files), f"{files:,} files, first sync"
    cli, elastic, airweave = [], [], []
    for n in rounds:
        cli.append(cli_sync(tree, ground.options.scratch("dialects-cli")))
        elastic.append(elastic_sync(ground.url, tree, f"large-{n}"))
        airweave.append(airweave_sync(ground.url, tree, f"large {n}"))
    alone = statistics.median(cli)
    limit = None if ground.options.quick else 1.1 * alone + 0.5
    ground.row(group, "`syncline sync`", alone)
    ground.row(group, "Elastic: post until completed", statistics.median(elastic), limit=limit)
    ground.row(group, "Airweave: run until completed", statistics.median(airweave), limit=limit)


def _tree(ground: Ground, files: int) -> str:
    """A tree of that many files, kept."""
    tree, _ = workloads.kept(ground.options.work, files, ground.options.seed)
    return tree


def cli_sync(tree: str, state: str) -> float:
    """Seconds of the command, from nothing."""
    shutil.rmtree(state, ignore_errors=True)
    os.makedirs(state)
    done = run(SynclineCli().command(tree, state), child_environment())
    if done.code:
        raise RuntimeError(f"sync: exit code {done.code}: {done.complaint()}")
    return done.wall_s


def elastic_sync(url: str, tree: str, name: str) -> float:
    """Seconds from the post of a job of a new `dir` connector until the client sees it completed."""
    with elastic_client(url) as client:
        client.connector.put(connector_id=name, index_name=name, name=name, service_type="dir")
        client.connector.update_configuration(connector_id=name, values={"directory": tree})
        begun = time.perf_counter()
        job = client.connector.sync_job_post(id=name, job_type="full", trigger_method="on_demand")["id"]
        _until(lambda: client.connector.sync_job_get(connector_sync_job_id=job)["status"], "completed")
        return time.perf_counter() - begun


def airweave_sync(url: str, tree: str, name: str) -> float:
    """Seconds from the run of a new `filesystem` connection until the client sees it completed."""
    client = airweave_client(url)
    collection = client.collections.create(name=f"Bench {name}")
    connection = client.source_connections.create(
        name=f"Bench {name}", short_name="filesystem", readable_collection_id=collection.readable_id,
        config={"path": tree}, sync_immediately=False, schedule={"cron": "0 3 * * *"},
    )  # fmt: skip
    begun = time.perf_counter()
    client.source_connections.run(connection.id)
    _until(lambda: client.source_connections.get_source_connection_jobs(connection.id)[0].status, "completed")
    return time.perf_counter() - begun


def kendra_sync(url: str, name: str) -> float:
    """Seconds from the start of a new S3 data source until a query finds a document of it."""
    client = kendra_client(url)
    index = client.create_index(Name=name, RoleArn=ROLE)["Id"]
    _until(lambda: client.describe_index(Id=index)["Status"], "ACTIVE")
    source = client.create_data_source(
        Name=name, IndexId=index, Type="S3", RoleArn=ROLE, Configuration={"S3Configuration": {"BucketName": "bench"}}
    )["Id"]
    _until(lambda: client.describe_data_source(Id=source, IndexId=index)["Status"], "ACTIVE")
    begun = time.perf_counter()
    client.start_data_source_sync_job(Id=source, IndexId=index)
    _until(lambda: client.query(IndexId=index, QueryText="note")["TotalNumberOfResults"] > 0, True)
    return time.perf_counter() - begun


def _until(look: Callable[[], Any], wanted: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (found := look()) != wanted:
        if found in ("error", "failed", "FAILED", "canceled") or time.monotonic() > deadline:
            raise RuntimeError(f"expected {wanted}, found {found}")
        time.sleep(POLL_S)


# --- requests --------------------------------------------------------------------------------------------------------


def _requests(ground: Ground) -> None:
    """One client asks again and again, one request after another."""
    times = 30 if ground.options.quick else REQUESTS
    group = "requests of one client, one after another"
    with elastic_client(ground.url) as elastic:
        asks = elastic.connector
        ground.row(group, "Elastic: get a connector", _rate(times, lambda: asks.get(connector_id="small-0")), "/s")
        ground.row(group, "Elastic: list connectors", _rate(times, lambda: asks.list()), "/s")
    airweave = airweave_client(ground.url)
    connection = airweave.source_connections.list()[0].id
    ground.row(group, "Airweave: get", _rate(times, lambda: airweave.source_connections.get(connection)), "/s")
    ground.row(group, "Airweave: list", _rate(times, lambda: airweave.source_connections.list()), "/s")
    kendra = kendra_client(ground.url)
    index = kendra.list_indices()["IndexConfigurationSummaryItems"][0]["Id"]
    ground.row(group, "Kendra: DescribeIndex", _rate(times, lambda: kendra.describe_index(Id=index)), "/s")
    ground.row(group, "Kendra: ListDataSources", _rate(times, lambda: kendra.list_data_sources(IndexId=index)), "/s")


def _rate(times: int, ask: Callable[[], Any]) -> float:
    ask()
    begun = time.perf_counter()
    for _ in range(times):
        ask()
    return times / (time.perf_counter() - begun)


# --- clients ---------------------------------------------------------------------------------------------------------


@contextmanager
def elastic_client(url: str) -> Iterator[Any]:
    """elasticsearch-py."""
    from elasticsearch import Elasticsearch
    from elasticsearch.exceptions import GeneralAvailabilityWarning

    warnings.simplefilter("ignore", GeneralAvailabilityWarning)  # their Connector API is a beta
    with Elasticsearch(f"{url}/elastic", basic_auth=("bench", SECRET), request_timeout=60) as client:
        yield client


def airweave_client(url: str) -> Any:
    """airweave-sdk."""
    from airweave import AirweaveSDK

    return AirweaveSDK(base_url=f"{url}/airweave", api_key=SECRET)


def kendra_client(url: str) -> Any:
    """boto3."""
    import boto3

    return boto3.client(
        "kendra", endpoint_url=f"{url}/kendra", region_name="us-east-1", aws_access_key_id="bench",
        aws_secret_access_key=SECRET,
    )  # fmt: skip
