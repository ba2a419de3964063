"""Keys: made, listed, revoked, recognised; and the root key, which lives outside of the table.

`root_key` is the value of SYNCLINE_ROOT_KEY ("id:secret") or None; without it the root key is the one in `root.key` of
the data directory, if there is one.
"""

from __future__ import annotations

import binascii
import hmac
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from syncline.model.errors import CredentialsInvalid, DataDirectoryError, DestinationError, NotFound, UsageError
from syncline.model.keys import Key, Scope
from syncline.model.shapes import iso
from syncline.store.relational.keys import Keys, digest_of
from syncline.store.secrets import drafted, make_private_file
from syncline.wiring import Installation, checked_index

ROOT_VARIABLE: Final = "SYNCLINE_ROOT_KEY"
ROOT_FILE: Final = "root.key"
MARK: Final = "syncline_"  # how a secret begins that was made here: scanners of code and logs recognise it
MIN_SECRET_CHARS: Final = 16
TOUCH_EVERY_S: Final = 60.0

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SECRET = re.compile(r"[!-~]+")
_PLACE = "secret"


class Root(NamedTuple):
    """The root key and its secret. `made`: it was made just now."""

    key: Key
    secret: str
    made: bool = False


# --- made, listed, revoked --------------------------------------------------------------------------------------------


def create(
    installation: Installation,
    *,
    name: str = "",
    id: str | None = None,
    secret: str | None = None,
    scopes: Iterable[str | Scope] = (Scope.READ, Scope.WRITE),
    indexes: Iterable[str] | None = None,
    root_key: str | None = None,
) -> tuple[Key, str]:
    """A new key and its secret, which is told this once. Raises UsageError: "key.bad_id", "key.bad_secret",
    "key.bad_scope", "key.id_taken", "key.secret_taken", "index.bad_name"."""
    id = f"sk_{os.urandom(8).hex()}" if id is None else checked_id(id)
    secret = new_secret() if secret is None else checked_secret(secret)
    root = known_root(installation, root_key)
    if root is not None and root.key.id == id:
        raise UsageError(f"{id!r} is the id of the root key", code="key.id_taken", remedy="Choose another id.")
    if root is not None and _same(root.secret, secret):
        raise UsageError("this secret cannot be used", code="key.secret_taken", remedy="Choose another secret.")
    key = Key(
        id=id,
        name=name,
        scopes=tuple(dict.fromkeys(checked_scope(scope) for scope in scopes)),
        indexes=None if indexes is None else tuple(dict.fromkeys(checked_index(index) for index in indexes)),
        created_at=installation.clock(),
    )
    control, owner = installation.control(), sealed_for(id)
    with control.writing("add_key"):  # sealed and stored in one: keys of the vault are rotated between, never within
        sealed = installation.vault.keep(owner, drafted(owner, {_PLACE: secret}, (_PLACE,)))
        Keys(control).add(key, secret, sealed)
    return key, secret


def all(installation: Installation, *, revoked: bool = False) -> list[Key]:
    """The keys in the table, oldest first; with the revoked ones if asked for. The root key is not among them."""
    if not installation.exists:
        return []
    return [key for key in Keys(installation.control()).all() if revoked or key.revoked_at is None]


def get(installation: Installation, id: str) -> Key:
    """By id, revoked or not. Raises NotFound."""
    found = Keys(installation.control()).get(id)
    if found is None:
        raise NotFound(f"there is no key with the id {id!r}", remedy="`syncline keys list` shows them.")
    return found


def revoke(installation: Installation, id: str, *, root_key: str | None = None) -> Key:
    """Make it useless, at once and for good. Harmless when it is already. Raises NotFound, and UsageError for the root
    key ("key.root")."""
    root = known_root(installation, root_key)
    if root is not None and root.key.id == id:
        raise UsageError("the root key cannot be revoked", code="key.root", remedy=_root_remedy(installation, root_key))
    get(installation, id)
    Keys(installation.control()).revoke(id, installation.clock())
    return get(installation, id)


def shape(key: Key) -> dict[str, Any]:
    """The key as it is shown. It holds no secret."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": [scope.value for scope in key.scopes],
        "indexes": None if key.indexes is None else list(key.indexes),
        "created_at": iso(key.created_at or None),
        "last_used_at": iso(key.last_used_at),
        "revoked_at": iso(key.revoked_at),
    }


# --- recognised -------------------------------------------------------------------------------------------------------


def identify(installation: Installation, secret: str, *, root_key: str | None = None) -> Key | None:
    """The key whose secret this is; None when there is none, or it is revoked. Looked up each time, so that a
    revocation takes effect at once."""
    root = known_root(installation, root_key)
    if root is not None and _same(root.secret, secret):
        return root.key
    return _used(installation, Keys(installation.control()).of_secret(secret))


def identify_pair(installation: Installation, id: str, secret: str, *, root_key: str | None = None) -> Key | None:
    """The same for whoever gives an id too, which must be the right one."""
    root = known_root(installation, root_key)
    if root is not None and _same(f"{root.key.id}:{root.secret}", f"{id}:{secret}"):
        return root.key
    return _used(installation, Keys(installation.control()).of_pair(id, secret))


def secret_of(installation: Installation, key_id: str, *, root_key: str | None = None) -> str | None:
    """The secret in clear, for verifying signatures made with it; None for a key that is unknown or revoked. Raises
    CredentialsInvalid when the secret cannot be opened."""
    root = known_root(installation, root_key)
    if root is not None and root.key.id == key_id:
        return root.secret
    sealed = Keys(installation.control()).sealed(key_id)
    try:
        opened = installation.vault.open(sealed_for(key_id), sealed).config
    except CredentialsInvalid as error:
        remedy = "Give back the secret key of the data directory, or revoke this key and make another."
        raise CredentialsInvalid(f"the key {key_id!r}: {error.message}", code=error.code, remedy=remedy) from None
    return opened.get(_PLACE)


def used(installation: Installation, key: Key) -> Key:
    """Remember that the key is in use, at most once a minute. Whoever identifies a key by its signature calls this."""
    now = installation.clock()
    if not key.root and (key.last_used_at is None or now - key.last_used_at >= TOUCH_EVERY_S):
        with suppress(DataDirectoryError, DestinationError):  # a full disk is no reason to turn somebody away
            Keys(installation.control()).touch(key.id, now)
    return key


def _same(ours: str, theirs: str) -> bool:
    """In a time that says nothing of where they differ."""
    return hmac.compare_digest(digest_of(ours), digest_of(theirs))


def _used(installation: Installation, key: Key | None) -> Key | None:
    return None if key is None or key.revoked_at is not None else used(installation, key)


def sealed_for(id: str) -> str:
    """To whom the sealed secret of a key is bound."""
    return f"key:{id}"


# --- the root key -----------------------------------------------------------------------------------------------------


def root(installation: Installation, root_key: str | None) -> Root:
    """The root key, made in `root.key` of the data directory when there is none anywhere. Raises UsageError
    ("key.root_malformed") when what is there is none, DataDirectoryError when the file cannot be read or made."""
    if root_key is not None:
        return _parsed(root_key, ROOT_VARIABLE)
    path = installation.path(ROOT_FILE)
    if (found := _in_file(path)) is not None:
        return found
    installation.make()
    try:
        made = make_private_file(path, f"root:{new_secret()}\n".encode())
    except OSError as error:
        raise DataDirectoryError(f"{path} cannot be made: {error.strerror}") from error
    found = _in_file(path)
    assert found is not None
    return found._replace(made=made)


def known_root(installation: Installation, root_key: str | None) -> Root | None:
    """The root key, if there is one now. What is no key opens nothing."""
    try:
        return _in_file(installation.path(ROOT_FILE)) if root_key is None else _parsed(root_key, ROOT_VARIABLE)
    except (UsageError, DataDirectoryError):
        return None


def _in_file(path: str) -> Root | None:
    try:
        with open(path, encoding="ascii") as file:
            said = file.read(1024)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataDirectoryError(f"{path} cannot be read: {error}") from error
    return _parsed(said.strip(), path)


def _parsed(said: str, where: str) -> Root:
    """Raises UsageError without quoting what was said: half of it is a secret."""
    id, colon, secret = said.partition(":")
    try:
        if not colon:
            raise UsageError("there is no colon in it")
        key = Key(checked_id(id), "root", tuple(Scope), root=True)
        return Root(key, checked_secret(secret))
    except UsageError as error:
        raise UsageError(
            f"{where} holds no key: {error.message}",
            code="key.root_malformed",
            remedy=f"Give it as ID:SECRET, with a secret of {MIN_SECRET_CHARS} characters or more.",
        ) from None


def _root_remedy(installation: Installation, root_key: str | None) -> str:
    if root_key is not None:
        return f"Set {ROOT_VARIABLE} to another id:secret, and start the server again."
    return f"Remove {installation.path(ROOT_FILE)}, and start the server again: it makes another one."


# --- what they may look like ------------------------------------------------------------------------------------------


def new_secret() -> str:
    """256 random bits, safe in URLs and headers."""
    text = binascii.b2a_base64(os.urandom(32), newline=False).decode().rstrip("=")
    return MARK + text.replace("+", "-").replace("/", "_")


def checked_id(id: str) -> str:
    """The id, if a key may have it. Raises UsageError."""
    if not _ID.fullmatch(id):
        what = "an id of a key has 1 to 128 letters, digits, _, . and -"
        raise UsageError(what, code="key.bad_id", remedy="Choose another id, or leave it out.")
    return id


def checked_secret(secret: str) -> str:
    """The secret, if a key may have it. Raises UsageError, which does not quote it."""
    if len(secret) < MIN_SECRET_CHARS:
        what = f"the secret is too short: {len(secret)} characters, and at least {MIN_SECRET_CHARS} are needed"
    elif len(secret) > 1000:
        what = f"the secret is too long: {len(secret)} characters, and at most 1000 can be sent"
    elif not _SECRET.fullmatch(secret):
        what = "the secret has characters that cannot be sent: only printable ASCII without spaces can"
    else:
        return secret
    raise UsageError(what, code="key.bad_secret", remedy="Choose another secret, or leave it out and have one made.")


def checked_scope(scope: str) -> Scope:
    """The scope of that name. Raises UsageError."""
    try:
        return Scope(scope)
    except ValueError:
        what = f"there is no scope {scope!r}"
        raise UsageError(what, code="key.bad_scope", remedy=f"Choose from {', '.join(Scope)}.") from None
