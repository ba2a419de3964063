"""Who is asking, and what they may. Native requests carry the secret of a key:

    Authorization: Bearer SECRET        or        x-api-key: SECRET

Dialects bring ids, secrets and signatures in their own ways and ask `identify_pair` or `secret_of`. A key is looked up
at each request; nothing here remembers or logs one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncline.model.keys import Forbidden, Key, Scope, Unauthorized
from syncline.service import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.server.house import House

CHALLENGE: Final = 'Bearer realm="syncline"'  # of WWW-Authenticate in a 401


@dataclass(slots=True, frozen=True)
class Caller:
    """A known key at work."""

    key: Key

    @property
    def key_id(self) -> str:
        """What logs, jobs and events know it by."""
        return self.key.id

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """As they were given; ask `may`."""
        return self.key.scopes

    @property
    def indexes(self) -> tuple[str, ...] | None:
        """Names of the indexes it may use; None: all."""
        return self.key.indexes

    def may(self, scope: Scope) -> bool:
        """True when it has the scope, or one that includes it."""
        return self.key.may(scope)

    def sees(self, index: str) -> bool:
        """True when it may use the index of that name."""
        return self.key.sees(index)

    def need(self, scope: Scope) -> None:
        """Raises Forbidden ("auth.scope") unless it may."""
        if not self.may(scope):
            raise Forbidden(
                f"this needs the scope {scope.value!r}, which the key {self.key_id!r} does not have",
                remedy=f"Use a key with that scope; `syncline keys create --scopes {scope.value}` makes one.",
                scope=scope.value,
            )

    def need_index(self, index: str) -> None:
        """Raises Forbidden ("auth.index") unless it sees the index, whether there is one or not."""
        if not self.sees(index):
            raise Forbidden(
                f"the key {self.key_id!r} may not use the index {index!r}",
                code="auth.index",
                remedy=f"Use another key; `syncline keys create --index {index}` makes one.",
                index=index,
            )

    def need_all_indexes(self) -> None:
        """Raises Forbidden ("auth.index") when it is bound to some indexes: for what concerns all of them."""
        if self.indexes is not None:
            raise Forbidden(
                f"this concerns all indexes, and the key {self.key_id!r} is bound to some",
                code="auth.index",
                remedy="Use a key that was made without --index.",
            )


def authenticate(house: House, headers: Mapping[str, str]) -> Caller:
    """Who sends these headers; names in lower case, or a mapping that does not care. Raises Unauthorized:
    "auth.missing" or "auth.invalid"."""
    secret = bearer(headers)
    if secret is None:
        raise Unauthorized(
            "this request carries no key",
            code="auth.missing",
            remedy="Send `Authorization: Bearer SECRET` or `x-api-key: SECRET`.",
        )
    return identify(house, secret)


def bearer(headers: Mapping[str, str]) -> str | None:
    """The secret they carry; None when there is none. A bearer counts before an x-api-key."""
    scheme, _, secret = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    return headers.get("x-api-key", "").strip() or None


def identify(house: House, secret: str) -> Caller:
    """Whose secret it is. Raises Unauthorized ("auth.invalid")."""
    with house.room() as room:
        return _known(keys.identify(room, secret, root_key=house.settings.root_key))


def identify_pair(house: House, id: str, secret: str) -> Caller:
    """The same for an id and a secret that must belong together. Raises Unauthorized ("auth.invalid")."""
    with house.room() as room:
        return _known(keys.identify_pair(room, id, secret, root_key=house.settings.root_key))


def secret_of(house: House, key_id: str) -> str | None:
    """The secret in clear, for verifying a signature; None for a key that is unknown or revoked. Afterwards ask
    `identify_pair` with it. Raises CredentialsInvalid when it cannot be opened."""
    with house.room() as room:
        return keys.secret_of(room, key_id, root_key=house.settings.root_key)


def _known(key: Key | None) -> Caller:
    if key is None:
        raise Unauthorized("the key is not known, or has been revoked")
    return Caller(key)
