"""On whose behalf a question is asked: the UserContext, or the attributes _user_id and _group_ids of older clients.

Nobody: everything is found, restricted or not. Groups come from the question and from what PutPrincipalMapping has
told, those of a data source for its documents only.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from syncline.dialects.aws import Fault
from syncline.dialects.kendra.ground import Ground, Place, Request, invalid
from syncline.dialects.kendra.members import Group
from syncline.dialects.kendra.principals import mappings
from syncline.model.search import Reader

EVERYTHING: Final = Reader(unrestricted=True)
BY_TOKEN: Final = "USER_TOKEN"  # noqa: S105
_KINDS: Final = ("user:", "group:")


def reader_of(ground: Ground, place: Place, request: Request, asked: tuple[str | None, Sequence[str]] | None) -> Reader:
    """`asked`: the user and groups that an AttributeFilter names; None when it names none. Raises
    ValidationException."""
    context: Mapping[str, Any] | None = request.get("UserContext")
    if context is None and asked is None:
        return Reader() if place.kept.get("UserContextPolicy") == BY_TOKEN else EVERYTHING
    user, names = asked or (None, ())
    groups = [Group("", name) for name in names]
    if context is not None:
        told, more = _of_token(place, context["Token"]) if "Token" in context else (None, [])
        users = {one for one in (user, told, context.get("UserId")) if one}
        if len(users) > 1:
            raise invalid("The question names several users; a question is asked on behalf of one.")
        user = next(iter(users), None)
        groups += [Group("", name) for name in [*more, *context.get("Groups", ())]]
        groups += [Group(one["DataSourceId"], one["GroupId"]) for one in context.get("DataSourceGroups", ())]
    return _reader(place, user, mappings(ground, place).groups_of(user, groups))


def _reader(place: Place, user: str | None, groups: Iterable[Group]) -> Reader:
    everywhere: list[str] = []
    somewhere: dict[int, list[str]] = {}
    numbers: dict[str, int | None] = {}
    for source, name in sorted(groups):
        if not source:
            everywhere.append(_exact("group:", name))
            continue
        if source not in numbers:
            numbers[source] = _number(place, source)
        if (number := numbers[source]) is not None:
            somewhere.setdefault(number, []).append(_exact("group:", name))
    return Reader(None if user is None else _exact("user:", user), everywhere, groups_of=somewhere)


def _number(place: Place, source: str) -> int | None:
    try:
        return place.data_source(source).number
    except Fault:  # it has gone, or never was: its groups let nobody see anything
        return None


def _exact(kind: str, name: str) -> str:
    """A name that cannot be taken for one of another kind."""
    return f"{kind}{name}" if name.startswith(_KINDS) else name


# --- tokens ----------------------------------------------------------------------------------------------------------


def _of_token(place: Place, token: str) -> tuple[str | None, list[str]]:
    """The user and the groups in it."""
    configured: Sequence[Mapping[str, Any]] = place.kept.get("UserTokenConfigurations") or ()
    if not configured:
        raise invalid("UserContext has a Token, and the index has no UserTokenConfigurations.")
    settings = configured[0].get("JsonTokenTypeConfiguration")
    if settings is None:
        raise invalid(
            "Tokens of the type JWT are not supported here, as their signature would have to be checked: let the index "
            "use JsonTokenTypeConfiguration, or give UserId and Groups."
        )
    said = _json(token)
    user, groups = said.get(settings["UserNameAttributeField"]), said.get(settings["GroupAttributeField"])
    named = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    if not isinstance(user, str | None) or not all(isinstance(one, str) for one in named):
        raise invalid("The user of the Token must be a text, and its groups a list of texts.")
    if not user and not named:
        raise invalid(
            f"The Token has neither {settings['UserNameAttributeField']} nor {settings['GroupAttributeField']}."
        )
    return user or None, named


def _json(token: str) -> dict[str, Any]:
    """The token is JSON, or that in base64."""
    try:
        text = token if token.lstrip().startswith("{") else _decoded(token)
        said = json.loads(text)
    except (ValueError, binascii.Error, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise invalid("The Token is not a JSON object, nor one in base64.")
    return said


def _decoded(token: str) -> str:
    plain = token.strip().replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode("utf-8")
