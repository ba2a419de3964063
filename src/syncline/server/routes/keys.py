"""Keys: who may ask for what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from starlette.responses import Response

from syncline.model.errors import NotFound
from syncline.model.keys import Key, Scope
from syncline.server.operations import FIRST, Body, Call, Cursor, Flag, Limit, Operations, answered, made
from syncline.server.paging import Pages
from syncline.server.parameters import Path, Query
from syncline.service import keys

operations = Operations("keys")


class KeyIn(Body):
    """A new key."""

    name: str = Field(default="", max_length=200, description="For people.")
    scopes: list[Literal["read", "write", "admin"]] = Field(
        default_factory=lambda: list[Literal["read", "write", "admin"]](["read", "write"]), max_length=3
    )
    indexes: list[str] | None = Field(
        default=None, max_length=1000, description="The only indexes it may use; null: all."
    )
    id: str | None = Field(default=None, description="Made at random if left out.")
    secret: str | None = Field(
        default=None, description="Made at random if left out.", json_schema_extra={"writeOnly": True}
    )


def _may_see(call: Call, key: Key) -> bool:
    """A key that is bound to indexes sees keys that are bound to some of the same."""
    bound = call.caller.indexes
    return bound is None or (key.indexes is not None and set(key.indexes) <= set(bound))


@operations("GET", "/v1/keys", "List keys", scope=Scope.ADMIN, answers="KeyPage")
def list_keys(
    call: Call,
    revoked: Annotated[Flag, Query(description="Also those that were revoked.")] = False,
    limit: Limit = FIRST,
    cursor: Cursor = None,
) -> Response:
    """By id, without their secrets. The root key is not among them."""
    with call.room() as room:
        found = [key for key in keys.all(room, revoked=revoked) if _may_see(call, key)]
    found.sort(key=lambda key: key.id)
    return answered(Pages("keys", cursor, revoked=revoked).cut(found, limit, lambda key: key.id, keys.shape, ""))


@operations("POST", "/v1/keys", "Make a key", scope=Scope.ADMIN, answers="KeyMade", status=201, tells=(409,))
def create_key(call: Call, body: KeyIn) -> Response:
    """The secret is in this answer and never again. A key that is bound to indexes makes such keys only."""
    if body.indexes is None:
        call.caller.need_all_indexes()
    for index in body.indexes or ():
        call.caller.need_index(index)
    with call.room() as room:
        key, secret = keys.create(
            room,
            name=body.name,
            id=body.id,
            secret=body.secret,
            scopes=body.scopes,
            indexes=body.indexes,
            root_key=call.house.settings.root_key,
        )
    return made({**keys.shape(key), "secret": secret}, f"/v1/keys/{key.id}")


@operations("DELETE", "/v1/keys/{id}", "Revoke a key", scope=Scope.ADMIN, answers="Key", tells=(409,))
def revoke_key(call: Call, id: Annotated[str, Path(description="Of the key.")]) -> Response:
    """At once and for good. The root key cannot be revoked."""
    with call.room() as room:
        if call.caller.indexes is not None and not _may_see(call, keys.get(room, id)):
            raise NotFound(f"there is no key with the id {id!r:.200}")
        return answered(keys.shape(keys.revoke(room, id, root_key=call.house.settings.root_key)))
