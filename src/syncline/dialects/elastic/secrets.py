"""Secrets that workers keep here: put in with one call, and read back with another by whoever may write.

They are sealed. In Elastic's own service these calls are private; its managed connectors use them for API keys.
"""

from __future__ import annotations

from syncline.dialects.elastic import sealing
from syncline.dialects.elastic.books import Books
from syncline.dialects.elastic.direct import Doc
from syncline.dialects.elastic.parsing import maybe, read, text
from syncline.dialects.elastic.refusals import absent, invalid
from syncline.dialects.elastic.rules import new_id
from syncline.dialects.elastic.transport import Call, Route
from syncline.model.keys import Scope

KIND = "secret"


def routes() -> list[Route]:
    """All of them."""
    one = "/_connector/_secret/{id}"
    return [
        Route("POST", "/_connector/_secret", _post, scope=Scope.WRITE),
        Route("PUT", one, _put, scope=Scope.WRITE),
        Route("GET", one, _get, scope=Scope.WRITE, body="none"),
        Route("DELETE", one, _delete, scope=Scope.WRITE, body="none"),
    ]


def _value(call: Call) -> str:
    value: str | None = read(call, "connector_secret_request", {"value": maybe(text)}).get("value")
    if value is None or not value:
        raise invalid('[value] of the connector secret cannot be [null] or [""]')
    return value


def _post(call: Call) -> Doc:
    value, id = _value(call), new_id()
    _keep(call, id, value)
    return {"id": id}


def _put(call: Call) -> Doc:
    value, id = _value(call), call.parts["id"]
    if not id:
        raise invalid('[id] of the connector secret cannot be [null] or [""]')
    return {"result": "created" if _keep(call, id, value) else "updated"}


def _keep(call: Call, id: str, value: str) -> bool:
    """Whether it is a new one."""
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        with books.writing():
            new = books.records.get(KIND, id) is None
            body = sealing.sealed(room, KIND, id, {"value": value}, ("value",))
            books.records.put(KIND, id, body, room.clock())
    return new


def _get(call: Call) -> Doc:
    id = call.parts["id"]
    with call.room() as room:
        record = Books(call.host, room, call.caller).records.get(KIND, id)
        if record is None:
            raise absent(f"No secret with id [{id}]")
        return {"id": id, "value": sealing.opened(room, KIND, id, record.body).config["value"]}


def _delete(call: Call) -> Doc:
    id = call.parts["id"]
    with call.room() as room:
        if not Books(call.host, room, call.caller).records.remove(KIND, id):
            raise absent(f"No secret with id [{id}]")
    return {"deleted": True}
