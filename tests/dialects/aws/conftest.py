"""A server for each test module: a few operations of both services, in strict mode."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.dialects.aws.serving import serving, wire

from syncline.dialects.aws import Fault, Request, Wire
from syncline.model.errors import JobActive

AT = datetime(2026, 11, 22, 9, 30, 0, 123000, tzinfo=UTC)
WORKSPACE = "arn:aws:iottwinmaker:eu-west-1:123456789012:workspace/factory"


class Seen:
    """What the functions were given, and what they answer where a test says so."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: dict[str, Any] = {}

    def __call__(self, request: Request) -> Any:
        self.requests.append(request)
        answer = self.answers.get(request.operation, {})
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def last(self) -> Request:
        """The newest request."""
        return self.requests[-1]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def kendra(seen: Seen) -> Wire:
    names = (
        "StartDataSourceSyncJob",
        "StopDataSourceSyncJob",
        "ListDataSourceSyncJobs",
        "CreateDataSource",
        "ListIndices",
    )
    more = ("BatchPutDocument", "DescribeDataSource", "TagResource", "DescribeIndex", "Query", "CreateIndex")
    return wire("kendra", dict.fromkeys((*names, *more), seen), translate=translated)


@pytest.fixture
def twinmaker(seen: Seen) -> Wire:
    names = ("CreateWorkspace", "GetWorkspace", "GetSyncJob", "ListSyncResources", "CreateSyncJob", "TagResource")
    more = ("UntagResource", "GetPropertyValueHistory", "GetComponentType", "ListWorkspaces", "DeleteWorkspace")
    return wire("iottwinmaker", dict.fromkeys((*names, *more), seen), translate=translated)


@pytest.fixture
def url(kendra: Wire, twinmaker: Wire) -> Iterator[str]:
    routes = [*kendra.routes("/kendra"), *twinmaker.routes("/twinmaker")]
    with serving(Starlette(routes=routes)) as address:
        yield address
    assert [*kendra.broken, *twinmaker.broken] == []


def translated(error: Exception) -> Fault | None:
    """As a dialect would do it."""
    if isinstance(error, JobActive):
        return Fault("ResourceInUseException", error.message)
    return None
