"""Every operation keeps the bounds of the model: values at and just beyond each of them, made from the model."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.dialects.twinmaker.desk import Desk
from tests.serve.conftest import ROOT_SECRET

from syncline.dialects.aws import check_response
from syncline.dialects.aws.faults import fitting
from syncline.dialects.aws.models import Operation, load_service
from syncline.dialects.twinmaker import OPERATIONS
from syncline.testing import aws
from syncline.testing.sitewise import REGION

EDGES = 20  # of each operation, unless all are wanted


def plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def written(operation: Operation, value: dict[str, Any]) -> tuple[str, str] | None:
    """(path with query, body); None when a label is missing, so that no path can be made."""
    path, query, body = operation.uri, list[tuple[str, str]](), dict[str, Any]()
    for member in operation.input.members.values():
        given = value.get(member.name)
        if member.location == "uri":
            if not given:
                return None
            path = path.replace(f"{{{member.wire}}}", quote(given, safe=""))
        elif given is None:
            continue
        elif member.location == "querystring":
            each = given if isinstance(given, list) else [str(given).lower() if isinstance(given, bool) else given]
            query += [(member.wire, one) for one in each]
        else:
            body[member.wire] = plain(given)
    text = json.dumps(body) if any(operation.input.at("body")) else ""
    return path + (f"?{urlencode(query, quote_via=quote)}" if query else ""), text


class Line:
    """One kept-alive connection."""

    def __init__(self, desk: Desk) -> None:
        self.netloc = urlsplit(desk.url).netloc
        self.connection = http.client.HTTPConnection(self.netloc, timeout=60)

    def ask(self, operation: Operation, value: dict[str, Any]) -> tuple[int, dict[str, str], bytes] | None:
        wire = written(operation, value)
        if wire is None:
            return None
        path, body = wire
        request = AWSRequest(operation.method, f"http://{self.netloc}/twinmaker{path}", {}, body)
        SigV4Auth(Credentials("root", ROOT_SECRET), "iottwinmaker", REGION).add_auth(request)
        headers = {name: str(one) for name, one in request.headers.items()}
        self.connection.request(operation.method, f"/twinmaker{path}", body.encode(), headers)
        answer = self.connection.getresponse()
        content = answer.read()
        return answer.status, {name.lower(): one for name, one in answer.getheaders()}, content


@pytest.fixture(scope="module")
def line(desk: Desk) -> Line:
    return Line(desk)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_bounds_are_kept(name: str, line: Line, request: pytest.FixtureRequest, remark: Callable[[str], None]) -> None:
    operation = load_service("iottwinmaker").operation(name)
    generator = random.Random(f"twinmaker:{name}")
    edges = list(aws.edges(operation.input, aws.sample(operation.input, generator, 1.0), generator))
    if not request.config.getoption("--slow"):
        edges = generator.sample(edges, min(len(edges), EDGES))
    tried = 0
    for edge in edges:
        answer = line.ask(operation, edge.value)
        if answer is None:
            continue
        tried += 1
        status, headers, body = answer
        check_response("iottwinmaker", name, status, headers, body)
        told = json.loads(body).get("message", "") if "x-amzn-errortype" in headers else ""
        if edge.constraint is None:
            assert "failed to satisfy constraint" not in told, edge
            assert status < 500, edge
        else:
            assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException"), edge
            wanted = fitting(f" at '{edge.path}' failed to satisfy constraint: {edge.constraint}", None)
            assert wanted in told or len(told) >= 2048, edge
    assert tried > 0
    if request.config.getoption("--slow"):
        remark(f"twinmaker:{name}: {tried} values at and beyond bounds")


def test_all_twenty_four_operations_are_served() -> None:
    assert len(OPERATIONS) == 24
