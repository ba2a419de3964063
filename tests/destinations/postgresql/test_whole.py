"""An index in PostgreSQL from end to end: the Python API, the server's API, a declaration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.conftest import Api

from syncline import Syncline
from syncline.model.errors import ConfigInvalid, DestinationError, NotFound, UsageError
from syncline.model.jobs import JobState
from syncline.service.declaration.applying import carry_out, plan
from syncline.service.declaration.export import exported
from syncline.service.rotation import rotate
from syncline.wiring import Installation

from .conftest import Place


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.md").write_text(f"# Title {name}\n\nThe refund policy, part {name}")
    return folder


@pytest.fixture
def syncline(tmp_path: Path, place: Place) -> Iterator[Syncline]:
    with Syncline(tmp_path / "state") as made:
        made.add_index("shop", destination="postgresql", settings=place.settings())
        yield made


def test_an_index_in_postgresql_from_end_to_end(syncline: Syncline, place: Place, docs: Path) -> None:
    assert syncline.check_index("shop") == []
    first = syncline.sync(str(docs), index="shop")
    assert (first.status, first.counters.inserted) == (JobState.SUCCEEDED, 3)
    assert [row[0] for row in place.rows("id")] == ["a.md", "b.md", "c.md"]
    (docs / "a.md").write_text("# Changed\n\nNothing here")
    (docs / "b.md").unlink()
    planned = syncline.plan("docs")
    assert (planned.update, planned.delete, planned.keep) == (["a.md"], ["b.md"], 1)
    second = syncline.sync("docs")
    assert (second.counters.updated, second.counters.deleted, second.counters.kept) == (1, 1, 1)
    (hit,) = syncline.search("refund", index="shop").hits
    assert (hit.id, hit.connector) == ("c.md", "docs")
    assert syncline.why("c.md")[0].state == "live"
    assert syncline.verify(index="shop", source=True).ok
    assert syncline.sync("docs").counters.changed == 0


def test_what_was_lost_in_the_database_is_found_and_mended(syncline: Syncline, place: Place, docs: Path) -> None:
    syncline.sync(str(docs), index="shop")
    place.admin.execute(f"delete from {place.table} where id = 'a.md'")
    place.admin.execute(f"update {place.table} set title = 'x' where id = 'b.md'")
    report = syncline.verify(index="shop", repair=True)
    assert len(report.problems) == len(report.repaired) == 2
    assert syncline.sync("docs").counters.changed == 2
    assert syncline.verify(index="shop").problems == []
    place.admin.execute(f"drop table {place.table}")
    failed = syncline.sync("docs")
    assert failed.error is not None
    assert failed.error["code"] == "destination.table_missing"
    assert len(syncline.verify(index="shop", repair=True).problems) == 3
    assert syncline.sync("docs").counters.inserted == 3
    assert syncline.verify(index="shop").ok


def test_secrets_are_sealed_and_the_place_is_fixed(
    syncline: Syncline, place: Place, docs: Path, tmp_path: Path
) -> None:
    syncline.update_index("shop", settings={"url": place.url + "&application_name=passwordlike"})
    assert b"passwordlike" not in (tmp_path / "state" / "control.db").read_bytes()
    syncline.sync(str(docs), index="shop")
    with pytest.raises(ConfigInvalid) as error:
        syncline.update_index("shop", settings={"table": "elsewhere"})
    assert error.value.code == "index.place_fixed"
    installation = Installation(str(tmp_path / "state"))
    assert rotate(installation, pause=lambda: None).rows == {"indexes": 1}
    installation.close()
    assert syncline.update_index("shop", description="after").description == "after"
    assert syncline.sync("docs").counters.kept == 3


def test_an_index_is_removed_with_its_documents(syncline: Syncline, place: Place, docs: Path) -> None:
    syncline.sync(str(docs), index="shop")
    assert syncline.remove_connector("docs") == 3
    assert place.rows() == []
    syncline.sync(str(docs), index="shop")
    assert syncline.remove_index("shop", cascade=True) == ["docs"]
    assert place.rows() == []
    assert place.ask(f"select 1 from {place.schema}.syncline_writers") == []
    with pytest.raises(NotFound):
        syncline.index("shop")


def test_an_index_whose_destination_is_gone_can_be_abandoned(tmp_path: Path, docs: Path) -> None:
    with Syncline(tmp_path / "state") as made:
        url = "postgresql://me@127.0.0.1:1/gone"
        made.add_index("gone", destination="postgresql", settings={"url": url, "table": "t"})
        ended = made.sync(str(docs), index="gone")
        assert ended.error is not None
        assert ended.error["code"] == "destination.unreachable"
        with pytest.raises(DestinationError) as error:
            made.remove_index("gone", cascade=True)
        assert error.value.code == "destination.unreachable"
        assert "--abandon" in error.value.remedy
        assert made.remove_index("gone", cascade=True, abandon=True) == ["docs"]


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    with Syncline(tmp_path / "state") as made:
        for settings in ({}, {"url": "mysql://x", "table": "t"}, {"url": "postgresql://x", "table": "a.b.c"}):
            with pytest.raises(ConfigInvalid):
                made.add_index("i", destination="postgresql", settings=settings)
        with pytest.raises(ConfigInvalid):
            made.add_index("i", settings={"url": "x"})
        with pytest.raises(NotFound):
            made.add_index("i", destination="nothing")
        with pytest.raises(UsageError):
            made.add_index("i", destination="json:dumps")
        assert made.list_indexes() == []


def test_the_servers_api_makes_fills_and_searches_it(tmp_path: Path, place: Place) -> None:
    api = Api(tmp_path)
    try:
        made = api.ok("POST", "/v1/indexes", 201, json={
            "name": "shop", "destination": "postgresql", "settings": place.settings(),
        })  # fmt: skip
        assert (made["destination"], made["settings"]["url"]) == ("postgresql", "********")
        checked = api.ok("POST", "/v1/indexes/shop/check")
        assert (checked["ok"], checked["notes"]) == (True, [])
        api.folder("docs", {"a.txt": "An apple a day", "b.txt": "A pear"}, index="shop")
        job = api.ok("POST", "/v1/connectors/docs/sync", 202, json={})["job"]
        api.ended(job["id"])
        found = api.ok("POST", "/v1/search", json={"query": "apple", "index": "shop"})
        assert [hit["id"] for hit in found["results"]] == ["a.txt"]
        shown = api.ok("GET", "/v1/documents/shop")
        assert [one["id"] for one in shown["items"]] == ["a.txt", "b.txt"]
        one = api.ok("GET", "/v1/documents/shop/a.txt?text=true")
        assert (one["text"], one["connector"], one["job"]) == ("An apple a day", "docs", job["number"])
        assert api.ok("GET", "/v1/indexes/shop/stats")["documents"] == 2
        changed = api.ok("PATCH", "/v1/indexes/shop", json={"settings": {"url": "********", "language": "english"}})
        assert changed["settings"]["language"] == "english"
        for wrong in (
            {"destination": "os:getcwd"},
            {"destination": "nothing"},
            {"settings": {"embedder": "os:getcwd"}},
        ):
            body = {"name": "x", "destination": "postgresql", "settings": place.settings(), **wrong}
            answer = api.client.post("/v1/indexes", json=body)
            assert answer.status_code in (403, 422, 400), answer.text
        assert api.ok("DELETE", "/v1/indexes/shop?cascade=true")["connectors"] == ["docs"]
        assert place.rows() == []
    finally:
        api.close()


def test_a_declaration_makes_it_and_is_written_again(tmp_path: Path, place: Place, docs: Path) -> None:
    installation = Installation(str(tmp_path / "data"))
    file = tmp_path / "syncline.yaml"
    text = f"""
        version: 1
        indexes:
          shop:
            destination: postgresql
            settings: {{url: "${{SHOP_URL}}", table: {json.dumps(place.table)}}}
        connectors:
          docs: {{kind: folder, index: shop, settings: {{path: {json.dumps(str(docs))}}}}}
    """
    environ = {"SHOP_URL": place.url, "SHOP_SETTINGS_URL": place.url}

    def apply(said: str, prune: bool = False) -> Any:
        file.write_text(said)
        return carry_out(installation, plan(installation, str(file), prune=prune, environ=environ))

    assert apply(text).ok
    assert place.url not in str([change.fields for change in apply(text).plan.changes])
    assert apply(text).plan.steps == []
    written = exported(installation)
    assert "destination: postgresql" in written
    assert place.url not in written
    assert apply(written).plan.steps == []
    assert apply(text.replace("table:", "language: german, table:")).ok
    assert installation.control().index("shop").settings["language"] == "german"
    refused = apply("version: 1\nindexes: {shop: {destination: embedded}}")
    assert "destination cannot be changed" in refused.failed[0][1].message
    installation.close()
