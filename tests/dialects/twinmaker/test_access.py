"""Who may ask: keys, scopes, indexes, signatures; for every operation."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.dialects.twinmaker.desk import ROLE, SOURCE, Desk, code_of, refusal
from tests.serve.conftest import ROOT_SECRET

from syncline.dialects.aws import scopes
from syncline.dialects.aws.models import load_service
from syncline.dialects.twinmaker import OPERATIONS
from syncline.model.keys import Scope
from syncline.testing import aws

NAMES = sorted(OPERATIONS)


def method_of(client: Any, operation: str) -> Any:
    names = {model: method for method, model in client.meta.method_to_api_mapping.items()}
    return getattr(client, names[operation])


def given(operation: str) -> dict[str, Any]:
    shape = load_service("iottwinmaker").operation(operation).input
    found: dict[str, Any] = aws.sample(shape, random.Random(f"access:{operation}"), 0.0)
    return found


@pytest.fixture(scope="module")
def clients(desk: Desk) -> dict[str, Any]:
    """One that does not sign, one with a wrong secret, one whose key nobody knows, one that may only read, one that may
    write, and one that may nothing."""
    reader, writer, nobody = desk.key("read"), desk.key("read", "write"), desk.key()
    return {
        "unsigned": desk.client(signature_version=UNSIGNED),
        "wrong": desk.client("root", "not-the-secret"),
        "unknown": desk.client("AKIANOBODY0000000001", ROOT_SECRET),
        "reader": desk.client(*reader),
        "writer": desk.client(*writer),
        "nobody": desk.client(*nobody),
    }


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("unsigned", "MissingAuthenticationTokenException"),
        ("wrong", "InvalidSignatureException"),
        ("unknown", "UnrecognizedClientException"),
        ("nobody", "AccessDeniedException"),
    ],
)
@pytest.mark.parametrize("operation", NAMES)
def test_whoever_is_not_known_or_allowed_is_refused(clients: Any, operation: str, who: str, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        method_of(clients[who], operation)(**given(operation))
    assert code_of(caught.value) == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("operation", NAMES)
def test_each_operation_needs_its_scope(clients: Any, operation: str) -> None:
    for who, has in (("reader", Scope.READ), ("writer", Scope.WRITE)):
        try:
            method_of(clients[who], operation)(**given(operation))
            code = ""
        except ClientError as error:
            code = code_of(error)
        assert (code != "AccessDeniedException") == has.covers(scopes.scope_of(operation))


@pytest.mark.parametrize("operation", NAMES)
def test_a_signature_of_yesterday_has_expired(desk: Desk, operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client, then = desk.client(), datetime.now(UTC) - timedelta(days=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: then.replace(tzinfo=None))
    code, told = refusal(method_of(client, operation), **given(operation))
    assert (code, "expired" in told) == ("InvalidSignatureException", True)


def test_a_key_of_one_index_sees_one_workspace(desk: Desk) -> None:
    root, mine, other = desk.client(), desk.name("mine").lower(), desk.name("other").lower()
    for name in (mine, other):
        root.create_workspace(workspaceId=name)
    client = desk.client(*desk.key("admin", indexes=[mine]))
    assert [one["workspaceId"] for one in client.list_workspaces()["workspaceSummaries"]] == [mine]
    assert client.get_workspace(workspaceId=mine)["workspaceId"] == mine
    denied = [
        (client.get_workspace, {}),
        (client.list_entities, {}),
        (client.create_entity, {"entityName": "x"}),
        (client.create_sync_job, {"syncSource": SOURCE, "syncRole": ROLE}),
        (client.delete_workspace, {}),
    ]
    for call, more in denied:
        assert refusal(call, workspaceId=other, **more)[0] == "AccessDeniedException"
    arn = root.get_workspace(workspaceId=other)["arn"]
    assert refusal(client.tag_resource, resourceARN=arn, tags={"a": "b"})[0] == "AccessDeniedException"
    assert refusal(client.create_workspace, workspaceId=desk.name("third"))[0] == "AccessDeniedException"


def test_a_client_that_puts_a_name_before_the_host_needs_that_name(desk: Desk) -> None:
    client = desk.client(inject_host_prefix=True)
    with pytest.raises(EndpointConnectionError):
        client.list_workspaces()


@pytest.mark.parametrize("prefix", ["api", "data"])
def test_the_prefixed_host_is_as_good_as_any(desk: Desk, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that was told nothing but the URL, where the prefixed names lead to the server."""
    import socket

    resolve = socket.getaddrinfo

    def known(host: Any, *more: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith("twin.test") else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", known)
    port = desk.url.split(":")[2]
    monkeypatch.setattr(Desk, "url", property(lambda _: f"http://twin.test:{port}"))
    client, hosts = desk.client(inject_host_prefix=True), []
    client.meta.events.register("before-send.iottwinmaker.*", lambda request, **_: hosts.append(request.url))
    if prefix == "api":
        assert "workspaceSummaries" in client.list_workspaces()
    else:
        asked = {"workspaceId": "nobody-here", "entityId": "e1", "selectedProperties": ["p"]}
        assert refusal(client.get_property_value, **asked)[0] == "ResourceNotFoundException"
    assert hosts[0].startswith(f"http://{prefix}.twin.test:")
