"""Source connections, through the vendor's client: made, checked, shown, changed, removed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from airweave import (
    AuthProviderAuthentication,
    DirectAuthentication,
    OAuthBrowserAuthentication,
    OAuthTokenAuthentication,
    ScheduleConfig,
)
from airweave.core.api_error import ApiError
from airweave.errors import NotFoundError, UnprocessableEntityError
from tests.dialects.airweave.labs import Lab, Site, until

PASSWORD = "canary-password-4f1b7c"


def web(lab: Lab, site: Site, collection: str | None = None, **more: Any) -> Any:
    """A connection to a site that wants a password."""
    settings = {
        "config": site.config(user="reader"),
        "authentication": DirectAuthentication(credentials={"password": site.password}),
        "sync_immediately": False,
        **more,
    }
    return lab.sdk.source_connections.create(
        short_name="web", readable_collection_id=collection or lab.collection(), **settings
    )


def refusal(ask: Any) -> tuple[int, Any]:
    """(status, body) of a call that is refused."""
    with pytest.raises(ApiError) as refused:
        ask()
    return refused.value.status_code, refused.value.body


# --- made ------------------------------------------------------------------------------------------------------------


def test_a_new_one_runs_at_once_and_shows_its_settings_with_defaults(lab: Lab) -> None:
    place, id = lab.folder({"a.md": "a"}), lab.collection()

    made = lab.files(place, id)

    assert (made.short_name, made.readable_collection_id, made.status) == ("filesystem", id, "active")
    assert made.name == "Filesystem Connection"
    assert (made.config["path"], made.config["gitignore"]) == (str(place), False)
    assert (made.auth.method, made.auth.authenticated) == ("direct", True)
    assert (made.sync.total_runs, made.sync.last_job.status) == (1, "pending")
    assert made.sync.last_job.started_at is None
    lab.ended(made.id)
    shown = lab.sdk.source_connections.get(made.id)
    assert (shown.entities.total_entities, shown.entities.by_type["FilesystemEntity"].count) == (1, 1)
    assert (shown.sync.total_runs, shown.sync.successful_runs, shown.sync.failed_runs) == (1, 1, 0)
    assert shown.sync_id == made.sync_id


def test_several_may_have_the_same_name(lab: Lab) -> None:
    id, place = lab.collection(), lab.folder()
    first, second = (lab.files(place, id, name="The files", sync_immediately=False) for _ in range(2))

    assert (first.name, second.name) == ("The files", "The files")
    names = {lab.native.get(f"/v1/connectors/{one.id}").json()["name"] for one in (first, second)}
    assert len(names) == 2


def test_settings_that_the_source_does_not_have_are_dropped(lab: Lab) -> None:
    made = lab.sdk.source_connections.create(
        short_name="filesystem",
        readable_collection_id=lab.collection(),
        config={"path": str(lab.folder()), "embedding_model": "x"},
        sync_immediately=False,
    )

    assert "embedding_model" not in made.config


def test_secrets_go_in_and_do_not_come_out(lab: Lab, site: Site) -> None:
    site.password = PASSWORD
    made = web(lab, site)

    assert "password" not in made.config
    assert made.config["user"] == "reader"
    for path in (f"/source-connections/{made.id}", "/source-connections", "/webhooks/messages"):
        assert PASSWORD not in lab.raw.get(path).text
    assert PASSWORD not in lab.served.errors
    assert lab.native.get(f"/v1/connectors/{made.id}").json()["settings"]["password"] == "********"


def test_checks_come_in_the_order_of_the_original(lab: Lab, site: Site) -> None:
    """Body, source, way of logging in, credentials, settings, the source itself, collection, schedule."""
    site.password = PASSWORD
    create = lab.sdk.source_connections.create
    nowhere, wrong = "no-such-collection", {"cron": "nonsense"}
    good = {"config": site.config(user="reader"), "short_name": "web"}

    def ask(**more: Any) -> tuple[int, Any]:
        body = {"readable_collection_id": nowhere, "schedule": ScheduleConfig(**wrong), **more}
        return refusal(lambda: create(**body))

    assert ask(short_name="slack", name="abc")[0] == 422
    assert ask(short_name="slack") == (404, {"detail": "Source 'slack' not found"})
    status, body = ask(**good, authentication=OAuthTokenAuthentication(access_token="t"))
    assert (status, body["detail"].split(". ")[1]) == (400, "Supported methods: direct")
    status, body = ask(
        short_name="web", config={"urls": "x"}, authentication=DirectAuthentication(credentials={"wrong": "x"})
    )
    assert (status, body["detail"]) == (422, "Invalid auth fields: wrong: is not a field of this source")
    status, body = ask(short_name="web", config={"urls": "x"})
    assert status == 422
    assert body["detail"].startswith("Invalid config fields: urls: ")
    status, body = ask(**good, authentication=DirectAuthentication(credentials={"password": "not this one"}))
    assert status == 400
    assert "credentials" in body["detail"]
    right = DirectAuthentication(credentials={"password": PASSWORD})
    assert ask(**good, authentication=right) == (404, {"detail": f"Collection '{nowhere}' not found"})
    status, body = ask(**good, authentication=right, readable_collection_id=lab.collection())
    assert status == 422
    assert body["detail"].startswith("Invalid cron expression")


@pytest.mark.parametrize(
    "authentication",
    [
        OAuthTokenAuthentication(access_token="t"),
        OAuthBrowserAuthentication(redirect_uri="https://example.com"),
        AuthProviderAuthentication(provider_readable_id="composio"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_ways_of_logging_in_that_no_source_has_are_refused(lab: Lab, authentication: Any) -> None:
    status, body = refusal(lambda: lab.files(lab.folder(), authentication=authentication))

    assert status == 400
    assert body["detail"].endswith("Supported methods: direct")


@pytest.mark.parametrize(
    "authentication",
    [{"credentials": {}}, {"credentials": None}, {"credentials": {"a": 1}, "access_token": "x"}, {"what": 1}, "text"],
    ids=["empty", "null", "mixed", "unknown", "text"],
)
def test_authentication_of_no_known_shape_is_malformed(lab: Lab, authentication: Any) -> None:
    body = {"short_name": "filesystem", "readable_collection_id": "x", "authentication": authentication}
    answer = lab.raw.post("/source-connections", json=body)

    assert answer.status_code == 422
    assert "errors" in answer.json()


def test_a_source_that_cannot_be_read_is_refused_before_anything_is_stored(lab: Lab) -> None:
    id, before = lab.collection(), len(lab.sdk.source_connections.list(limit=1000))

    status, body = refusal(lambda: lab.files(lab.home / "no-such-folder", id))
    assert status == 400
    assert body["detail"].startswith("Source validation failed: ")
    assert len(lab.sdk.source_connections.list(limit=1000)) == before


def test_a_server_that_is_down_is_a_bad_gateway(lab: Lab) -> None:
    def ask() -> Any:
        return lab.sdk.source_connections.create(
            short_name="postgresql",
            readable_collection_id=lab.collection(),
            config={"host": "127.0.0.1", "port": 1, "database": "shop", "user": "reader", "table": "articles"},
            authentication=DirectAuthentication(credentials={"password": PASSWORD}),
        )

    status, body = refusal(ask)
    assert status == 502
    assert PASSWORD not in body["detail"]


def test_folders_out_of_reach_are_refused(lab: Lab) -> None:
    status, body = refusal(lambda: lab.sdk.source_connections.create(
        short_name="filesystem", readable_collection_id=lab.collection(), config={"path": "/etc"}
    ))  # fmt: skip

    assert status == 422
    assert body["detail"].startswith("Invalid config fields: ")


# --- schedules -------------------------------------------------------------------------------------------------------


def test_without_a_schedule_it_runs_daily_at_the_time_of_its_making(lab: Lab) -> None:
    made = lab.files(lab.folder(), sync_immediately=False)

    assert made.schedule.cron == f"{made.created_at.minute} {made.created_at.hour} * * *"
    assert made.schedule.next_run.tzinfo is not None
    assert made.sync is None


def test_a_source_with_a_feed_runs_every_five_minutes_and_reads_everything_once_a_day(lab: Lab) -> None:
    made = lab.sdk.source_connections.create(
        short_name="push", readable_collection_id=lab.collection(), sync_immediately=False
    )

    assert made.schedule.cron == "*/5 * * * *"
    found = lab.native.get(f"/v1/connectors/{made.id}/schedules").json()["items"]
    assert {one["type"] for one in found} == {"auto", "full"}


def test_no_schedule_and_no_run_means_no_sync(lab: Lab) -> None:
    made = lab.files(lab.folder(), schedule=ScheduleConfig(cron=None), sync_immediately=False)

    assert (made.schedule, made.sync, made.sync_id) == (None, None, None)
    for ask in (lab.sdk.source_connections.run, lab.sdk.source_connections.get_source_connection_jobs):
        with pytest.raises(NotFoundError) as missing:
            ask(made.id)
        assert missing.value.body.detail == "No sync found for this source connection"
    scheduled = lab.sdk.source_connections.update(made.id, schedule=ScheduleConfig(cron="0 3 * * *"))
    assert scheduled.sync_id is not None
    assert lab.run(made.id).status == "completed"


@pytest.mark.parametrize(
    ("cron", "status"),
    [
        ("*/15 * * * *", 400),
        ("0,30 * * * *", 400),
        ("61 * * * *", 422),
        ("0 0 30 2 *", 422),
        ("@daily", 422),
        ("0 0 * * * *", 422),
    ],
)
def test_schedules_that_cannot_be(lab: Lab, cron: str, status: int) -> None:
    made = lab.files(lab.folder(), sync_immediately=False)

    def ask() -> Any:
        return lab.sdk.source_connections.update(made.id, schedule=ScheduleConfig(cron=cron))

    answered, body = refusal(ask)
    assert answered == status
    assert isinstance(body["detail"], str)


# --- shown -----------------------------------------------------------------------------------------------------------


def test_lists_are_newest_first_and_by_collection(lab: Lab) -> None:
    id, place = lab.collection(), lab.folder({"a.md": "a"})
    made = [lab.files(place, id, name=f"Number {n}", sync_immediately=False) for n in range(3)]

    found = lab.sdk.source_connections.list(collection=id)
    assert [one.id for one in found] == [one.id for one in made][::-1]
    assert [one.id for one in lab.sdk.source_connections.list(collection=id, skip=1, limit=1)] == [made[1].id]
    assert lab.sdk.source_connections.list(collection="no-such-thing") == []
    assert all((one.is_authenticated, one.auth_method, one.entity_count) == (True, "direct", 0) for one in found)
    assert found[0].id in [one.id for one in lab.sdk.source_connections.list(limit=1000)]


def test_ids_are_checked_before_they_are_looked_up(lab: Lab) -> None:
    assert refusal(lambda: lab.sdk.source_connections.get(str(uuid4()))) [0] == 404  # fmt: skip
    with pytest.raises(UnprocessableEntityError) as wrong:
        lab.sdk.source_connections.get("not-a-uuid")
    assert wrong.value.body["detail"][0]["loc"] == ["path", "source_connection_id"]


def test_a_connector_of_another_origin_is_shown_without_its_secrets(lab: Lab, site: Site) -> None:
    site.password = PASSWORD
    settings = site.config(user="reader", password=PASSWORD, headers={"x-token": PASSWORD})
    body = {"kind": "web", "name": lab.name("native"), "index": lab.name("natives"), "settings": settings}
    made = lab.native.post("/v1/connectors", json=body).json()

    shown = lab.raw.get(f"/source-connections/{made['id']}")
    assert shown.json()["name"] == made["name"]
    assert shown.json()["readable_collection_id"] == made["index"]
    assert PASSWORD not in shown.text
    assert not {"password", "headers"} & set(shown.json()["config"])
    assert lab.sdk.source_connections.update(made["id"], name="A better name").name == "A better name"
    assert lab.sdk.source_connections.get(made["id"]).schedule is None


# --- changed ---------------------------------------------------------------------------------------------------------


def test_what_is_left_out_stays_and_null_takes_away(lab: Lab) -> None:
    made = lab.files(lab.folder(), description="For people", sync_immediately=False)

    renamed = lab.sdk.source_connections.update(made.id, name="Another name")
    assert (renamed.name, renamed.description, renamed.schedule.cron) == (
        "Another name",
        "For people",
        made.schedule.cron,
    )
    cleared = lab.sdk.source_connections.update(made.id, description=None)
    assert (cleared.description, cleared.name, cleared.schedule.cron) == (None, "Another name", made.schedule.cron)
    replaced = lab.sdk.source_connections.update(made.id, schedule=ScheduleConfig(cron="0 4 * * 1"))
    assert replaced.schedule.cron == "0 4 * * 1"
    for nothing in (None, ScheduleConfig(cron=None)):
        lab.sdk.source_connections.update(made.id, schedule=ScheduleConfig(cron="0 4 * * 1"))
        assert lab.sdk.source_connections.update(made.id, schedule=nothing).schedule is None
    assert lab.native.get(f"/v1/connectors/{made.id}/schedules").json()["items"] == []
    with pytest.raises(UnprocessableEntityError):
        lab.sdk.source_connections.update(made.id)


def test_settings_are_replaced_not_merged_and_secrets_stay(lab: Lab, site: Site) -> None:
    site.password = PASSWORD
    made = web(lab, site, config=site.config(user="reader", exclude=["/drafts/"]))

    changed = lab.sdk.source_connections.update(made.id, config=site.config(user="reader", max_depth=0))

    assert (changed.config["exclude"], changed.config["max_depth"]) == ([], 0)
    assert changed.sync is None
    job = lab.run(made.id)
    assert (job.status, job.entities_inserted) == ("completed", 1)
    for config, status in (({"urls": []}, 422), ({"path": "/etc"}, 422)):
        assert refusal(lambda config=config: lab.sdk.source_connections.update(made.id, config=config))[0] == status


def test_only_direct_credentials_may_be_replaced(lab: Lab, site: Site) -> None:
    site.password = PASSWORD
    made = web(lab, site)

    def replace(authentication: Any) -> Any:
        return lab.sdk.source_connections.update(made.id, authentication=authentication)

    assert refusal(lambda: replace(OAuthTokenAuthentication(access_token="t")))[0] == 400
    assert refusal(lambda: replace(DirectAuthentication(credentials={"password": "wrong"})))[0] == 400
    assert refusal(lambda: replace(DirectAuthentication(credentials={"token": "x"})))[0] == 422
    site.password = "another-password"
    changed = replace(DirectAuthentication(credentials={"password": site.password}))
    assert changed.auth.authenticated_at > made.auth.authenticated_at


def test_a_folder_cannot_be_moved_out_of_reach(lab: Lab) -> None:
    made = lab.files(lab.folder(), sync_immediately=False)

    status, _ = refusal(lambda: lab.sdk.source_connections.update(made.id, config={"path": "/etc"}))
    assert status == 422
    assert lab.sdk.source_connections.get(made.id).config == made.config


# --- refused credentials ---------------------------------------------------------------------------------------------


def test_refused_credentials_pause_it_until_they_are_replaced(lab: Lab, site: Site) -> None:
    site.password = "first-password"
    made = web(lab, site, config=site.config(user="reader", max_depth=0))
    assert lab.run(made.id).status == "completed"

    site.password = "second-password"
    failed = lab.run(made.id)

    assert (failed.status, failed.error_category) == ("failed", "api_key_invalid")
    assert failed.error_details["code"] == "credentials.invalid"
    shown = lab.sdk.source_connections.get(made.id)
    assert (shown.status, shown.error_category) == ("needs_reauth", "api_key_invalid")
    assert shown.error_message
    until(lambda: lab.native.get(f"/v1/connectors/{made.id}").json()["paused"], "the pause of its schedule")
    with pytest.raises(ApiError) as paused:
        lab.sdk.source_connections.run(made.id)
    assert (paused.value.status_code, type(paused.value).__name__) == (409, "ConflictError")
    assert "paused" in paused.value.body.detail
    lab.sdk.source_connections.update(made.id, name="Renamed meanwhile")
    assert refusal(lambda: lab.sdk.source_connections.run(made.id))[0] == 409

    lab.sdk.source_connections.update(
        made.id, authentication=DirectAuthentication(credentials={"password": site.password})
    )
    assert not lab.native.get(f"/v1/connectors/{made.id}").json()["paused"]
    again = lab.run(made.id)
    assert (again.status, again.error_category) == ("completed", None)
    assert lab.sdk.source_connections.get(made.id).status == "active"


# --- removed ---------------------------------------------------------------------------------------------------------


def test_deleting_one_cancels_its_run_and_takes_its_documents(lab: Lab, site: Site) -> None:
    id = lab.collection()
    site.delay_s = 0.05
    made = lab.sdk.source_connections.create(short_name="web", readable_collection_id=id, config=site.config())
    until(lambda: site.asked > 5, "pages to be read")

    gone = lab.sdk.source_connections.delete(made.id)

    assert gone.id == made.id
    assert refusal(lambda: lab.sdk.source_connections.get(made.id))[0] == 404
    assert lab.sdk.collections.search.instant(id, query="words").results == []
    assert lab.sdk.collections.get(id).status == "NEEDS SOURCE"
