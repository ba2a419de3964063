"""Sources: our kinds, described by the schemas of their settings."""

from __future__ import annotations

import pytest
from airweave.errors import NotFoundError
from tests.dialects.airweave.labs import Lab


def test_every_kind_that_requests_may_use_is_a_source(lab: Lab) -> None:
    found = {source.short_name: source for source in lab.sdk.sources.list()}

    assert {"filesystem", "s3", "postgresql", "mysql", "sqlite", "web", "push"} <= set(found)
    assert not {"folder", "sql", "hosted"} & set(found)
    assert all(source.auth_methods == ["direct"] for source in found.values())
    assert found["postgresql"].supports_continuous
    assert not found["filesystem"].supports_continuous


def test_fields_come_from_the_schema_and_secrets_are_apart(lab: Lab) -> None:
    folder, database = lab.sdk.sources.get("filesystem"), lab.sdk.sources.get("postgresql")
    plain = {field.name: field for field in folder.config_fields.fields}
    hidden = {field.name: field for field in database.auth_fields.fields}

    assert (plain["path"].type, plain["path"].required, plain["path"].is_secret) == ("string", True, False)
    assert (plain["include"].type, plain["include"].items_type) == ("array", "string")
    assert (plain["gitignore"].type, plain["max_file_bytes"].type) == ("boolean", "number")
    assert folder.auth_fields.fields == []
    assert set(hidden) == {"password", "dsn"}
    assert all(field.is_secret for field in hidden.values())
    modes = next(field for field in database.config_fields.fields if field.name == "sslmode")
    assert "verify-full" in modes.enum_values


def test_our_own_name_of_a_kind_is_understood(lab: Lab) -> None:
    assert lab.sdk.sources.get("folder").short_name == "filesystem"


def test_what_is_no_source_is_told(lab: Lab) -> None:
    for name in ("slack", "sql", "os:system"):
        with pytest.raises(NotFoundError) as unknown:
            lab.sdk.sources.get(name)
        assert unknown.value.body.detail == f"Source not found: {name}"


def test_older_paths_are_served(lab: Lab) -> None:
    assert lab.raw.get("/sources/list").json() == lab.raw.get("/sources/").json()
    assert lab.raw.get("/sources/detail/s3").json()["short_name"] == "s3"
