"""Service types and their settings, theirs and ours.

    configuration of a connector ──settings──▶ settings of a source kind
                                 ◀──fields───

A service type in TYPES is run by Syncline itself, whatever `is_native` says; any other one waits for a worker. Fields
that Elastic's connectors have and ours need not, such as a number of retries, are shown and have no effect. Beside
Elastic's own fields a configuration may have fields that are named after settings of ours; they are passed on.
docs/dialects/elastic.md has the table for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from syncline.model.errors import ConfigInvalid

OUTSIDE_VARIABLE: Final = "SYNCLINE_ELASTIC_OUTSIDE"  # service types that are left to workers all the same

Settings = dict[str, Any]


@dataclass(slots=True, frozen=True)
class Field:
    """One field of Elastic's. `setting`: ours that takes the value as it is; "" when it has none or the type's own
    functions see to it. `default` is its default_value, and its value until it is set."""

    name: str
    label: str
    setting: str = ""
    type: str = "str"
    display: str = "textbox"
    default: Any = None
    required: bool = True
    sensitive: bool = False
    tooltip: str = ""
    first: Any = ""


@dataclass(slots=True, frozen=True)
class ServiceType:
    """One of Elastic's words for a source of ours.

    finish   (values by field, settings so far) completes the settings. Raises ConfigInvalid.
    reverse  the values of fields without a `setting`, of settings.
    claims   whether settings of the kind are called by this word.
    """

    name: str
    kind: str
    fields: tuple[Field, ...]
    finish: Callable[[Mapping[str, Any], Settings], None] = lambda _values, _settings: None
    reverse: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _settings: {}
    claims: Callable[[Mapping[str, Any]], bool] = lambda _settings: True


# --- folders ----------------------------------------------------------------------------------------------------------

EVERY_FILE: Final = "**/*.*"


def _pattern(values: Mapping[str, Any], settings: Settings) -> None:
    """A glob counts from the folder; a pattern of ours without a slash fits at any depth."""
    pattern = str(values.get("pattern") or "").strip()
    if pattern and "include" not in settings:
        settings["include"] = [pattern if "/" in pattern else f"/{pattern}"]


def _pattern_of(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    include = settings.get("include") or []
    return {"pattern": include[0] if len(include) == 1 else ""}


# --- buckets ----------------------------------------------------------------------------------------------------------


def _one(values: Mapping[str, Any], name: str, what: str) -> str:
    """The only entry of a list. Raises ConfigInvalid."""
    found = as_list(values.get(name))
    if len(found) != 1 or found == ["*"]:
        raise ConfigInvalid(
            f"{name}: name one {what}; a connector reads one {what}",
            remedy=f"Make one connector for each {what}.",
        )
    return found[0]


def _s3(values: Mapping[str, Any], settings: Settings) -> None:
    settings.setdefault("bucket", _one(values, "buckets", "bucket"))


def _gcs(values: Mapping[str, Any], settings: Settings) -> None:
    settings.setdefault("bucket", f"gs://{_one(values, 'buckets', 'bucket').removeprefix('gs://')}")


def _azure(values: Mapping[str, Any], settings: Settings) -> None:
    settings.setdefault("bucket", f"az://{_one(values, 'containers', 'container').removeprefix('az://')}")
    account, endpoint = str(values.get("account_name") or ""), str(values.get("blob_endpoint") or "").rstrip("/")
    if endpoint and endpoint != f"https://{account}.blob.core.windows.net":
        settings.setdefault("endpoint_url", endpoint)


def _bucket_of(field: str, scheme: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    return lambda settings: {field: str(settings.get("bucket", "")).removeprefix(scheme)}


def _bucket_is(scheme: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda settings: str(settings.get("bucket", "")).startswith(scheme)


# --- tables -----------------------------------------------------------------------------------------------------------


def _tables(values: Mapping[str, Any], settings: Settings) -> None:
    if settings.keys() & {"table", "tables", "query"}:
        return
    names = as_list(values.get("tables"))
    if not names or "*" in names:
        raise ConfigInvalid(
            "tables: name the tables to read; * is not supported",
            remedy="Give their names, separated by commas.",
        )
    schema = str(values.get("schema") or "").strip()
    names = [f"{schema}.{name}" if schema and "." not in name else name for name in names]
    settings.update({"table": names[0]} if len(names) == 1 else {"tables": names})


def _postgresql(values: Mapping[str, Any], settings: Settings) -> None:
    _tables(values, settings)
    _no_ca(values)
    settings.setdefault("sslmode", "require" if as_flag(values.get("ssl_enabled")) else "prefer")


def _mysql(values: Mapping[str, Any], settings: Settings) -> None:
    _tables(values, settings)
    _no_ca(values)
    settings.setdefault("tls", "require" if as_flag(values.get("ssl_enabled")) else "prefer")


def _no_ca(values: Mapping[str, Any]) -> None:
    if str(values.get("ssl_ca") or "").strip():
        raise ConfigInvalid(
            "ssl_ca: a certificate of your own is not supported",
            remedy="Leave it empty, and put the certificate into the trust store of this machine.",
        )


def _tables_of(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    names = [settings["table"]] if settings.get("table") else settings.get("tables") or []
    ssl = settings.get("sslmode", settings.get("tls", "prefer")) not in ("prefer", "disable", "allow")
    return {"tables": ",".join(names), "schema": "", "ssl_enabled": ssl, "ssl_ca": ""}


# --- the table --------------------------------------------------------------------------------------------------------


def _number(name: str, label: str, default: int, setting: str = "") -> Field:
    return Field(name, label, setting, "int", "numeric", default, required=False, first=default)


_RETRIES: Final = _number("retry_count", "Retries per request", 3)
_SSL: Final = (
    Field("ssl_enabled", "Enable SSL", type="bool", display="toggle", default=False, required=False, first=False),
    Field("ssl_ca", "SSL certificate", required=False, default=""),
)
_EXTRACTION: Final = Field(
    "use_text_extraction_service", "Use text extraction service", type="bool", display="toggle", default=False,
    required=False, first=False, tooltip="Has no effect: text is always extracted here.",
)  # fmt: skip

_DIR: Final = (
    Field("directory", "Directory path", "path"),
    Field("pattern", "File glob-like pattern", required=False, default=EVERY_FILE, first=EVERY_FILE),
)
_TABLE_LIST: Final = Field("tables", "Comma-separated list of tables", type="list", display="textarea")

TYPES: Final[Mapping[str, ServiceType]] = {
    one.name: one
    for one in (
        ServiceType("dir", "folder", _DIR, _pattern, _pattern_of),
        ServiceType(
            "s3",
            "s3",
            (
                Field("buckets", "AWS Buckets", type="list", display="textarea"),
                Field("aws_access_key_id", "AWS Access Key Id", "access_key_id", required=False),
                Field("aws_secret_access_key", "AWS Secret Key", "secret_access_key", required=False, sensitive=True),
                _number("read_timeout", "Read timeout", 90),
                _number("connect_timeout", "Connection timeout", 90),
                _number("max_attempts", "Maximum retry attempts", 5),
                _number("page_size", "Maximum size of page", 100),
            ),
            _s3,
            _bucket_of("buckets", "s3://"),
        ),
        ServiceType(
            "google_cloud_storage",
            "s3",
            (
                Field("buckets", "Google Cloud Storage buckets", type="list"),
                Field(
                    "service_account_credentials", "Google Cloud service account JSON", "google_service_account",
                    display="textarea", sensitive=True, required=False,
                ),
                _RETRIES,
                _EXTRACTION,
            ),
            _gcs,
            _bucket_of("buckets", "gs://"),
            _bucket_is("gs://"),
        ),
        ServiceType(
            "azure_blob_storage",
            "s3",
            (
                Field("account_name", "Azure Blob Storage account name", "azure_account"),
                Field("account_key", "Azure Blob Storage account key", "azure_key", sensitive=True),
                Field("blob_endpoint", "Azure Blob Storage blob endpoint", required=False),
                Field("containers", "Azure Blob Storage containers", type="list"),
                _RETRIES,
                _number("concurrent_downloads", "Maximum concurrent downloads", 100),
                _EXTRACTION,
            ),
            _azure,
            _bucket_of("containers", "az://"),
            _bucket_is("az://"),
        ),
        ServiceType(
            "postgresql",
            "postgresql",
            (
                Field("host", "Host", "host"),
                Field("port", "Port", "port", "int", "numeric"),
                Field("username", "Username", "user"),
                Field("password", "Password", "password", sensitive=True),
                Field("database", "Database", "database"),
                Field("schema", "Schema", default="public", first="public", required=False),
                _TABLE_LIST,
                _number("fetch_size", "Rows fetched per request", 50),
                _RETRIES,
                *_SSL,
            ),
            _postgresql,
            _tables_of,
        ),
        ServiceType(
            "mysql",
            "mysql",
            (
                Field("host", "Host", "host"),
                Field("port", "Port", "port", "int", "numeric"),
                Field("user", "Username", "user", required=False),
                Field("password", "Password", "password", sensitive=True, required=False),
                Field("database", "Database", "database"),
                _TABLE_LIST,
                *_SSL,
                _number("fetch_size", "Rows fetched per request", 50),
                _RETRIES,
            ),
            _mysql,
            _tables_of,
        ),
        ServiceType("web", "web", ()),
        ServiceType("folder", "folder", ()),
        ServiceType("sqlite", "sqlite", ()),
    )
}  # fmt: skip


def of(service_type: str | None, outside: frozenset[str] = frozenset()) -> ServiceType | None:
    """The service type, when Syncline runs it itself; None: it waits for a worker."""
    return None if service_type is None or service_type in outside else TYPES.get(service_type)


def outside(environ: Mapping[str, str]) -> frozenset[str]:
    """The service types that are left to workers."""
    return frozenset(name.strip() for name in environ.get(OUTSIDE_VARIABLE, "").split(",") if name.strip())


def word_for(kind: str, settings: Mapping[str, Any]) -> str:
    """What Elastic calls a kind of ours: a service type, or the kind itself."""
    special = [one for one in TYPES.values() if one.kind == kind and one.fields]
    narrow = [one for one in special if one.name in ("google_cloud_storage", "azure_blob_storage")]
    found = next((one for one in narrow if one.claims(settings)), None)
    return found.name if found else next((one.name for one in special if one not in narrow), kind)


# --- a configuration in Elastic's form --------------------------------------------------------------------------------


@cache
def _schema(name: str) -> Mapping[str, Mapping[str, Any]]:
    type = TYPES[name]
    fields = [_entry(one, order) for order, one in enumerate(type.fields, 1)] if type.fields else _own(type.kind)
    return dict(fields)


def schema(type: ServiceType) -> dict[str, dict[str, Any]]:
    """The configuration before anything is set."""
    return {name: dict(field) for name, field in _schema(type.name).items()}


def _entry(one: Field, order: int) -> tuple[str, dict[str, Any]]:
    entry = {
        "default_value": one.default, "label": one.label, "required": one.required, "sensitive": one.sensitive,
        "value": one.first, "display": one.display, "order": order, "type": one.type,
    }  # fmt: skip
    if one.tooltip:
        entry["tooltip"] = one.tooltip
    return one.name, entry


def _own(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Fields after the settings of a kind that Elastic has no connector for."""
    from pydantic_core import PydanticUndefined

    from syncline.sources.registry import find, secret_fields

    secrets = set(secret_fields(kind))
    entries = []
    for order, (name, info) in enumerate(find(kind).load_config().model_fields.items(), 1):
        default = info.get_default(call_default_factory=True)
        plain = None if default is PydanticUndefined or name in secrets else in_theirs(default)
        type = _type_of(default)
        display = {"bool": "toggle", "int": "numeric", "list": "textarea"}.get(type, "textbox")
        entries.append(
            _entry(
                Field(
                    name, name.replace("_", " ").capitalize(), name, type, display, plain, info.is_required(),
                    name in secrets, (info.description or "").partition(". ")[0], plain,
                ),
                order,
            )
        )  # fmt: skip
    return entries


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "int" if isinstance(value, int | float) else "list" if isinstance(value, list) else "str"


def filled(type: ServiceType, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the fields of the type that it lacks."""
    return {**configuration, **{name: one for name, one in schema(type).items() if name not in configuration}}


def in_theirs(value: Any) -> Any:
    """A setting of ours as the value of a field: a list becomes a text with commas."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value


def fields_of(kind: str, settings: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """The configuration of a connector that was made elsewhere; `secret` stands for each of its secrets, and
    `settings` have it there already."""
    type = TYPES.get(word_for(kind, settings))
    if type is None or not type.fields:
        return {name: _unknown(name, value, order, secret) for order, (name, value) in enumerate(settings.items(), 1)}
    found = schema(type)
    for name, value in values_of(type, settings).items():
        found[name]["value"] = value
    return found


def values_of(type: ServiceType, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the fields that mean something, by what a connector's settings are now."""
    if not type.fields:
        return {name: in_theirs(value) for name, value in settings.items()}
    plain = {one.name: in_theirs(settings.get(one.setting, one.first)) for one in type.fields if one.setting}
    return {**plain, **type.reverse(settings)}


def _unknown(name: str, value: Any, order: int, secret: str) -> dict[str, Any]:
    return _entry(
        Field(
            name, name.replace("_", " ").capitalize(), name, _type_of(value), required=False,
            sensitive=value == secret, first=in_theirs(value),
        ),
        order,
    )[1]  # fmt: skip


# --- settings of ours -------------------------------------------------------------------------------------------------


def settings(type: ServiceType, configuration: Mapping[str, Any]) -> Settings:
    """The settings that a configuration (in clear) asks for. Raises ConfigInvalid for what cannot be had."""
    from syncline.sources.registry import find

    model = find(type.kind).load_config().model_fields
    values = {name: _value(field) for name, field in configuration.items()}
    named = {one.name for one in type.fields}
    found: Settings = {}
    for name, value in values.items():  # ours, under their own names
        if name in model and name not in named and value not in (None, ""):
            found[name] = _fitting(value, model[name].annotation)
    for one in type.fields:
        value = values.get(one.name)
        if one.setting and value not in (None, ""):
            found[one.setting] = _fitting(value, model[one.setting].annotation)
    type.finish(values, found)
    return found


def _value(field: Any) -> Any:
    """What was set, or the default."""
    if not isinstance(field, Mapping):
        return None
    value = field.get("value")
    return field.get("default_value") if value is None or value == "" else value


def _fitting(value: Any, annotation: Any) -> Any:
    """A value in the form of a setting: texts become lists, numbers and truth values where those are wanted."""
    said = str(annotation)
    if "list[" in said and isinstance(value, str):
        return as_list(value)
    if annotation is bool:
        return as_flag(value)
    if annotation in (int, float) and isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | int | float) and ("str" in said or "Secret" in said) and "list" not in said:
        return str(value)
    return value


def as_list(value: Any) -> list[str]:
    """The entries of a text with commas."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return [str(part).strip() for part in parts if str(part).strip()]


def as_flag(value: Any) -> bool:
    """True for true, "true", "yes", "on" and 1."""
    return value is True or str(value).strip().lower() in ("true", "yes", "on", "1")
