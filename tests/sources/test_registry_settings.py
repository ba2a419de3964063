"""Settings: validated once, kept as plain JSON, wrong ones named in plain words and without secrets."""

from __future__ import annotations

import datetime
import enum
import json
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from syncline import Document, source
from syncline.model.errors import ConfigInvalid, UsageError
from syncline.sources import registry
from syncline.sources.kinds import SourceKind

SECRET = "s3cret-value"


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Login(BaseModel):
    user: str
    password: SecretStr


class Config(BaseModel):
    """Everything at once."""

    project: str = Field(pattern=r"^[A-Z]+$")
    page_size: int = Field(100, ge=1, le=1000)
    since: datetime.date | None = None
    color: Color = Color.RED
    mode: Literal["fast", "slow"] = "fast"
    verbose: bool = False
    tags: list[str] = []
    token: SecretStr | None = None
    logins: Annotated[list[Login], "who"] = []

    @field_validator("token")
    @classmethod
    def _no_spaces(cls, token):
        if token and " " in token.get_secret_value():
            raise ValueError(f"{token.get_secret_value()} has spaces")
        return token

    @model_validator(mode="after")
    def _slow_when_red(self):
        if self.mode == "slow" and self.token:
            raise ValueError(f"slow does not go with the token {self.token.get_secret_value()}")
        return self


@source("everything", config=Config)
def everything(config):
    yield Document("a", text=f"{config.project} {config.since!r} {config.token}")


def faults(settings, kind=everything):
    with pytest.raises(ConfigInvalid) as caught:
        registry.validate(kind, settings)
    assert SECRET not in str(caught.value.as_dict())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.details["fields"]


def test_settings_become_plain_json_with_defaults_filled_in():
    values = registry.validate(everything, {"project": "DOCS", "page_size": "50", "since": "2026-01-02"})
    assert values == {
        "project": "DOCS",
        "page_size": 50,
        "since": "2026-01-02",
        "color": "red",
        "mode": "fast",
        "verbose": False,
        "tags": [],
        "token": None,
        "logins": [],
    }
    assert json.loads(json.dumps(values)) == values


def test_validating_twice_changes_nothing():
    given = {"project": "DOCS", "token": SECRET, "logins": [{"user": "ann", "password": SECRET}]}
    once = registry.validate(everything, given)
    assert registry.validate(everything, once) == once


def test_secrets_are_kept_as_given_and_marked():
    given = {"project": "DOCS", "token": SECRET, "logins": [{"user": "ann", "password": SECRET}]}
    values = registry.validate(everything, given)
    assert values["token"] == SECRET
    assert values["logins"] == [{"user": "ann", "password": SECRET}]
    assert registry.secret_fields(everything) == ("token", "logins.password")


def test_a_source_of_ones_own_is_opened_with_its_model():
    values = registry.validate(everything, {"project": "DOCS", "since": "2026-01-02", "token": SECRET})
    document, _ = registry.open_source(everything, values).read(None)
    assert document.text == "DOCS datetime.date(2026, 1, 2) **********"


def test_a_plain_kind_is_opened_with_a_namespace_and_whatever_else_is_offered():
    kind = SourceKind("plain", "Plain", f"{__name__}:Config", "builtins:dict")
    kind_open = lambda config, **extra: (config, extra)  # noqa: E731
    plain = type(
        "Kind", (), {"plain": True, "load_config": lambda self: Config, "load_source": lambda self: kind_open}
    )()
    config, extra = registry.open_source(plain, {"project": "DOCS"}, hidden=("x",))
    assert (vars(config), extra) == ({"project": "DOCS"}, {"hidden": ("x",)})
    assert registry.resolve(kind) is kind


def test_what_is_offered_and_not_wanted_is_left_alone():
    registry.open_source(everything, {"project": "DOCS"}, hidden=("x",))


def test_settings_that_do_not_fit_any_more_are_refused_when_the_source_is_opened():
    with pytest.raises(ConfigInvalid, match="project is missing"):
        registry.open_source(everything, {})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, {"project": "is missing"}),
        ({"project": "docs"}, {"project": "must match the pattern ^[A-Z]+$, not 'docs'"}),
        ({"project": 7}, {"project": "must be text, not 7"}),
        ({"page_size": "many"}, {"page_size": "must be a whole number, not 'many'"}),
        ({"page_size": 0}, {"page_size": "must be at least 1, not 0"}),
        ({"page_size": 5000}, {"page_size": "must be at most 1000, not 5000"}),
        ({"color": "green"}, {"color": "must be 'red' or 'blue', not 'green'"}),
        ({"mode": "warp"}, {"mode": "must be 'fast' or 'slow', not 'warp'"}),
        ({"verbose": "perhaps"}, {"verbose": "must be true or false, not 'perhaps'"}),
        ({"tags": "a"}, {"tags": "must be a list, not 'a'"}),
        ({"tags": ["a", 1]}, {"tags[1]": "must be text, not 1"}),
        ({"pagesize": 5}, {"pagesize": "is not a setting; did you mean 'page_size'?"}),
        ({"zzz": 5}, {"zzz": "is not a setting"}),
        ({"logins": [{"user": "ann"}]}, {"logins[0].password": "is missing"}),
    ],
)
def test_each_wrong_field_is_named_in_plain_words(settings, told):
    assert faults({"project": "DOCS", **settings} if settings else {}) == told


def test_every_wrong_field_is_named_at_once():
    with pytest.raises(ConfigInvalid) as caught:
        registry.validate(everything, {"page_size": "x", "colour": "red"})
    assert caught.value.message == (
        "the settings of everything are wrong: colour is not a setting; did you mean 'color'?; "
        "project is missing; page_size must be a whole number, not 'x'"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"token": 5},
        {"token": [SECRET]},
        {"token": f"{SECRET} {SECRET}"},
        {"token": SECRET, "mode": "slow"},
        {"logins": [{"user": "ann", "password": [SECRET]}]},
        {"logins": [{"user": 7, "password": SECRET}]},
        {"logins": SECRET},
    ],
)
def test_invariant_12_a_secret_is_never_shown(settings):
    assert faults({"project": "DOCS", **settings})


def test_aliases_are_what_settings_are_called():
    class Aliased(BaseModel):
        model_config = ConfigDict(extra="forbid")
        cls: str = Field(alias="class")

    made = source("aliased", config=Aliased)(lambda config: [Document(config.cls, text="x")])
    values = registry.validate(made, {"class": "x"})
    assert values == {"class": "x"}
    assert next(registry.open_source(made, values).read(None)).id == "x"
    assert faults({"clas": "x"}, made) == {"clas": "is not a setting; did you mean 'class'?", "class": "is missing"}


def test_a_model_that_allows_more_is_given_more():
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")

    made = source("open", config=Open)(lambda config: [])
    assert registry.validate(made, {"anything": 1}) == {"anything": 1}


def test_what_is_no_kind_cannot_be_validated():
    with pytest.raises(UsageError, match="is no source"):
        registry.validate(42, {})


def test_secrets_are_known_behind_aliases_and_in_models_that_hold_themselves():
    from pydantic import BaseModel, Field, SecretStr
    from typing_extensions import TypeAliasType

    alias = TypeAliasType("alias", SecretStr)

    class Node(BaseModel):
        token: alias = SecretStr("")
        key: SecretStr = Field(SecretStr(""), serialization_alias="apiKey")
        children: list["Node"] = []  # noqa: UP037

    Node.model_rebuild(_types_namespace={"Node": Node})

    @source("nodes", config=Node)
    def nodes(config):
        yield from ()

    assert set(registry.secret_fields(nodes)) == {"token", "apiKey", "key"}
