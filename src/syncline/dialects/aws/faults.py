"""Every error that can be answered, and how it looks on the wire.

Three kinds: those an operation models, which its function raises as a Fault; those that belong to the wire, which may
be the answer to anything (unknown operation, unreadable body, wrong signature); and our own faults.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Final

from syncline.dialects.aws.models import ErrorShape, Operation, Service
from syncline.dialects.aws.writing import to_json

INTERNAL: Final = "InternalServerException"
VALIDATION: Final = "ValidationException"

# Errors of the wire itself: the status for json, the status for rest-json, what they say when nothing else is said.
COMMON: Final[dict[str, tuple[int, int, str]]] = {
    "UnknownOperationException": (400, 404, "The requested operation is not known."),
    "SerializationException": (400, 400, "The request cannot be read."),
    VALIDATION: (400, 400, "The input does not satisfy the constraints of the service."),
    "MissingAuthenticationTokenException": (400, 403, "Missing Authentication Token"),
    "IncompleteSignatureException": (400, 403, "The request signature does not conform to AWS standards."),
    "InvalidSignatureException": (
        *(400, 403),
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.",
    ),
    "UnrecognizedClientException": (400, 403, "The security token included in the request is invalid."),
    "ExpiredTokenException": (400, 403, "The security token included in the request is expired"),
    "RequestExpired": (400, 403, "Request has expired."),
    "AccessDeniedException": (400, 403, "You do not have sufficient access to perform this action."),
    "RequestEntityTooLargeException": (413, 413, "The request body is too large."),
    "ThrottlingException": (400, 429, "Rate exceeded"),
    INTERNAL: (500, 500, "An internal error has occurred."),
}

# What says nearly the same, where an operation does not model an error; the first that it does model is taken.
_NEAREST: Final[dict[str, tuple[str, ...]]] = {
    "ResourceNotFoundException": ("ResourceUnavailableException", VALIDATION),
    "ResourceUnavailableException": ("ResourceNotFoundException", VALIDATION),
    "ResourceInUseException": ("ConflictException", VALIDATION),
    "ResourceAlreadyExistException": ("ConflictException", VALIDATION),
    "ConflictException": ("ResourceInUseException", VALIDATION),
    "InvalidRequestException": (VALIDATION,),
    "TooManyTagsException": ("ServiceQuotaExceededException", VALIDATION),
    "ServiceQuotaExceededException": ("TooManyTagsException", VALIDATION),
    "ConnectorFailureException": ("ConnectorTimeoutException", INTERNAL),
    "ConnectorTimeoutException": ("ConnectorFailureException", "QueryTimeoutException", INTERNAL),
    "QueryTimeoutException": ("ConnectorTimeoutException", INTERNAL),
}


class Fault(Exception):
    """An error to answer with. `code` is its name in the model, `members` what else its shape holds."""

    def __init__(self, code: str, message: str | None = None, **members: Any) -> None:
        self.code = code
        self.message = message or (COMMON[code][2] if code in COMMON else code)
        self.members = members
        super().__init__(f"{code}: {self.message}")


@dataclass(slots=True, frozen=True)
class Answer:
    """What goes out."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    code: str | None = None  # of the error, for the log


def models(operation: Operation, fault: Fault) -> bool:
    """True when a function of this operation may raise it."""
    return fault.code in operation.errors


def nearest(operation: Operation, fault: Fault) -> Fault:
    """The same news under a code that the operation models."""
    for code in (*_NEAREST.get(fault.code, ()), VALIDATION):
        if code in operation.errors:
            return Fault(code, fault.message)
    return Fault(INTERNAL)


def error_shape(service: Service, operation: Operation | None, code: str) -> ErrorShape | None:
    """As the operation models it, or any operation of the service; None for errors of the wire."""
    own = operation.errors.get(code) if operation else None
    return own or service.errors.get(code)


def status_of(service: Service, code: str, shape: ErrorShape | None) -> int:
    """The HTTP status of an error."""
    if shape is not None:
        return shape.status
    plain, rest, _ = COMMON.get(code, (400, 400, ""))
    return rest if service.rest else plain


def refused(service: Service, operation: Operation | None, fault: Fault) -> Answer:
    """The answer of an error. Raises BadOutput when its members are not what the model says."""
    shape = error_shape(service, operation, fault.code)
    body: dict[str, Any] = {} if service.rest else {"__type": fault.code}
    if shape is None or shape.message is None:
        body["message"] = fitting(fault.message, None)
    else:
        body[shape.message.wire] = fitting(fault.message, shape)
    if shape is not None and fault.members:
        body |= to_json(shape.shape, fault.members, fault.code)
    headers = {"content-type": content_type(service), "x-amzn-errortype": fault.code}
    return Answer(status_of(service, fault.code, shape), json.dumps(body).encode(), headers, fault.code)


def fitting(message: str, shape: ErrorShape | None) -> str:
    """The message in one line, as long as its shape allows: no control characters, 2048 characters."""
    high = shape.message.shape.high if shape is not None and shape.message is not None else None
    most = int(high or 2048)
    line = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in message[:most])
    return line or "-"


def content_type(service: Service) -> str:
    """Of requests and answers."""
    return "application/json" if service.rest else f"application/x-amz-json-{service.version}"
