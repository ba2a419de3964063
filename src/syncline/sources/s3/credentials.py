"""Where credentials come from, first found, first taken:

    the settings ──▶ AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ──▶ what botocore finds

botocore knows the rest of the usual places: profiles (also those that assume a role, sign on or call a program), web
identity, the container's and the machine's own role. It refreshes what expires. It is part of the extra `s3` and is
loaded only when the first two have nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from syncline.model.errors import CredentialsInvalid
from syncline.sources.s3 import problems
from syncline.sources.s3.signing import Credentials

Provider = Callable[[], Credentials | None]
"""The credentials to sign with now; None: do not sign. May call a server. Raises CredentialsInvalid."""


class Settings(Protocol):
    """What is read of the settings here."""

    anonymous: bool
    access_key_id: str
    secret_access_key: str
    session_token: str
    profile: str


def provider(config: Settings, environ: Mapping[str, str], where: str) -> Provider:
    """How the credentials for these settings are had. `where` names the bucket, for messages."""
    if config.anonymous:
        return lambda: None
    found = _stated(config, environ)
    if found is not None:
        return lambda: found
    return _Usual(config.profile, where)


def _stated(config: Settings, environ: Mapping[str, str]) -> Credentials | None:
    if config.access_key_id:
        return Credentials(config.access_key_id, config.secret_access_key, config.session_token)
    if config.profile:
        return None
    key_id, secret = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
    return Credentials(key_id, secret, environ.get("AWS_SESSION_TOKEN", "")) if key_id and secret else None


class _Usual:
    """What botocore finds in the usual places, kept and refreshed by it."""

    def __init__(self, profile: str, where: str) -> None:
        self._profile = profile
        self._where = where
        self._lock = threading.Lock()
        self._found: Any = None

    def __call__(self) -> Credentials:
        with self._lock:
            if self._found is None:
                self._found = self._find()
        try:
            now = self._found.get_frozen_credentials()
        except Exception as error:  # botocore raises from every library it calls
            raise self._broken(error) from error
        return Credentials(now.access_key, now.secret_key, now.token or "")

    def _find(self) -> Any:
        try:
            import botocore.session
        except ImportError:
            raise problems.extra_missing(f"Finding credentials for {self._where} outside of the settings") from None
        try:
            found = botocore.session.Session(profile=self._profile or None).get_credentials()
        except Exception as error:
            raise self._broken(error) from error
        if found is None:
            raise problems.no_credentials(self._where)
        return found

    def _broken(self, error: Exception) -> CredentialsInvalid:
        return CredentialsInvalid(
            f"The usual places gave no credentials for {self._where}: {type(error).__name__}.",
            code="credentials.missing",
            remedy="Try `aws sts get-caller-identity` in the same environment, or set the keys in the settings.",
        )
