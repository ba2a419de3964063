"""The description of the API, made from what is served: parameters and bodies by pydantic, the rest from Operation.

Made when it is first asked for, and kept: nobody waits for it when the server starts.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.applications import Starlette

from syncline import __version__
from syncline.model.keys import Scope
from syncline.server import schemas
from syncline.server.operations import WITH_BODY, Gate, Operation
from syncline.server.problems import MEDIA_TYPE

Mode = Literal["validation", "serialization"]

REF: Final = "#/components/schemas/{model}"
ABOUT: Final = """\
Keeps indexes in step with their sources by sync jobs.

Lists are pages: `next_cursor` of one gives the next. Single things carry an ETag: `If-None-Match` saves sending them
again, `If-Match` on PATCH and DELETE makes sure that nobody else has changed them. A POST with an `Idempotency-Key` is
done once, however often it is sent. Every error is a problem (RFC 9457) with a stable code.
"""
_CONDITIONAL: Final = ("GET", "PATCH", "DELETE")


def document(app: Starlette) -> bytes:
    """The document, as JSON."""
    if getattr(app.state, "openapi", None) is None:
        app.state.openapi = json.dumps(described(app), ensure_ascii=False).encode()
    kept: bytes = app.state.openapi
    return kept


def described(app: Starlette) -> dict[str, Any]:
    """OpenAPI 3.1."""
    gates = [route for route in app.router.routes if isinstance(route, Gate)]
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Syncline", "description": ABOUT, "version": __version__},
        "paths": {},
        "components": {"schemas": _schemas(gates)},
    }
    told["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "The secret of a key."},
        "api_key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The secret of a key."},
    }
    for gate in gates:
        path = told["paths"].setdefault(gate.path_format, {})
        path[gate.operation.method.lower()] = _complete(_asked(gate), gate)
    return told


def _schemas(gates: list[Gate]) -> dict[str, Any]:
    names = sorted({gate.operation.answers for gate in gates} - {"", "EventStream"} | {"Problem"})
    models: list[tuple[type[BaseModel], Mode]] = [(schemas.model(name), "serialization") for name in names]
    models += [(model, "validation") for model in dict.fromkeys(gate.body_model for gate in gates) if model is not None]
    _, definitions = models_json_schema(models, ref_template=REF)
    found: dict[str, Any] = definitions["$defs"]
    return found


def _asked(gate: Gate) -> dict[str, Any]:
    """What it takes."""
    operation, parameters = gate.operation, gate.parameters
    told: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": parameters.described(REF),
    }
    if gate.body_model is not None:
        schema = {"$ref": REF.format(model=gate.body_model.__name__)}
        content = {"application/json": {"schema": schema}}
        told["requestBody"] = {"required": parameters.body_required, "content": content}
    return told


def _complete(told: dict[str, Any], gate: Gate) -> dict[str, Any]:
    """Everything about one operation beside its parameters and its body."""
    operation = gate.operation
    told["description"] = _description(operation)
    told["security"] = [{"bearer": []}, {"api_key": []}] if operation.scope else []
    told.setdefault("parameters", []).extend(_headers(operation))
    success = {str(operation.status): _success(operation)}
    if operation.method == "GET" and operation.scope and operation.answers and _is_json(operation):
        success["304"] = {"description": "It is the one the caller has."}
    told["responses"] = {**success, **{str(status): _problem(status) for status in sorted(_statuses(gate))}}
    if operation.path == "/readyz":
        told["responses"]["503"] = {**_success(operation), "description": "It cannot."}
    return told


def _description(operation: Operation) -> str:
    said = " ".join((operation.function.__doc__ or "").split())
    need = "No key is needed." if operation.scope is None else f"Needs a key with the scope `{operation.scope}`."
    return f"{said}\n\n{need}"


def _success(operation: Operation) -> dict[str, Any]:
    status = HTTPStatus(operation.status)
    schema: dict[str, Any] = {"type": "string"}
    if _is_json(operation):
        schema = {"$ref": REF.format(model=operation.answers)} if operation.answers else {"type": "object"}
    told: dict[str, Any] = {
        "description": status.phrase,
        "content": {operation.media: {"schema": schema}},
        "headers": {"X-Request-Id": _header("Names this request in the log.")},
    }
    if operation.status in (201, 202):
        told["headers"]["Location"] = _header("Where it is.")
    return told


def _is_json(operation: Operation) -> bool:
    return operation.media == "application/json"


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}},
    }


def _headers(operation: Operation) -> list[dict[str, Any]]:
    found = []
    if operation.needs_name:
        found.append(("Idempotency-Key", "A name for this request: sent again under it, it is not done again."))
    if operation.scope and operation.method in ("PATCH", "DELETE") and operation.answers != "Key":
        found.append(("If-Match", "The ETag of the one that is meant."))
    if operation.media == "text/event-stream":
        found.append(("Last-Event-ID", "The id of the last event that was heard."))
    return [
        {"name": name, "in": "header", "required": False, "description": told, "schema": {"type": "string"}}
        for name, told in found
    ]


def _statuses(gate: Gate) -> set[int]:
    """Of all problems that it may answer with."""
    operation = gate.operation
    statuses = {400, 422, 500, 503, *operation.tells}
    if operation.scope is not None or operation.path == "/metrics":
        statuses |= {401, 403}
    if "{" in operation.path:
        statuses.add(404)
    if operation.method in WITH_BODY:
        statuses |= {413, 415}
    if operation.needs_name:
        statuses.add(409)
    if operation.method in _CONDITIONAL and operation.scope not in (None, Scope.READ):
        statuses |= {409, 412}
    return statuses - {operation.status}
