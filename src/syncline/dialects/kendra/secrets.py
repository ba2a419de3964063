"""What a SecretArn stands for.

There is no AWS Secrets Manager behind this server: $SYNCLINE_AWS_SECRETS names a JSON file on it that says what the
secrets are, by ARN or by name. docs/dialects/kendra.md shows one.

    {"prod/articles": {"username": "reader", "password": "…", "host": "db.example.com"}}

They are read when a data source is made or changed, and then sealed with its connector like any other secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from syncline.dialects.kendra.ground import invalid

VARIABLE: Final = "SYNCLINE_AWS_SECRETS"
_USERS: Final = ("username", "userName", "user")
_SUFFIX: Final = re.compile(r"-[A-Za-z0-9]{6}$")  # what Secrets Manager puts behind a name


class Login(NamedTuple):
    """What most secrets hold."""

    user: str
    password: str


class Secrets:
    """Those of one server."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = environ.get(VARIABLE, "")

    def login(self, arn: str, host: str) -> Login:
        """User and password. Raises ValidationException when there is none of them, or the secret is for another host:
        whoever makes data sources must not have it sent where they like."""
        held = self._get(arn)
        bound = held.get("host")
        if bound is not None and str(bound).lower() != host.lower():
            raise invalid(f"The secret {arn} is for another host than {host}.")
        user = next((held[name] for name in _USERS if isinstance(held.get(name), str)), None)
        password = held.get("password")
        if user is None or not isinstance(password, str):
            raise invalid(f"The secret {arn} needs a username and a password.")
        return Login(user, password)

    def _get(self, arn: str) -> Mapping[str, Any]:
        known, name = self._all(arn), arn.rpartition(":secret:")[2]
        for key in (arn, name, _SUFFIX.sub("", name)):
            if isinstance(known.get(key), dict):
                found: Mapping[str, Any] = known[key]
                return found
        raise invalid(f"The secret {arn} is not known to this server: it is not in the file that {VARIABLE} names.")

    def _all(self, arn: str) -> Mapping[str, Any]:
        if not self._path:
            raise invalid(f"The secret {arn} is not known to this server, which has no {VARIABLE}.")
        try:
            with open(self._path, encoding="utf-8") as file:
                found = json.load(file)
        except (OSError, ValueError):
            raise invalid(f"The file that {VARIABLE} names on this server cannot be read as JSON.") from None
        if not isinstance(found, dict):
            raise invalid(f"The file that {VARIABLE} names on this server is no JSON object.")
        return found
