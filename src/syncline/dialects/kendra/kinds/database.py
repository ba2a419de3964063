"""DATABASE: one table of a PostgreSQL or MySQL server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from syncline.dialects.kendra.ground import invalid
from syncline.dialects.kendra.kinds.drawing import Drawn, Surroundings
from syncline.model.connectors import Connector

KINDS: Final = {
    "RDS_POSTGRESQL": "postgresql",
    "RDS_AURORA_POSTGRESQL": "postgresql",
    "RDS_MYSQL": "mysql",
    "RDS_AURORA_MYSQL": "mysql",
}
ENGINES: Final = {"postgresql": "RDS_POSTGRESQL", "mysql": "RDS_MYSQL"}
OWN: Final = "arn:syncline:connectors:::secret:"  # and the id of the connector: the secret that it has
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,99}")
_DATE: Final = re.compile(r"yyyy-MM-dd([ T]|'T')?(HH:mm(:ss([.]S{1,6})?)?)?(X{1,3}|'Z'|Z)?")


def drawn(said: Mapping[str, Any], around: Surroundings) -> Drawn:
    """A DatabaseConfiguration. Raises ValidationException."""
    kind, columns = KINDS[said["DatabaseEngineType"]], said["ColumnConfiguration"]
    name = _spelling(kind, said.get("SqlConfiguration", {}).get("QueryIdentifiersEnclosingOption", "NONE"))
    mappings = columns.get("FieldMappings", [])
    around.check_fields(one["IndexFieldName"] for one in mappings)
    for one in mappings:
        _check_date(one)
    title = columns.get("DocumentTitleColumnName")
    groups = said.get("AclConfiguration", {}).get("AllowedGroupsColumnName")
    id, body = columns["DocumentIdColumnName"], columns["DocumentDataColumnName"]
    wanted = [id, body, *[one["DataSourceFieldName"] for one in mappings], *[one for one in (title, groups) if one]]
    return Drawn(
        kind,
        {
            **_server(said["ConnectionConfiguration"], around),
            "table": name(said["ConnectionConfiguration"]["TableName"]),
            "id": [name(id)],
            "body": [name(body)],
            "title": name(title) if title else None,
            "metadata": [name(one["DataSourceFieldName"]) for one in mappings],
            "names": {name(one["DataSourceFieldName"]): one["IndexFieldName"] for one in mappings},
            "groups": name(groups) if groups else None,
            # A change of another column, also of one that was named to detect changes, is no change of a document.
            "include": list(dict.fromkeys(map(name, wanted))),
        },
    )


def _server(said: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    host = said["DatabaseHost"]
    if "/" in host:
        raise invalid("DatabaseHost must be the name or the address of a server.")
    found = {"host": host, "port": said["DatabasePort"], "database": said["DatabaseName"]}
    if around.keeps == (said["SecretArn"], host):
        return found
    login = around.secrets.login(said["SecretArn"], host)
    return {**found, "user": login.user, "password": login.password}


def _spelling(kind: str, option: str) -> Callable[[str], str]:
    """How a name that is not quoted is understood: PostgreSQL takes it in lower case."""
    return str.lower if kind == "postgresql" and option == "NONE" else str


def _check_date(mapping: Mapping[str, Any]) -> None:
    form = mapping.get("DateFieldFormat")
    if form is not None and not _DATE.fullmatch(form):
        raise invalid(
            f"DateFieldFormat {form} is not supported here; dates are read as ISO 8601, yyyy-MM-dd'T'HH:mm:ssXXX."
        )


def shown(connector: Connector) -> dict[str, Any] | None:
    """As a DatabaseConfiguration; None when it is not one: a query, several columns, names that Kendra's cannot be."""
    config = connector.config
    single = len(config["id"]) == 1 and len(config["body"]) == 1 and bool(config["host"])
    names = [config["table"], config["database"], *config["id"], *config["body"]]
    if not single or not all(_NAME.fullmatch(one) for one in names):
        return None
    columns: dict[str, Any] = {
        "DocumentIdColumnName": config["id"][0],
        "DocumentDataColumnName": config["body"][0],
        "ChangeDetectingColumns": [config["body"][0]],
    }
    if _NAME.fullmatch(config["title"]):
        columns["DocumentTitleColumnName"] = config["title"]
    mappings = [
        {"DataSourceFieldName": one, "IndexFieldName": other}
        for one in config["metadata"] or []
        if _NAME.fullmatch(one) and len(other := config["names"].get(one, one)) <= 30
    ]
    if mappings:
        columns["FieldMappings"] = mappings[:100]
    server = {
        "DatabaseHost": config["host"],
        "DatabasePort": config["port"],
        "DatabaseName": config["database"],
        "TableName": config["table"],
        "SecretArn": secret_arn(connector),
    }
    access = {"AclConfiguration": {"AllowedGroupsColumnName": config["groups"]}} if config["groups"] else {}
    return {
        "DatabaseEngineType": ENGINES[connector.kind],
        "ConnectionConfiguration": server,
        "ColumnConfiguration": columns,
        **access,
        "SqlConfiguration": {"QueryIdentifiersEnclosingOption": "DOUBLE_QUOTES"},
    }


def secret_arn(connector: Connector) -> str:
    """What stands for the secret that it has, where none of Kendra's words does."""
    return f"{OWN}{connector.id}"
