"""Unmodified clients of boto3, over real HTTP, against a few functions: what travels where, and what comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.applications import Starlette
from tests.dialects.aws.conftest import AT, WORKSPACE, Seen
from tests.dialects.aws.serving import KEYS, REGION, client, serving, wire

from syncline.dialects.aws import Fault, Request, Wire
from syncline.model.errors import CredentialsInvalid, InternalError, JobActive
from syncline.model.keys import Forbidden, Scope
from syncline.server import auth
from syncline.server.house import House
from syncline.server.settings import Settings
from syncline.service import keys
from syncline.wiring import Installation

INDEX = "0123456789abcdef0123456789abcdef0123"
ROLE = "arn:aws:iam::123456789012:role/kendra"


def test_a_sync_job_is_started_listed_and_stopped(url: str, seen: Seen) -> None:
    seen.answers["StartDataSourceSyncJob"] = {"ExecutionId": "run-1"}
    job = {"ExecutionId": "run-1", "StartTime": AT, "Status": "SYNCING", "Metrics": {"DocumentsAdded": "3"}}
    seen.answers["ListDataSourceSyncJobs"] = {"History": [job], "NextToken": None}
    kendra = client("kendra", f"{url}/kendra")
    assert kendra.start_data_source_sync_job(Id="source", IndexId=INDEX)["ExecutionId"] == "run-1"
    assert dict(seen.last.input) == {"Id": "source", "IndexId": INDEX}
    history = kendra.list_data_source_sync_jobs(
        Id="source", IndexId=INDEX, MaxResults=10, StartTimeFilter={"StartTime": AT}, StatusFilter="SYNCING"
    )
    assert history["History"] == [job]
    assert "NextToken" not in history
    sent = seen.last["StartTimeFilter"]["StartTime"]
    assert sent in (AT, AT.replace(microsecond=0))  # botocore's precision is a setting
    assert seen.last["MaxResults"] == 10
    stopped = kendra.stop_data_source_sync_job(Id="source", IndexId=INDEX)
    assert stopped["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert stopped["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"
    assert len(stopped["ResponseMetadata"]["RequestId"]) == 36


def test_a_slash_at_the_end_of_the_url_makes_no_difference(url: str, seen: Seen) -> None:
    for address in (f"{url}/kendra", f"{url}/kendra/"):
        assert client("kendra", address).list_indices()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert len(seen.requests) == 2


def test_a_template_of_any_form_arrives_and_returns_with_its_nulls(url: str, seen: Seen) -> None:
    template = {"a": None, "syncMode": "FULL_CRAWL", "list": [1, 2.5, {"x": None}], "Unknown": {"ü": "é"}}
    configuration = {"TemplateConfiguration": {"Template": template}}
    seen.answers["CreateDataSource"] = {"Id": "new"}
    seen.answers["DescribeDataSource"] = {"Id": "new", "Configuration": configuration}
    kendra = client("kendra", f"{url}/kendra")
    kendra.create_data_source(Name="n", IndexId=INDEX, Type="TEMPLATE", RoleArn=ROLE, Configuration=configuration)
    assert seen.last["Configuration"] == configuration
    assert len(seen.last["ClientToken"]) == 36  # botocore fills it in
    assert kendra.describe_data_source(Id="new", IndexId=INDEX)["Configuration"] == configuration


def test_blobs_and_numbers_keep_their_values(url: str, seen: Seen) -> None:
    attribute = {"Key": "_view_count", "Value": {"LongValue": 2**40}}
    dated = {"Key": "_created_at", "Value": {"DateValue": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}}
    documents = [{"Id": "ä 漢", "Blob": b"\x00\xff text", "Attributes": [attribute, dated]}]
    client("kendra", f"{url}/kendra").batch_put_document(IndexId=INDEX, Documents=documents)
    assert seen.last["Documents"] == documents


def test_paths_queries_and_bodies_of_twinmaker(url: str, seen: Seen) -> None:
    job = {
        "arn": f"{WORKSPACE}/sync-job/SITEWISE",
        "workspaceId": "factory",
        "syncSource": "SITEWISE",
        "syncRole": ROLE,
        "status": {"state": "ACTIVE"},
        "creationDateTime": AT,
        "updateDateTime": AT,
    }
    seen.answers["GetSyncJob"] = job
    seen.answers["CreateSyncJob"] = {"arn": job["arn"], "creationDateTime": AT, "state": "CREATING"}
    twinmaker = client("iottwinmaker", f"{url}/twinmaker")
    answer = twinmaker.get_sync_job(syncSource="SITEWISE", workspaceId="factory")
    assert {name: answer[name] for name in job} == job
    assert dict(seen.last.input) == {"syncSource": "SITEWISE", "workspaceId": "factory"}
    twinmaker.get_sync_job(syncSource="SITEWISE")
    assert dict(seen.last.input) == {"syncSource": "SITEWISE"}
    created = twinmaker.create_sync_job(workspaceId="factory", syncSource="SITEWISE", syncRole=ROLE, tags={"ä": "ö ü"})
    assert (created["state"], created["creationDateTime"]) == ("CREATING", AT)
    assert seen.last["tags"] == {"ä": "ö ü"}
    assert seen.last.region == REGION
    assert seen.last.key_id == KEYS["admin"][0]


def test_labels_may_hold_encoded_slashes_and_colons(url: str, seen: Seen) -> None:
    seen.answers["GetWorkspace"] = {
        "workspaceId": "factory",
        "arn": WORKSPACE,
        "creationDateTime": AT,
        "updateDateTime": AT,
    }
    twinmaker = client("iottwinmaker", f"{url}/twinmaker")
    twinmaker.get_workspace(workspaceId=WORKSPACE)
    assert seen.last["workspaceId"] == WORKSPACE


def test_lists_travel_in_queries(url: str, seen: Seen) -> None:
    keys = ["a b", "c+d", "e/f", "é=漢", "a b"]
    twinmaker = client("iottwinmaker", f"{url}/twinmaker")
    assert twinmaker.untag_resource(resourceARN=WORKSPACE, tagKeys=keys)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert seen.last["tagKeys"] == keys


def test_unions_hold_one_member(url: str, seen: Seen) -> None:
    filters = [{"state": "ERROR"}, {"resourceType": "ENTITY"}]
    seen.answers["ListSyncResources"] = {"syncResources": []}
    client("iottwinmaker", f"{url}/twinmaker").list_sync_resources(
        workspaceId="factory", syncSource="SITEWISE", filters=filters, maxResults=0
    )
    assert (seen.last["filters"], seen.last["maxResults"]) == (filters, 0)


def test_special_numbers_come_back(url: str, seen: Seen) -> None:
    seen.answers["GetPropertyValueHistory"] = {
        "propertyValues": [
            {
                "entityPropertyReference": {"propertyName": "p"},
                "values": [{"value": {"doubleValue": value}, "time": "2026-11-22T00:00:00Z"}],
            }
            for value in (float("inf"), float("-inf"), 1e308, 0.1, 3)
        ]
    }
    answer = client("iottwinmaker", f"{url}/twinmaker").get_property_value_history(
        workspaceId="factory", selectedProperties=["p"]
    )
    found = [one["values"][0]["value"]["doubleValue"] for one in answer["propertyValues"]]
    assert found == [float("inf"), float("-inf"), 1e308, 0.1, 3]


def start(kendra: Any) -> None:
    kendra.start_data_source_sync_job(Id="a", IndexId=INDEX)


def get(twinmaker: Any) -> None:
    twinmaker.get_sync_job(syncSource="A")


@pytest.mark.parametrize(
    ("call", "code", "status"),
    [
        (start, "ResourceInUseException", 400),
        (start, "ThrottlingException", 400),
        (start, "InternalServerException", 500),
        (lambda boto: boto.tag_resource(ResourceARN="a", Tags=[]), "ResourceUnavailableException", 400),
        (get, "ResourceNotFoundException", 404),
        (get, "ServiceQuotaExceededException", 402),
        (lambda boto: boto.create_workspace(workspaceId="ab"), "ConflictException", 409),
        (lambda boto: boto.tag_resource(resourceARN=WORKSPACE, tags={}), "TooManyTagsException", 400),
    ],
)
def test_modelled_errors_become_the_exceptions_of_the_client(
    url: str, seen: Seen, call: Callable[[Any], None], code: str, status: int
) -> None:
    service = "kendra" if status in (400, 500) and code != "TooManyTagsException" else "iottwinmaker"
    for operation in ("StartDataSourceSyncJob", "TagResource", "GetSyncJob", "CreateWorkspace"):
        seen.answers[operation] = Fault(code, "it is\nlike this \u2028\x07 é")
    boto = client(service, f"{url}/{'kendra' if service == 'kendra' else 'twinmaker'}")
    with pytest.raises(getattr(boto.exceptions, code)) as caught:
        call(boto)
    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["Error"]["Message"].startswith("it is like this ")
    assert response["Error"]["Message"].endswith(" é")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert len(response["ResponseMetadata"]["RequestId"]) == 36


def test_errors_of_the_family_are_translated_by_the_dialect(url: str, seen: Seen) -> None:
    seen.answers["StartDataSourceSyncJob"] = JobActive("job 7 is running")
    kendra = client("kendra", f"{url}/kendra")
    with pytest.raises(kendra.exceptions.ResourceInUseException, match="job 7 is running"):
        kendra.start_data_source_sync_job(Id="a", IndexId=INDEX)


def test_an_index_the_key_may_not_use_is_denied(url: str, seen: Seen) -> None:
    seen.answers["ListWorkspaces"] = Forbidden("the key may not use the index 'a'")
    twinmaker = client("iottwinmaker", f"{url}/twinmaker")
    with pytest.raises(ClientError, match="may not use the index 'a'") as caught:
        twinmaker.list_workspaces()
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("key", "call", "fine"),
    [
        ("reader", lambda k: k.list_indices(), True),
        ("reader", lambda k: k.query(IndexId=INDEX, QueryText="x"), True),
        ("reader", lambda k: k.stop_data_source_sync_job(Id="a", IndexId=INDEX), False),
        ("writer", lambda k: k.stop_data_source_sync_job(Id="a", IndexId=INDEX), True),
        ("writer", lambda k: k.create_index(Name="a", RoleArn=ROLE), False),
        ("admin", lambda k: k.create_index(Name="a", RoleArn=ROLE), True),
    ],
)
def test_a_key_may_do_what_its_scopes_say(
    url: str, seen: Seen, key: str, call: Callable[[Any], Any], fine: bool
) -> None:
    kendra = client("kendra", f"{url}/kendra", key)
    if fine:
        call(kendra)
    else:
        with pytest.raises(kendra.exceptions.AccessDeniedException, match="is not authorized to perform: kendra:"):
            call(kendra)
        assert seen.requests == []


@pytest.mark.parametrize(
    ("service", "path", "status"), [("kendra", "/kendra", 400), ("iottwinmaker", "/twinmaker", 403)]
)
def test_wrong_keys_and_secrets_are_told_apart(url: str, service: str, path: str, status: int) -> None:
    known = client(service, url + path)
    options = {"region_name": REGION, "endpoint_url": url + path, "config": known.meta.config}
    for id, secret, code in (
        ("AKNOBODY", "x", "UnrecognizedClientException"),
        (KEYS["admin"][0], "x", "InvalidSignatureException"),
    ):
        boto = boto3.client(service, aws_access_key_id=id, aws_secret_access_key=secret, **options)
        with pytest.raises(ClientError) as caught:
            (boto.list_indices if service == "kendra" else boto.list_workspaces)()
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_session_token_is_accepted(url: str, seen: Seen) -> None:
    id, secret, _ = KEYS["admin"]
    kendra = boto3.client(
        "kendra",
        endpoint_url=f"{url}/kendra",
        region_name="us-gov-west-1",
        aws_access_key_id=id,
        aws_secret_access_key=secret,
        aws_session_token="a/token+of=somebody",
    )
    kendra.list_indices()
    assert seen.last.region == "us-gov-west-1"


def test_a_client_that_changes_nothing_but_the_url_is_served_where_the_prefixed_host_resolves(
    seen: Seen, twinmaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    plain = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> Any:
        return plain("127.0.0.1" if str(host).endswith("syncline.example") else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving(Starlette(routes=twinmaker.routes("/twinmaker"))) as address:
        port = address.rpartition(":")[2]
        boto = boto3.client(
            "iottwinmaker",
            endpoint_url=f"http://syncline.example:{port}/twinmaker",
            region_name=REGION,
            aws_access_key_id=KEYS["admin"][0],
            aws_secret_access_key=KEYS["admin"][1],
            config=Config(retries={"total_max_attempts": 1}),
        )
        seen.answers["GetPropertyValueHistory"] = {"propertyValues": []}
        boto.list_workspaces()  # at api.syncline.example
        boto.get_property_value_history(workspaceId="factory", selectedProperties=["p"])  # at data.syncline.example
    assert [request.operation for request in seen.requests] == ["ListWorkspaces", "GetPropertyValueHistory"]


def test_the_environment_alone_leads_there(url: str, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOTTWINMAKER", f"{url}/twinmaker")
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS["reader"][0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS["reader"][1])
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    boto3.session.Session().client("iottwinmaker").list_workspaces()
    assert seen.last.operation == "ListWorkspaces"


def test_the_keys_of_a_server_sign(tmp_path: Path) -> None:
    Installation(str(tmp_path)).make()
    house = House(Settings(str(tmp_path), root_key="root-1.a:secret-of-root-0123456789abcdef"))
    with house.room() as room:
        reader, secret = keys.create(room, name="r", scopes=(Scope.READ,))
    options = {"secret_of": partial(auth.secret_of, house), "caller_of": partial(auth.identify_pair, house)}
    app = Wire("kendra", {"ListIndices": lambda request: {}, "TagResource": lambda request: {}}, strict=True, **options)
    with serving(Starlette(routes=app.routes("/kendra"))) as address:
        for id, said, fine in (("root-1.a", "secret-of-root-0123456789abcdef", True), (reader.id, secret, False)):
            boto = boto3.client(
                "kendra",
                endpoint_url=f"{address}/kendra",
                region_name=REGION,
                aws_access_key_id=id,
                aws_secret_access_key=said,
            )
            boto.list_indices()
            if fine:
                boto.tag_resource(ResourceARN="a", Tags=[])
            else:
                with pytest.raises(boto.exceptions.AccessDeniedException):
                    boto.tag_resource(ResourceARN="a", Tags=[])
    house.close()


@pytest.mark.parametrize("broken", ["secret_of", "caller_of"])
def test_keys_that_cannot_be_opened_are_an_internal_error(broken: str) -> None:
    def fail(*_: str) -> Any:
        raise CredentialsInvalid("the secret cannot be opened")

    app = wire("kendra", {"ListIndices": lambda request: {}}, strict=False, **{broken: fail})
    with serving(Starlette(routes=app.routes("/kendra"))) as address:
        kendra = client("kendra", f"{address}/kendra")
        with pytest.raises(kendra.exceptions.InternalServerException, match="An internal error has occurred"):
            kendra.list_indices()


# --- in production ---------------------------------------------------------------------------------------------------


def served_loosely(answer: Any) -> Any:
    def function(request: Request) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    names = ("StartDataSourceSyncJob", "ListIndices", "StopDataSourceSyncJob")
    return wire("kendra", dict.fromkeys(names, function), strict=False)


@pytest.mark.parametrize(
    "answer",
    [
        {"IndexConfigurationSummaryItems": [{"Id": 7}]},
        {"Surprise": 1},
        {"IndexConfigurationSummaryItems": [{"Id": "a"}]},
        ValueError("a secret: hunter2"),
        InternalError("broken: hunter2"),
    ],
)
def test_our_own_faults_are_internal_errors_that_tell_nothing(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = served_loosely(answer)
    with serving(Starlette(routes=app.routes("/kendra"))) as address:
        kendra = client("kendra", f"{address}/kendra")
        with pytest.raises(kendra.exceptions.InternalServerException) as caught:
            kendra.list_indices()
    assert caught.value.response["Error"]["Message"] == "An internal error has occurred."
    assert [record.getMessage() for record in caplog.records if record.name.endswith("wire")] == ["aws.failed"]


def test_an_error_that_the_operation_does_not_model_becomes_its_nearest() -> None:
    app = served_loosely(Fault("ResourceInUseException", "one runs"))
    with serving(Starlette(routes=app.routes("/kendra"))) as address:
        kendra = client("kendra", f"{address}/kendra")
        with pytest.raises(kendra.exceptions.ValidationException, match="one runs"):
            kendra.stop_data_source_sync_job(Id="a", IndexId=INDEX)
        with pytest.raises(kendra.exceptions.ResourceInUseException, match="one runs"):
            kendra.start_data_source_sync_job(Id="a", IndexId=INDEX)


@pytest.mark.parametrize(
    "answer",
    [
        Fault("ResourceInUseException"),
        Fault("NoSuchException"),
        {"Surprise": 1},
        {"NextToken": ""},
        {"IndexConfigurationSummaryItems": [{"CreatedAt": AT}]},
    ],
)
def test_strict_mode_notes_what_the_model_does_not_allow(answer: Any) -> None:
    def function(request: Request) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    app = wire("kendra", {"ListIndices": function})
    with serving(Starlette(routes=app.routes("/kendra"))) as address, pytest.raises(ClientError):
        client("kendra", f"{address}/kendra").list_indices()
    assert len(app.broken) == 1
