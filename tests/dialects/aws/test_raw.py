"""Requests made by hand: what no client of AWS would send, and the exact words of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.dialects.aws.conftest import WORKSPACE, Seen
from tests.dialects.aws.serving import KEYS, Raw, ask, serving, target, wire

INDEX = "0123456789abcdef0123456789abcdef0123"
JOBS = "ListDataSourceSyncJobs"
OTHER = {"Id": "a", "IndexId": INDEX}


def kendra(url: str, operation: str, body: Any, **options: Any) -> Raw:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(f"{url}/kendra", body=raw, headers=target(operation), **options).held_against("kendra", operation)


def twinmaker(url: str, operation: str, method: str, path: str, body: bytes = b"", **options: Any) -> Raw:
    answer = ask(f"{url}/twinmaker{path}", method, body, service="iottwinmaker", **options)
    return answer.held_against("iottwinmaker", operation)


def test_an_empty_answer_is_empty(url: str) -> None:
    stopped = kendra(url, "StopDataSourceSyncJob", OTHER)
    assert (stopped.status, stopped.body, stopped.headers["content-length"]) == (200, b"", "0")
    assert stopped.headers["content-type"] == "application/x-amz-json-1.1"
    tagged = kendra(url, "TagResource", {"ResourceARN": "a", "Tags": []})
    assert (tagged.status, tagged.body) == (200, b"{}")
    assert twinmaker(url, "TagResource", "POST", "/tags", _json(resourceARN=WORKSPACE, tags={})).body == b"{}"


def since(time: Any) -> dict[str, Any]:
    return {"StartTimeFilter": {"StartTime": time}}


def _json(**members: Any) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize("name", [None, "", "AWSKendraFrontendService.Nothing", "Other.ListIndices", "ListIndices"])
def test_an_unknown_target_is_an_unknown_operation(url: str, name: str | None) -> None:
    headers = {} if name is None else {"X-Amz-Target": name}
    for key in ("admin", None):
        answer = ask(f"{url}/kendra", body=b"{}", headers=headers, key=key)
        assert (answer.status, answer.code, answer.json["__type"]) == (400, *["UnknownOperationException"] * 2)
        assert answer.headers["x-amzn-requestid"]


def test_an_operation_that_is_not_offered_says_so(url: str) -> None:
    answer = kendra(url, "CreateFaq", {})
    assert (answer.code, answer.message) == (
        "UnknownOperationException",
        "The operation CreateFaq is not offered here.",
    )


@pytest.mark.parametrize(
    "path", ["", "/", "/nothing", "/workspaces", "/workspaces/", "/Workspaces/ab", "/workspaces/a/b"]
)
def test_an_unknown_path_is_an_unknown_operation(url: str, path: str) -> None:
    answer = ask(f"{url}/twinmaker{path}", "POST", service="iottwinmaker")
    assert (answer.status, answer.code) == (404, "UnknownOperationException")


def test_the_method_counts(url: str) -> None:
    assert ask(f"{url}/twinmaker/workspaces/ab", "PATCH", service="iottwinmaker").status == 404
    assert ask(f"{url}/kendra", "GET", headers=target("ListIndices")).code == "UnknownOperationException"


@pytest.mark.parametrize(("service", "status"), [("kendra", 400), ("twinmaker", 403)])
def test_a_request_without_a_signature_is_told(url: str, service: str, status: int) -> None:
    method, path, headers = (
        ("POST", "", target("ListIndices")) if service == "kendra" else ("GET", "/workspaces/ab", {})
    )
    answer = ask(f"{url}/{service}{path}", method, b"{}", headers, key=None)
    assert (answer.status, answer.code) == (status, "MissingAuthenticationTokenException")
    assert answer.message == "Missing Authentication Token"
    headers = {**headers, "Authorization": "AWS4-HMAC-SHA256 Credential=x"}
    answer = ask(f"{url}/{service}{path}", method, b"{}", headers, key=None)
    assert (answer.status, answer.code) == (status, "IncompleteSignatureException")


def test_a_key_that_no_key_can_be_is_unknown(url: str) -> None:
    headers = dict(target("ListIndices"))
    good = ask(f"{url}/kendra", body=b"{}", headers=headers)
    assert good.status == 200
    for key in ("", "a b", "\x7f", "x" * 200):
        assert ask(f"{url}/kendra", body=b"{}", headers=headers, key=key).code == "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("operation", "body", "told"),
    [
        ("ListIndices", {"MaxResults": "1"}, "STRING_VALUE can not be converted to an Integer"),
        ("ListIndices", {"MaxResults": True}, "TRUE_VALUE can not be converted to an Integer"),
        ("ListIndices", {"MaxResults": 1.5}, "NUMBER_VALUE can not be converted to an Integer"),
        ("ListIndices", {"MaxResults": 1e1}, "NUMBER_VALUE can not be converted to an Integer"),
        ("ListIndices", {"MaxResults": [1]}, "Start of list found where not expected"),
        ("ListIndices", {"MaxResults": {"a": 1}}, "Start of structure or map found where not expected."),
        ("ListIndices", {"NextToken": 1}, "NUMBER_VALUE can not be converted to a String"),
        ("ListIndices", {"NextToken": False}, "FALSE_VALUE can not be converted to a String"),
        ("ListIndices", b"[]", "Start of list found where not expected"),
        ("ListIndices", b'"x"', "Expected null"),
        ("ListIndices", b"null", "Expected null"),
        ("ListIndices", b"{", "The request body is not JSON."),
        ("ListIndices", b"", "The request body is not JSON."),
        ("ListIndices", b'{"MaxResults": NaN}', "The request body is not JSON."),
        ("ListIndices", b'{"MaxResults": ' + b"9" * 5000 + b"}", "The request body is not JSON."),
        ("ListIndices", '{"NextToken": "é"}'.encode("latin-1"), "The request body is not JSON."),
        ("ListIndices", b'{"NextToken": "\\ud800"}', "A string holds half a character (a lone surrogate)."),
        ("ListIndices", b'{"a":' * 100_000, "The request body is not JSON."),
        ("ListIndices", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "The request body is not JSON."),
        ("TagResource", {"Tags": "x"}, "Expected list or null"),
        ("TagResource", {"Tags": {}}, "Start of structure or map found where not expected."),
        ("TagResource", {"Tags": [1]}, "Expected null"),
        (JOBS, since("x"), "STRING_VALUE can not be converted to a Timestamp"),
        (JOBS, since(1e99), "NUMBER_VALUE can not be converted to a Timestamp"),
        (JOBS, since(True), "TRUE_VALUE can not be converted to a Timestamp"),
        ("BatchPutDocument", {"Documents": [{"Blob": "!"}]}, "STRING_VALUE can not be converted to a Blob"),
        ("BatchPutDocument", {"Documents": [{"Blob": "YQ"}]}, "STRING_VALUE can not be converted to a Blob"),
    ],
)
def test_what_has_the_wrong_type_cannot_be_read(url: str, operation: str, body: Any, told: str) -> None:
    answer = kendra(url, operation, body)
    assert (answer.status, answer.code) == (400, "SerializationException")
    assert answer.json == {"__type": "SerializationException", "message": told}


def test_nesting_has_an_end_that_is_told(url: str) -> None:
    body: Any = {}
    for _ in range(70):
        body = {"NotFilter": body}
    answer = kendra(url, "Query", {"IndexId": INDEX, "AttributeFilter": body})
    assert answer.message == "The request body is nested more than 64 deep."
    template: Any = []
    for _ in range(70):
        template = [template]
    configuration = {"TemplateConfiguration": {"Template": {"a": template}}}
    assert kendra(url, "CreateDataSource", {"Configuration": configuration}).code == "SerializationException"


def test_nulls_and_unknown_members_are_as_good_as_absent(url: str, seen: Seen) -> None:
    answer = kendra(url, "ListIndices", {"MaxResults": None, "Foo": {"a": [1]}, "maxResults": 1, "NextToken": "x"})
    assert answer.status == 200
    assert dict(seen.last.input) == {"NextToken": "x"}


@pytest.mark.parametrize(
    "said", [1795339800, 1795339800.0, "2026-11-22T09:30:00Z", "2026-11-22T10:30:00+01:00", "1795339800"]
)
def test_times_may_be_said_in_several_ways(url: str, seen: Seen, said: Any) -> None:
    kendra(url, "ListDataSourceSyncJobs", {**OTHER, "StartTimeFilter": {"StartTime": said}})
    assert seen.last["StartTimeFilter"]["StartTime"].isoformat() == "2026-11-22T09:30:00+00:00"


def said(value: str | None, path: str, constraint: str) -> str:
    """One error, as AWS writes it."""
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {constraint}"


def at_most(n: int, what: str = "length") -> str:
    return f"have {what} less than or equal to {n}"


def at_least(n: int, what: str = "length") -> str:
    return f"have {what} greater than or equal to {n}"


def s3(**members: Any) -> dict[str, Any]:
    return {"Name": "a", "IndexId": INDEX, "Type": "S3", "Configuration": {"S3Configuration": members}}


STATES = "[FAILED, SUCCEEDED, SYNCING, INCOMPLETE, STOPPING, ABORTED, SYNCING_INDEXING]"
BUCKET = r"satisfy regular expression pattern: [a-z0-9][\.\-a-z0-9]{1,61}[a-z0-9]"
BUCKET_PATH = "configuration.s3Configuration.bucketName"
PATTERNS_PATH = "configuration.s3Configuration.inclusionPatterns"
EACH_PATTERN = (
    "satisfy constraint: [Member must have length less than or equal to 300, Member must " + at_least(1) + "]"
)
KMS = {"Name": "a", "RoleArn": "arn:aws:iam::1:role/x", "ServerSideEncryptionConfiguration": {"KmsKeyId": ""}}
LONG = "_" * 37
INDEX_PATTERN = "satisfy regular expression pattern: [a-zA-Z0-9][a-zA-Z0-9-]*"


@pytest.mark.parametrize(
    ("operation", "body", "told"),
    [
        ("DescribeIndex", {}, [said(None, "id", "not be null")]),
        ("DescribeIndex", {"Id": "a" * 35}, [said("a" * 35, "id", at_least(36))]),
        ("DescribeIndex", {"Id": LONG}, [said(LONG, "id", at_most(36)), said(LONG, "id", INDEX_PATTERN)]),
        ("ListIndices", {"MaxResults": 0}, [said("0", "maxResults", at_least(1, "value"))]),
        ("ListIndices", {"MaxResults": 9**20}, [said(str(9**20), "maxResults", at_most(100, "value"))]),
        (
            "ListDataSourceSyncJobs",
            {**OTHER, "StatusFilter": "DONE"},
            [said("DONE", "statusFilter", f"satisfy enum value set: {STATES}")],
        ),
        ("BatchPutDocument", {"IndexId": INDEX, "Documents": []}, [said("[]", "documents", at_least(1))]),
        (
            "BatchPutDocument",
            {"IndexId": INDEX, "Documents": [{"Id": "a"}, {}]},
            [said(None, "documents.2.member.id", "not be null")],
        ),
        (
            "BatchPutDocument",
            {"IndexId": INDEX, "Documents": [None]},
            [said(None, "documents.1.member", "not be null")],
        ),
        (
            "CreateDataSource",
            s3(BucketName="AB"),
            [said("AB", BUCKET_PATH, at_least(3)), said("AB", BUCKET_PATH, BUCKET)],
        ),
        (
            "CreateDataSource",
            s3(BucketName="abc", InclusionPatterns=["ok", ""]),
            [said("[ok, ]", PATTERNS_PATH, EACH_PATTERN)],
        ),
        (
            "CreateIndex",
            KMS,
            [said(None, "serverSideEncryptionConfiguration.kmsKeyId", at_least(1)).replace(" null", "")],
        ),
    ],
)
def test_what_the_model_does_not_allow_is_told_in_the_words_of_aws(
    url: str, operation: str, body: Any, told: list[str]
) -> None:
    answer = kendra(url, operation, body)
    assert (answer.status, answer.code) == (400, "ValidationException")
    count = f"{len(told)} validation error{'s' if len(told) > 1 else ''} detected: "
    assert answer.json == {"__type": "ValidationException", "Message": count + "; ".join(told)}


ID_PATTERN = r"satisfy regular expression pattern: [a-zA-Z_0-9][a-zA-Z_\-0-9]*[a-zA-Z0-9]+"
TAG_KEYS = (
    "Value at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less "
    "than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression "
    r"pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)]"
)
TAG_VALUES = (
    "Value at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less "
    "than or equal to 256, Member must have length greater than or equal to 1, Member must satisfy regular expression "
    "pattern: .*]"
)
ONE_OF = "Member must have exactly one of: [state, resourceType, resourceId, externalId]"
RESOURCES = "/workspaces/ab/sync-jobs/S/resources-list"


@pytest.mark.parametrize(
    ("operation", "method", "path", "body", "told"),
    [
        ("CreateWorkspace", "POST", "/workspaces/a", {}, said("a", "workspaceId", ID_PATTERN)),
        ("GetSyncJob", "GET", "/sync-jobs/SITEWISE?workspace=", None, said("", "workspaceId", at_least(1))),
        ("GetSyncJob", "GET", "/sync-jobs/SITE-WISE", None, "Value 'SITE-WISE' at 'syncSource'"),
        ("CreateSyncJob", "POST", "/workspaces/ab/sync-jobs/S", {}, said(None, "syncRole", "not be null")),
        ("CreateWorkspace", "POST", "/workspaces/ab", {"tags": {"a": ""}}, TAG_VALUES),
        ("CreateWorkspace", "POST", "/workspaces/ab", {"tags": {"": "a"}}, TAG_KEYS),
        (
            "ListSyncResources",
            "POST",
            RESOURCES,
            {"filters": [{"state": "ERROR", "resourceType": "ENTITY"}]},
            f"Value at 'filters.1.member' failed to satisfy constraint: {ONE_OF}",
        ),
        ("ListSyncResources", "POST", RESOURCES, {"filters": [{}]}, ONE_OF),
        ("ListSyncResources", "POST", RESOURCES, {"maxResults": 201}, said("201", "maxResults", at_most(200, "value"))),
    ],
)
def test_twinmaker_says_it_alike(url: str, operation: str, method: str, path: str, body: Any, told: str) -> None:
    raw = b"" if body is None else json.dumps(body).encode()
    answer = twinmaker(url, operation, method, path, raw)
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert answer.json.keys() == {"message"}
    assert told in answer.message


def test_sensitive_and_long_values_are_not_repeated(url: str) -> None:
    long = kendra(url, "DescribeIndex", {"Id": "a" * 5000})
    assert f"Value '{'a' * 256}...' at 'id'" in long.message
    key = kendra(url, "CreateIndex", {"ServerSideEncryptionConfiguration": {"KmsKeyId": "hunter2" * 300}})
    assert "hunter2" not in key.message


def test_a_thousand_errors_are_told_in_a_message_of_bounded_length(url: str) -> None:
    answer = kendra(url, "TagResource", {"ResourceARN": "a", "Tags": [{} for _ in range(1000)]})
    assert answer.message.startswith("100 validation errors detected: ")
    assert len(answer.message) <= 2048


def test_labels_that_are_no_text_cannot_be_read(url: str) -> None:
    answer = twinmaker(url, "CreateWorkspace", "POST", "/workspaces/%FF")
    assert answer.code == "SerializationException"
    answer = twinmaker(url, "GetSyncJob", "GET", "/sync-jobs/S?workspace=%FF")
    assert answer.code == "SerializationException"


def test_operations_that_model_no_validation_still_refuse_what_the_model_does_not_allow(url: str) -> None:
    answer = twinmaker(url, "TagResource", "POST", "/tags", b"{}")
    assert (answer.status, answer.code) == (400, "ValidationException")


def test_a_body_that_is_too_large_is_refused_and_the_rest_goes_on() -> None:
    app = wire("kendra", {"ListIndices": lambda request: {}}, max_body=1000)
    with serving(Starlette(routes=app.routes("/kendra"))) as url:
        answer = kendra(url, "ListIndices", b'{"NextToken": "' + b"a" * 2000 + b'"}')
        assert (answer.status, answer.code) == (413, "RequestEntityTooLargeException")
        assert kendra(url, "ListIndices", b'{"NextToken": "' + b"a" * 700 + b'"}').status == 200


def test_large_requests_with_a_wrong_key_are_answered(url: str) -> None:
    body = b'{"a": "' + b"a" * 5_000_000 + b'"}'
    answer = ask(f"{url}/kendra", body=body, headers=target("ListIndices"), key="AKNOBODY")
    assert answer.code == "UnrecognizedClientException"


def test_who_may_not_learns_nothing_of_the_input(url: str) -> None:
    answer = kendra(url, "CreateIndex", b"not JSON", key="reader")
    assert answer.code == "AccessDeniedException"
    assert answer.message == (
        f"User: {KEYS['reader'][0]} is not authorized to perform: kendra:CreateIndex, which needs the scope 'admin'"
    )


def test_the_prefix_may_be_encoded_and_nested() -> None:
    app = wire("iottwinmaker", {"ListWorkspaces": lambda request: {}})
    with serving(Starlette(routes=app.routes("/a b/c"))) as url:
        for prefix in ("/a%20b/c", "/%61%20b/c"):
            answer = ask(f"{url}{prefix}/workspaces-list", body=b"{}", service="iottwinmaker")
            assert answer.held_against("iottwinmaker", "ListWorkspaces").status == 200


def test_an_application_needs_no_mount() -> None:
    app = wire("iottwinmaker", {"ListWorkspaces": lambda request: {}})
    with serving(app) as url:
        assert ask(f"{url}/workspaces-list", body=b"{}", service="iottwinmaker").status == 200


def test_an_operation_the_service_does_not_have_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="kendra has no operation StartSync"):
        wire("kendra", {"StartSync": lambda request: {}})
