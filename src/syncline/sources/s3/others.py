"""Google Cloud Storage and Azure, through obstore, which is part of the extra `s3`.

obstore signs, pages and tries again by itself. It knows no key with an empty part, or with "." or ".." as a part: a
bucket with such a key cannot be listed, and says so, since to pass it over would be to call the object gone. It takes
the slash from the end of a key. (Buckets of the S3 kind are read without obstore for these reasons.)
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from syncline.model.errors import ConfigInvalid, CredentialsInvalid, SynclineError
from syncline.sources.s3 import problems
from syncline.sources.s3.objects import Body, Found, Halted, NotThere, ObjectStore, TooLarge, Unreadable
from syncline.sources.s3.wire import CHUNK, Patience

_STATUS = re.compile(r"status code: ([1-5][0-9][0-9])")
_HEADERS = {"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control"}


class Settings(Protocol):
    """What is read of the settings here."""

    bucket: str
    endpoint_url: str
    anonymous: bool
    azure_account: str
    azure_key: str
    google_service_account: str


def open_other(config: Settings, patience: Patience) -> ObjectStore:
    """The bucket. Raises ConfigInvalid when obstore is missing or cannot make sense of the settings."""
    try:
        from obstore import store as stores
    except ImportError:
        raise problems.extra_missing(f"Reading {config.bucket}") from None
    make: Callable[..., Any] = stores.GCSStore if config.bucket.startswith("gs://") else stores.AzureStore
    options = _google(config) if config.bucket.startswith("gs://") else _azure(config)
    client = {"timeout": timedelta(seconds=patience.whole), "connect_timeout": timedelta(seconds=patience.step)}
    if config.endpoint_url.startswith("http:"):
        client["allow_http"] = True  # type: ignore[assignment]
    retry = {
        "max_retries": patience.tries - 1,
        "retry_timeout": timedelta(seconds=patience.longest),
        "backoff": {
            "init_backoff": timedelta(seconds=patience.base),
            "max_backoff": timedelta(seconds=patience.cap),
            "base": 2,
        },
    }
    try:
        made = make(config.bucket.partition("//")[2], client_options=client, retry_config=retry, **options)
    except Exception as error:
        raise _cannot_open(config.bucket, error) from None
    return OtherStore(config.bucket, made, config.endpoint_url)


def _google(config: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {"skip_signature": True} if config.anonymous else {}
    if config.google_service_account:
        options["service_account_key"] = config.google_service_account
    if config.endpoint_url:
        options["base_url"] = config.endpoint_url
    return options


def _azure(config: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {"skip_signature": True} if config.anonymous else {}
    if config.azure_account:
        options["account_name"] = config.azure_account
    if config.azure_key:
        options["account_key"] = config.azure_key
    if config.endpoint_url:
        options["endpoint"] = config.endpoint_url
    return options


def _cannot_open(bucket: str, error: Exception) -> SynclineError:
    """Without the words of obstore, which may quote a setting."""
    return ConfigInvalid(
        f"{bucket} cannot be opened with these settings ({type(error).__name__}).",
        remedy="Give the account and its key, or let the environment name them.",
    )


class OtherStore:
    """See ObjectStore. Used by many threads."""

    def __init__(self, name: str, store: Any, endpoint: str = "") -> None:
        self.name = name
        self.anchor = f"{name} {endpoint}".strip()
        self._store = store

    def link(self, key: str) -> str:
        """See ObjectStore."""
        return f"{self.name}/{key}"

    def cut(self) -> None:
        """Nothing can be cut here; whoever waits is let go of, and the call ends by its own time."""

    def pages(self, prefix: str, after: str, halt: threading.Event) -> Iterator[Sequence[Found]]:
        """See ObjectStore. Raises SourceUnavailable "source.key_unusable" for a key that obstore cannot name."""
        import obstore

        folder = prefix.rpartition("/")[0]
        last = after
        try:
            for rows in obstore.list(self._store, prefix=folder or None, offset=after or None, chunk_size=1000):
                if halt.is_set():
                    raise Halted
                found = self._in_order([_found(row) for row in rows if row["path"].startswith(prefix)], last)
                if found:
                    last = found[-1].key
                    yield found
        except (Halted, SynclineError):
            raise
        except Exception as error:
            raise self._problem(error, prefix) from None

    def _in_order(self, rows: Sequence[Found], last: str) -> list[Found]:
        """The rows without those that stand for a folder and come out of order because their slash is missing."""
        found: list[Found] = []
        for row in rows:
            if row.key > last:
                found.append(row)
                last = row.key
            elif row.size:
                raise problems.listing_damaged(self.name, "its keys come again, or out of order")
        return found

    def _problem(self, error: Exception, prefix: str) -> SynclineError:
        where = f"{self.name}/{prefix}" if prefix else self.name
        kind, status = type(error).__name__, _status(error)
        if kind == "InvalidPathError":
            return problems.key_unusable(self.name, "…")
        if kind == "UnauthenticatedError" or status == 401:
            return CredentialsInvalid(f"The credentials for {self.name} are not accepted.")
        if kind == "PermissionDeniedError" or status == 403:
            return problems.access_denied(where)
        if isinstance(error, FileNotFoundError) or status == 404:
            return problems.bucket_missing(self.name)
        return problems.unreachable(where, problems.answer(status, "") if status else "no proper answer")

    def get(self, key: str, limit: int, halt: threading.Event) -> Body:
        """See ObjectStore."""
        import obstore

        try:
            result = obstore.get(self._store, key)
            found = _found(result.meta)
            if found.size > limit:
                raise TooLarge(found.size)
            content = _content(result.stream(min_chunk_size=CHUNK), limit, halt)
        except (TooLarge, Halted):
            raise
        except FileNotFoundError:
            raise NotThere from None
        except Exception as error:
            raise self._unreadable(error) from None
        told: Mapping[str, str] = result.attributes
        user = {name.lower(): value for name, value in told.items() if name not in _HEADERS}
        return Body(found, content, told.get("Content-Type", ""), told.get("Content-Encoding", ""), user)

    def _unreadable(self, error: Exception) -> Exception:
        status = _status(error)
        if type(error).__name__ == "UnauthenticatedError" or status == 401:
            return self._problem(error, "")
        if type(error).__name__ == "PermissionDeniedError":
            status = 403
        reason = problems.answer(status, "") if status else "no proper answer"
        return Unreadable(f"The object cannot be read: {reason}.", unreached=not status)


def _content(parts: Any, limit: int, halt: threading.Event) -> bytes:
    held = bytearray()
    for part in parts:
        if halt.is_set():
            raise Halted
        held += part
        if len(held) > limit:
            raise TooLarge(len(held))
    return bytes(held)


def _found(row: Mapping[str, Any]) -> Found:
    modified = row["last_modified"]
    at = round(modified.timestamp() * 1000) if isinstance(modified, datetime) else 0
    return Found(row["path"], row["size"], (row["e_tag"] or "").strip('"'), at)


def _status(error: Exception) -> int:
    found = _STATUS.search(str(error))
    return int(found[1]) if found else 0
