"""The check of raw responses finds what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.dialects.aws.specified import ALL

from syncline.dialects.aws import check_response
from syncline.dialects.aws.scopes import scope_of
from syncline.model.keys import Scope

HEADERS = {"x-amzn-RequestId": "r", "Content-Type": "application/x-amz-json-1.1"}
REST = {**HEADERS, "Content-Type": "application/json"}
JOB = {"ExecutionId": "a", "StartTime": 1795339800.5, "Status": "SYNCING"}


def jobs(*jobs: Any, **more: Any) -> bytes:
    return json.dumps({"History": list(jobs), **more}).encode()


def fault(code: str, **members: Any) -> dict[str, Any]:
    body = json.dumps({"__type": code, **(members or {"Message": "m"})}).encode()
    return {"status": 400, "headers": {**HEADERS, "x-amzn-errortype": code}, "body": body}


def test_what_is_right_passes() -> None:
    check_response("kendra", "ListDataSourceSyncJobs", 200, HEADERS, jobs(JOB, NextToken="a"))
    check_response("kendra", "StopDataSourceSyncJob", 200, list(HEADERS.items()), b"")
    check_response("kendra", "StartDataSourceSyncJob", **fault("ResourceInUseException"))
    check_response("kendra", "ListIndices", **fault("UnknownOperationException", message="m"))
    headers = {**REST, "x-amzn-errortype": "ConflictException"}
    check_response("iottwinmaker", "CreateWorkspace", 409, headers, b'{"message": "m"}')


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "no JSON object"),
        (b"[]", "no JSON object"),
        (jobs(JOB, Surprise=1), ".Surprise is not in the model"),
        (jobs({**JOB, "Surprise": 1}), ".History.0.Surprise is not in the model"),
        (jobs({**JOB, "EndTime": None}), ".History.0.EndTime is null"),
        (jobs({**JOB, "StartTime": "2026-11-22T09:30:00Z"}), "is not epoch seconds"),
        (jobs({**JOB, "StartTime": 1795339800500}), "is not epoch seconds"),
        (jobs({**JOB, "Status": "RUNNING"}), "Member must satisfy enum value set"),
        (jobs({**JOB, "ExecutionId": ""}), "Member must have length greater than or equal to 1"),
        (jobs({**JOB, "ExecutionId": 7}), "NUMBER_VALUE can not be converted to a String"),
        (jobs({**JOB, "ErrorMessage": "two\nlines"}), "Member must satisfy regular expression pattern"),
        (jobs({**JOB, "Metrics": {"DocumentsAdded": 3}}), "NUMBER_VALUE can not be converted to a String"),
        (jobs({**JOB, "Metrics": {"DocumentsAdded": "03"}}), "Member must satisfy regular expression pattern"),
    ],
)
def test_a_wrong_body_is_found(body: bytes, told: str) -> None:
    with pytest.raises(AssertionError) as raised:
        check_response("kendra", "ListDataSourceSyncJobs", 200, HEADERS, body)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (fault("ConflictException"), "ConflictException is not modelled"),
        (fault("ValidationException", message="m"), "ValidationException has no message"),
        (fault("ValidationException", Message="m", More=1), ".More is not in the model"),
        (fault("ValidationException", Message="two\nlines"), "regular expression pattern"),
        ({**fault("ValidationException"), "status": 403}, "the status of ValidationException should be 400"),
        ({**fault("ValidationException"), "headers": HEADERS}, "the code is '' in the header"),
        ({**fault("ValidationException"), "body": b"<html>"}, "no JSON object"),
        ({"status": 200, "headers": HEADERS, "body": b"{}"}, "the body should be empty"),
        ({"status": 204, "headers": HEADERS, "body": b""}, "the status should be 200"),
        ({"status": 200, "headers": {}, "body": b""}, "no x-amzn-RequestId"),
        ({"status": 200, "headers": {**HEADERS, "Content-Type": "text/html"}, "body": b""}, "Content-Type is"),
    ],
)
def test_a_wrong_answer_is_found(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(AssertionError) as raised:
        check_response("kendra", "StopDataSourceSyncJob", **changed)
    assert told in str(raised.value)


def test_required_members_are_missed() -> None:
    with pytest.raises(AssertionError, match="Value null at 'arn' failed"):
        check_response("iottwinmaker", "CreateWorkspace", 200, REST, b'{"creationDateTime": 1}')


def test_every_operation_needs_the_scope_that_fits_it() -> None:
    needed = {scope: {name for _, name in ALL if scope_of(name) is scope} for scope in Scope}
    nouns = ("Index", "DataSource", "Workspace", "SyncJob")
    assert needed[Scope.ADMIN] == {f"{verb}{noun}" for verb in ("Create", "Update", "Delete") for noun in nouns} - {
        "UpdateSyncJob"
    }
    assert {"StartDataSourceSyncJob", "BatchPutDocument", "TagResource", "CreateEntity"} <= needed[Scope.WRITE]
    assert {"Query", "Retrieve", "BatchGetDocumentStatus", "ListIndices", "GetEntity"} <= needed[Scope.READ]
    verbs = ("Describe", "List", "Get", "BatchGet", "Query", "Retrieve")
    assert {name for name in needed[Scope.READ] if not name.startswith(verbs)} == set()
