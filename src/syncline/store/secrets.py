"""Secrets of connectors, sealed (invariant 12: encrypted at rest, shown to nobody).

    settings ──drafted──▶ sealed for this process ──keep──▶ sealed for the data directory, and stored
                                     └──────────open──────────────────┴──▶ settings in clear, for the source alone

A secret's place in the settings is taken by {"$sealed": "v1:BASE64"}: nonce and ciphertext of AES-256-GCM over the JSON
of the value. The ciphertext is bound to its connector and its place, so it opens nowhere else. The key is in
$SYNCLINE_SECRET_KEY, or in the file `secret.key` of the data directory, which is made when the first secret is stored.
While keys are rotated there are two, and whoever seals takes the new one: $SYNCLINE_NEW_SECRET_KEY, `secret.key.new`.

A draft is sealed by a key that dies with the process. So settings that are only planned with need no file (invariant
10), and a draft that were stored by mistake could be read by nobody.

What has no secrets does not import `cryptography`.
"""

from __future__ import annotations

import binascii
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final, NamedTuple

from syncline.model.errors import ConfigInvalid, CredentialsInvalid

SEALED: Final = "$sealed"
MASK: Final = "********"
VARIABLE: Final = "SYNCLINE_SECRET_KEY"
NEW_VARIABLE: Final = "SYNCLINE_NEW_SECRET_KEY"
FILE: Final = "secret.key"

KEY_BYTES = 32
NONCE_BYTES = 12
MIN_PASSPHRASE_CHARS = 16

_STORED = "v1"
_DRAFT = "draft"
_SET_AGAIN = "or set the secret again with `syncline sync CONNECTOR --set NAME=VALUE`."


class Secret(NamedTuple):
    """One secret: its value in clear (plain JSON) and the sealed text that stands for it."""

    value: Any
    sealed: str


class Opened(NamedTuple):
    """Settings in clear, and the secrets in them by place: "token", "logins.0.password"."""

    config: dict[str, Any]
    secrets: dict[str, Secret]


# --- settings, with and without ---------------------------------------------------------------------------------------


def drafted(
    connector: str, config: Mapping[str, Any], fields: Sequence[str], known: Mapping[str, Secret] | None = None
) -> dict[str, Any]:
    """The settings with their secrets sealed for this process; `connector` is an id.

    `fields` names the secrets, nested ones with dots; lists and tables on the way are passed through. A secret of
    `known` that has not changed keeps its sealed text. None and "" hide nothing and stay. Raises ConfigInvalid when
    something in the settings passes itself off as sealed.
    """
    known = known or {}

    def seal(place: str, value: Any) -> Any:
        if value is None or value == "":
            return value
        if place in known and known[place].value == value:
            return {SEALED: known[place].sealed}
        return {SEALED: _seal(_key_of_this_process(), _DRAFT, connector, place, value)}

    _check_name_is_free(config, "the settings")
    return {name: _sealed(value, _rests(fields, name), name, seal) for name, value in config.items()}


def values_of(config: Mapping[str, Any], fields: Sequence[str]) -> list[Any]:
    """The secrets in settings that are in clear, found as `drafted` finds them."""
    found: list[Any] = []
    for name, value in config.items():
        _sealed(value, _rests(fields, name), name, lambda _place, secret: found.append(secret))
    return found


def masked(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they may be shown: asterisks where a secret is sealed."""
    shown: dict[str, Any] = _replaced(config, lambda _place, _text: MASK)
    return shown


def _sealed(value: Any, fields: Sequence[str], place: str, seal: Callable[[str, Any], Any]) -> Any:
    if "" in fields:
        return seal(place, value)
    if isinstance(value, list):
        return [_sealed(item, fields, f"{place}.{n}", seal) for n, item in enumerate(value)]
    if isinstance(value, dict):
        _check_name_is_free(value, f"the setting {place}")
        # A table may be a model, whose names are in `fields`, or hold models under names of its own.
        return {
            name: _sealed(item, [*_rests(fields, name), *fields], f"{place}.{name}", seal)
            for name, item in value.items()
        }
    return value


def _check_name_is_free(table: Mapping[str, Any], what: str) -> None:
    if SEALED in table:
        raise ConfigInvalid(f"{what} cannot hold {SEALED!r}: secrets are kept under that name")


def _rests(fields: Sequence[str], name: str) -> list[str]:
    """What is left of each field behind `name`; "" for the field itself."""
    return [field[len(name) + 1 :] for field in fields if field == name or field.startswith(f"{name}.")]


def _replaced(value: Any, change: Callable[[str, str], Any], place: str = "") -> Any:
    """A copy with `change(place, sealed text)` wherever a secret is sealed."""
    if isinstance(value, Mapping):
        if value.keys() == {SEALED}:
            return change(place, str(value[SEALED]))
        return {name: _replaced(item, change, f"{place}.{name}" if place else name) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, change, f"{place}.{n}") for n, item in enumerate(value)]
    return value


# --- the vault --------------------------------------------------------------------------------------------------------


class Vault:
    """Opens and keeps the secrets of one data directory. Holds no file open and remembers no key of a file."""

    def __init__(self, data_dir: str) -> None:
        self.path = os.path.join(data_dir, FILE)
        self.new_path = f"{self.path}.new"

    def open(self, connector: str, config: Mapping[str, Any]) -> Opened:
        """The settings in clear. Raises CredentialsInvalid: "secret.key_missing", "secret.key_unusable" or
        "secret.unreadable"."""
        secrets: dict[str, Secret] = {}

        def unseal(place: str, text: str) -> Any:
            secrets[place] = Secret(self.unsealed(connector, place, text), text)
            return secrets[place].value

        return Opened(_replaced(config, unseal), secrets)

    def keep(self, connector: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """The settings as they may be stored; what is sealed already stays as it is. Makes the key file if there is no
        key; afterwards it is durable. Raises CredentialsInvalid ("secret.key_unusable")."""

        def seal(place: str, text: str) -> dict[str, str]:
            if not text.startswith(f"{_DRAFT}:"):
                return {SEALED: text}
            value = self.unsealed(connector, place, text)
            return {SEALED: _seal(self._key(), _STORED, connector, place, value)}

        kept: dict[str, Any] = _replaced(config, seal)
        return kept

    def unsealed(self, connector: str, place: str, text: str) -> Any:
        """One secret in clear. Raises as `open`."""
        version, _, body = text.partition(":")
        keys = {_STORED: self._keys, _DRAFT: _draft_keys}.get(version)
        tried = 0
        for key in keys() if keys is not None else ():
            tried += 1
            with suppress(_Unreadable):
                return _unseal(key, connector, place, body)
        if keys is not None and not tried:
            raise self._missing(place)
        raise CredentialsInvalid(
            f"the secret {place!r} cannot be read: it was sealed with another key, or has been changed since",
            code="secret.unreadable",
            remedy=f"Give back the key it was sealed with, in {VARIABLE} or {self.path}, {_SET_AGAIN}",
        )

    def _missing(self, place: str) -> CredentialsInvalid:
        return CredentialsInvalid(
            f"the secret {place!r} cannot be read: its key is neither in {VARIABLE} nor in {self.path}",
            code="secret.key_missing",
            remedy=f"Give back the key, {_SET_AGAIN}",
        )

    # --- the key

    def _key(self) -> bytes:
        """The key to seal with, made if there is none."""
        return next(self._keys(), None) or self._made()

    def _keys(self) -> Iterator[bytes]:
        """Every key there is, the one to seal with first. A secret from before the variable was set is still opened by
        the file, and one from before a rotation by the old key."""
        for variable in (NEW_VARIABLE, VARIABLE):
            if said := os.environ.get(variable, "").strip():
                yield _key_of(said, variable)
        for path in (self.new_path, self.path):
            with suppress(FileNotFoundError):
                yield key_in_file(path)

    def _made(self) -> bytes:
        """The key of a new file. Of several processes that make one at once, all use the first."""
        try:
            make_private_file(self.path, binascii.b2a_base64(os.urandom(KEY_BYTES)))
        except OSError as error:
            raise _unusable(f"{self.path} cannot be made: {error.strerror}") from error
        return key_in_file(self.path)


class Rotation:
    """The way from the keys there are to a new one, which is durable from now on. It is taken by one process at a time.

    Until `finish` the old keys open what they sealed. A rotation that was interrupted is carried on by the next one,
    with the same new key.
    """

    def __init__(self, vault: Vault) -> None:
        """Raises CredentialsInvalid: "secret.no_new_key", "secret.same_key", "secret.key_unusable"."""
        self._vault = vault
        self.by_variable = bool(os.environ.get(NEW_VARIABLE, "").strip())
        self._new = self._of_variable() if self.by_variable else self._of_file()

    def resealed(self, owner: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with every secret sealed by the new key; equal to what was given if they are already. Raises as
        `Vault.open`."""

        def reseal(place: str, text: str) -> dict[str, str]:
            with suppress(_Unreadable):
                _unseal(self._new, owner, place, text.removeprefix(f"{_STORED}:"))
                return {SEALED: text}
            value = self._vault.unsealed(owner, place, text)
            return {SEALED: _seal(self._new, _STORED, owner, place, value)}

        done: dict[str, Any] = _replaced(settings, reseal)
        return done

    def finish(self) -> None:
        """The old key is gone. Raises CredentialsInvalid ("secret.key_unusable")."""
        vault = self._vault
        try:
            if not self.by_variable:
                os.replace(vault.new_path, vault.path)
            else:
                for path in (vault.path, vault.new_path):
                    with suppress(FileNotFoundError):
                        os.unlink(path)
            _sync_folder(os.path.dirname(vault.path))
        except OSError as error:
            raise _unusable(f"{vault.path} cannot be replaced: {error.strerror}") from error

    def _of_variable(self) -> bytes:
        new = _key_of(os.environ[NEW_VARIABLE].strip(), NEW_VARIABLE)
        old = os.environ.get(VARIABLE, "").strip()
        if old and _key_of(old, VARIABLE) == new:
            raise CredentialsInvalid(
                f"{NEW_VARIABLE} and {VARIABLE} are the same key",
                code="secret.same_key",
                remedy=f"Put a new key into {NEW_VARIABLE}, such as `openssl rand -base64 32` prints.",
            )
        return new

    def _of_file(self) -> bytes:
        if os.environ.get(VARIABLE, "").strip():
            raise CredentialsInvalid(
                f"the key is in {VARIABLE}, and there is no new one",
                code="secret.no_new_key",
                remedy=f"Put the new key into {NEW_VARIABLE}, such as `openssl rand -base64 32` prints.",
            )
        path = self._vault.new_path
        try:
            make_private_file(path, binascii.b2a_base64(os.urandom(KEY_BYTES)))
        except OSError as error:
            raise _unusable(f"{path} cannot be made: {error.strerror}") from error
        return key_in_file(path)


def key_in_file(path: str) -> bytes:
    """The key in that file. Raises FileNotFoundError when there is no file, CredentialsInvalid
    ("secret.key_unusable")."""
    try:
        with open(path, "rb") as file:
            key = binascii.a2b_base64(file.read().strip(), strict_mode=True)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(f"{path} cannot be read: {error.strerror}") from error
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise _unusable(f"{path} holds no key")
    return key


def make_private_file(path: str, content: bytes) -> bool:
    """A file that only its owner can read, durable and never half there. False: there was one, and it stays as it is.
    Raises OSError."""
    draft = f"{path}.{os.urandom(8).hex()}"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        try:
            os.link(draft, path)
            made = True
        except FileExistsError:
            made = False
    finally:
        os.unlink(draft)
    _sync_folder(os.path.dirname(path))  # Invariant 1: what relies on it is stored after it.
    return made


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _unusable(what: str) -> CredentialsInvalid:
    return CredentialsInvalid(
        what,
        code="secret.key_unusable",
        remedy=f"Correct {FILE}, or put 32 bytes in base64 or a passphrase of {MIN_PASSPHRASE_CHARS} characters or "
        f"more into {VARIABLE}.",
    )


# --- keys and ciphers -------------------------------------------------------------------------------------------------


class _Unreadable(Exception):
    """Not with this key, or not any more."""


@cache
def _key_of(said: str, variable: str) -> bytes:
    """32 bytes in base64 are the key; anything else is a passphrase, and scrypt makes it expensive to guess."""
    with suppress(ValueError):
        key = binascii.a2b_base64(said, strict_mode=True)
        if len(key) == KEY_BYTES:
            return key
    if len(said) < MIN_PASSPHRASE_CHARS:
        raise _unusable(f"{variable} is too short: {len(said)} characters")
    import hashlib

    phrase, context = said.encode("utf-8", "surrogateescape"), b"syncline secret key v1"
    return hashlib.scrypt(phrase, salt=context, n=1 << 15, r=8, p=1, maxmem=64 << 20, dklen=KEY_BYTES)


@cache
def _key_of_this_process() -> bytes:
    return os.urandom(KEY_BYTES)


def _draft_keys() -> Iterator[bytes]:
    yield _key_of_this_process()


def _seal(key: bytes, version: str, connector: str, place: str, value: Any) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    body = nonce + AESGCM(key).encrypt(nonce, json.dumps(value).encode(), _bound_to(connector, place))
    return f"{version}:{binascii.b2a_base64(body, newline=False).decode()}"


def _unseal(key: bytes, connector: str, place: str, body: str) -> Any:
    """Raises _Unreadable."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        raw = binascii.a2b_base64(body, strict_mode=True)
        clear = AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound_to(connector, place))
    except (InvalidTag, ValueError):
        raise _Unreadable from None
    return json.loads(clear)


def _bound_to(connector: str, place: str) -> bytes:
    return f"{connector}:{place}".encode("utf-8", "surrogatepass")
