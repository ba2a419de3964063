"""Requests made by hand, for what boto3 would not send; and an input for every operation."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.dialects.kendra.desk import REGION, ROLE
from tests.serve.conftest import ROOT_SECRET

from syncline.dialects.aws import check_response

ROOT = ("root", ROOT_SECRET)


class Raw:
    """A connection that stays open. Every answer is held against the model."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(self._parts.netloc, timeout=60)

    def ask(
        self,
        operation: str,
        value: Any,
        key: tuple[str, str] | None = ROOT,
        *,
        date: str | None = None,
        headers: Mapping[str, str] | None = None,
        tamper: bool = False,
    ) -> tuple[int, str, str]:
        """(status, code, message); code and message are empty when it was done. `tamper`: with the body, after it was
        signed."""
        body = json.dumps(plain(value)).encode()
        said = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"AWSKendraFrontendService.{operation}",
            **(headers or {}),
        }
        request = AWSRequest("POST", f"{self._parts.scheme}://{self._parts.netloc}/kendra", said, body)
        if key is not None:
            signer = SigV4Auth(Credentials(*key), "kendra", REGION)
            if date is None:
                signer.add_auth(request)
            else:
                _sign_at(signer, request, date)
        self._connection.request("POST", "/kendra", body + b" " * tamper, dict(request.headers.items()))
        answer = self._connection.getresponse()
        content = answer.read()
        check_response("kendra", operation, answer.status, answer.getheaders(), content)
        error = json.loads(content) if answer.status >= 400 else {}
        return answer.status, str(error.get("__type", "")), str(error.get("Message") or error.get("message") or "")

    def close(self) -> None:
        self._connection.close()


def _sign_at(signer: SigV4Auth, request: AWSRequest, date: str) -> None:
    """As `add_auth`, at another time."""
    request.context["timestamp"] = date
    request.headers["X-Amz-Date"] = date
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    signer._inject_signature_to_request(request, signature)


def plain(value: Any) -> Any:
    """As it goes over the wire."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.timestamp()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def valid(operation: str, index: str, source: str) -> dict[str, Any]:
    """An input of the operation that is done when index and data source are there. The source is a CUSTOM one."""
    arn = f"arn:aws:kendra:{REGION}:123456789012:index/{index}"
    both = {"Id": source, "IndexId": index}
    return {
        "CreateIndex": {"Name": "made", "RoleArn": ROLE},
        "DescribeIndex": {"Id": index},
        "UpdateIndex": {"Id": index, "Description": "new"},
        "ListIndices": {},
        "DeleteIndex": {"Id": index},
        "CreateDataSource": {"Name": "made", "IndexId": index, "Type": "CUSTOM"},
        "DescribeDataSource": both,
        "UpdateDataSource": {**both, "Description": "new"},
        "ListDataSources": {"IndexId": index},
        "DeleteDataSource": both,
        "StartDataSourceSyncJob": both,
        "StopDataSourceSyncJob": both,
        "ListDataSourceSyncJobs": both,
        "BatchPutDocument": {"IndexId": index, "Documents": [{"Id": "a", "Blob": b"words"}]},
        "BatchDeleteDocument": {"IndexId": index, "DocumentIdList": ["a"]},
        "BatchGetDocumentStatus": {"IndexId": index, "DocumentInfoList": [{"DocumentId": "a"}]},
        "Query": {"IndexId": index, "QueryText": "words"},
        "Retrieve": {"IndexId": index, "QueryText": "words"},
        "TagResource": {"ResourceARN": arn, "Tags": [{"Key": "team", "Value": "blue"}]},
        "UntagResource": {"ResourceARN": arn, "TagKeys": ["team"]},
        "ListTagsForResource": {"ResourceARN": f"{arn}/data-source/{source}"},
        "PutPrincipalMapping": {
            "IndexId": index,
            "GroupId": "staff",
            "GroupMembers": {"MemberUsers": [{"UserId": "ann"}]},
        },
        "DeletePrincipalMapping": {"IndexId": index, "GroupId": "nobody"},
        "DescribePrincipalMapping": {"IndexId": index, "GroupId": "staff"},
        "ListGroupsOlderThanOrderingId": {"IndexId": index, "OrderingId": 1},
    }[operation]
