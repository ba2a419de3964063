"""What travels elsewhere than in bodies, in services that use it: headers, statuses, greedy labels, HEAD."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.dialects.aws.serving import Raw, ask, client, serving, wire

from syncline.dialects.aws import Request
from syncline.dialects.aws.models import load_service
from syncline.dialects.aws.routing import Router

ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/name-0123456789"
SESSION = "s" * 33


def test_headers_queries_and_the_status_are_members() -> None:
    requests: list[Request] = []

    def stop(request: Request) -> dict[str, Any]:
        requests.append(request)
        return {"runtimeSessionId": request["runtimeSessionId"], "statusCode": 202}

    app = wire("bedrock-agentcore", {"StopRuntimeSession": stop})
    with serving(app) as url:
        answer = client("bedrock-agentcore", url).stop_runtime_session(
            runtimeSessionId=SESSION, agentRuntimeArn=ARN, qualifier="a b/ü", clientToken="t" * 33
        )
    assert (answer["runtimeSessionId"], answer["statusCode"]) == (SESSION, 202)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    expected = {"agentRuntimeArn": ARN, "runtimeSessionId": SESSION, "qualifier": "a b/ü", "clientToken": "t" * 33}
    assert dict(requests[0].input) == expected
    assert app.broken == []


@pytest.mark.parametrize("path", ["a", "a/b.txt", "a/b/c/~-_./x"])
def test_greedy_labels_take_slashes_and_head_has_no_body(path: str) -> None:
    modified = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    seen: list[Request] = []

    def describe(request: Request) -> dict[str, Any]:
        seen.append(request)
        return {"ETag": "a" * 64, "ContentLength": 2**40, "LastModified": modified, "CacheControl": "no-store"}

    with serving(wire("mediastore-data", {"DescribeObject": describe})) as url:
        answer = client("mediastore-data", url).describe_object(Path=path)
    assert seen[0]["Path"] == path
    assert answer["LastModified"] == modified
    assert (answer["ETag"], answer["ContentLength"]) == ("a" * 64, 2**40)


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ("/a", "a"),
        ("/a/b", "a/b"),
        ("/a%2Fb%20c/%C3%BC", "a/b c/ü"),
        ("/a//b", "a//b"),
        ("/%2e%2e/x", "../x"),
    ],
)
def test_labels_are_decoded_after_the_path_was_taken_apart(path: str, labels: str) -> None:
    router = Router(load_service("mediastore-data"), ["DescribeObject"])
    assert router.find("HEAD", path, None) == ("DescribeObject", {"Path": labels})


def test_a_word_in_a_path_comes_before_a_label() -> None:
    service = load_service("iottwinmaker")
    router = Router(service, service.names)
    assert router.find("POST", "/workspaces/ab/entities-list", None) == ("ListEntities", {"workspaceId": "ab"})
    name, labels = router.find("GET", "/workspaces/ab/component-types/com.x%3Ay%2Fz", None)
    assert (name, labels) == ("GetComponentType", {"workspaceId": "ab", "componentTypeId": "com.x:y/z"})
    assert router.find("PUT", "/workspaces/entities", None)[0] == "UpdateWorkspace"


def revert(url: str, **headers: str) -> Raw:
    path = "/applications/abcdefg/environments/abcdefg/deployments/7"
    return ask(f"{url}{path}", "DELETE", headers=headers, service="appconfig")


def test_booleans_and_numbers_may_be_texts() -> None:
    seen: list[Request] = []

    def stop(request: Request) -> dict[str, Any]:
        seen.append(request)
        return {}

    with serving(wire("appconfig", {"StopDeployment": stop})) as url:
        assert revert(url, **{"Allow-Revert": "true"}).status == 202
        assert (seen[0]["AllowRevert"], seen[0]["DeploymentNumber"]) == (True, 7)
        assert revert(url, **{"Allow-Revert": "yes"}).message == "STRING_VALUE can not be converted to a Boolean"
        assert len(seen) == 1


def test_a_number_in_a_path_must_be_one() -> None:
    with serving(wire("appconfig", {"StopDeployment": lambda request: {}})) as url:
        path = "/applications/abcdefg/environments/abcdefg/deployments/seven"
        answer = ask(f"{url}{path}", "DELETE", service="appconfig")
        assert answer.message == "STRING_VALUE can not be converted to an Integer"
