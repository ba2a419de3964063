"""Applying a declaration to a real data directory."""

from __future__ import annotations

import pytest

from syncline.model.errors import NotFound
from syncline.model.ports import no_crash
from syncline.service import connectors, indexes, jobs, schedules, triggers, webhooks
from syncline.service.declaration.applying import LOCK, Applied, Applying, apply_file, carry_out
from syncline.service.declaration.difference import told
from syncline.service.declaration.export import exported
from syncline.service.declaration.files import DeclarationInvalid

URL = "https://93.184.216.34/hook"  # an address, so that no name has to be looked up
WHSEC = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
WHSEC_2 = "whsec_QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX"
EVERYTHING = f"""\
version: 1
indexes:
  handbook: {{description: What everybody should know}}
connectors:
  docs:
    kind: folder
    index: handbook
    description: The handbook
    settings: {{path: docs, include: ["*.md"]}}
    guard: {{max_deletes: 5, max_percent: 10}}
    schedule:
      - "0 3 * * *"
      - {{name: often, cron: "rate(15 minutes)", zone: Europe/Berlin, jitter: 30s, when_active: coalesce, type: full}}
    triggers:
      - watch: {{settle: 5s}}
      - after: notes
      - webhook: {{name: ci, secret: {WHSEC}}}
  notes:
    kind: push
    paused: true
webhooks:
  - url: {URL}
    types: [job.failed]
    connectors: [docs]
    secret: {WHSEC_2}
"""


def steps(applied: Applied) -> list[str]:
    assert [f"{told(change.item)}: {error.message}" for change, error in applied.failed] == []
    return [f"{change.action.value} {told(change.item)}" for change in applied.done]


def failures(applied: Applied) -> dict[str, str]:
    return {told(change.item): error.message for change, error in applied.failed}


def test_everything_is_made_as_declared(place):
    assert steps(place.apply(EVERYTHING)) == [
        "create index default",
        "create index handbook",
        "create connector docs",
        "create connector notes",
        "create schedule of docs",
        "create schedule often of docs",
        "create trigger after notes of docs",
        "create trigger watch of docs",
        "create trigger webhook ci of docs",
        f"create webhook {URL}",
    ]
    control = place.installation.control()
    docs, notes = control.connector("docs"), control.connector("notes")
    assert docs.config == {
        "path": str(place.folder / "docs"), "include": ["*.md"], "exclude": [], "gitignore": False,
        "follow_symlinks": False, "max_file_bytes": 64 << 20,
    }  # fmt: skip
    assert (docs.guard.max_deletes, docs.guard.max_percent, docs.description) == (5, 10.0, "The handbook")
    assert (notes.paused, notes.index, notes.kind) == (True, "default", "push")
    nightly, often = schedules.of(place.installation, docs)
    assert (nightly.expression, nightly.zone, nightly.enabled, nightly.next_at is not None) == (
        "0 3 * * *",
        "UTC",
        True,
        True,
    )
    assert (often.dialect, often.zone, often.jitter_s, often.when_active, often.type) == (
        "aws", "Europe/Berlin", 30.0, "coalesce", "full",
    )  # fmt: skip
    settings = {one.kind: one.settings for one in triggers.of(place.installation, docs)}
    assert settings["watch"] == {"settle_s": 5.0, "max_wait_s": 30.0}
    assert settings["after"] == {"connector": notes.id, "on": ["succeeded"]}
    assert settings["webhook"]["name"] == "ci"
    (webhook,) = webhooks.all(place.installation)
    assert (webhook.types, webhook.connectors) == (("job.failed",), (docs.id,))
    assert place.installation.vault.open(webhook.id, webhook.sealed).config == {"secret": WHSEC_2, "previous": []}


def test_a_second_apply_changes_not_one_byte(place):
    place.apply(EVERYTHING)
    place.installation.close()
    before = {path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file()}
    assert steps(place.apply(EVERYTHING)) == []
    place.installation.close()
    assert {path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file()} == before


def test_a_plan_makes_no_data_directory(place):
    assert len(place.plan(EVERYTHING).steps) == 10
    assert not (place.folder / "data").exists()


def test_what_changes_is_changed_where_it_stands(place):
    place.apply(EVERYTHING)
    place.environ = {"S": WHSEC_2}
    text = EVERYTHING
    for old, new in (
        ("0 3 * * *", "0 4 * * *"),
        ("settle: 5s", "settle: 40s"),
        ("job.failed", "job.running"),
        ("max_deletes: 5", "max_deletes: 6"),
        ("What everybody", "What nobody"),
        ("after: notes", "after: {connector: notes, on: [succeeded, incomplete]}"),
        (WHSEC, "'${S}'"),
        (WHSEC_2, WHSEC),
    ):
        text = text.replace(old, new)
    ids = [place.installation.control().connector(name).id for name in ("docs", "notes")]
    assert steps(place.apply(text)) == [
        "update index handbook",
        "update connector docs",
        "update schedule of docs",
        "update trigger after notes of docs",
        "update trigger watch of docs",
        "update trigger webhook ci of docs",
        f"update webhook {URL}",
    ]
    assert steps(place.apply(text)) == []
    assert [place.installation.control().connector(name).id for name in ("docs", "notes")] == ids
    (webhook,) = webhooks.all(place.installation)
    opened = place.installation.vault.open(webhook.id, webhook.sealed).config
    assert (opened["secret"], opened["previous"][0]["secret"]) == (WHSEC, WHSEC_2)


def test_what_is_not_said_is_as_usual_again(place):
    place.apply(EVERYTHING)
    applied = place.apply("version: 1\nconnectors: {notes: {kind: push}}")
    assert steps(applied) == ["update connector notes"]
    assert place.state()["connector", ("notes",)]["paused"] is False


def test_without_prune_nothing_is_removed(place):
    place.apply(EVERYTHING)
    before = place.state()
    applied = place.apply("version: 1")
    assert steps(applied) == []
    assert len(applied.plan.left_alone) == 10
    assert place.state() == before


def test_with_prune_what_an_apply_made_is_removed_and_its_documents_are_counted(place):
    (place.folder / "docs").mkdir()
    for n in range(3):
        (place.folder / "docs" / f"{n}.md").write_text("hello")
    place.apply(EVERYTHING)
    jobs.sync(place.installation, jobs.Order("docs"))
    by_hand = connectors.draft(place.installation.control(), "push", {}, name="by hand", index="handbook")
    connectors.add(place.installation, by_hand)
    schedules.add(place.installation, by_hand, expression="@daily")
    plan = place.plan("version: 1", prune=True)
    assert {told(change.item): change.item.documents for change in plan.removals if change.item.documents} == {
        "connector docs": 3
    }
    applied = place.apply("version: 1", prune=True)
    assert steps(applied) == [
        f"remove webhook {URL}",
        "remove connector notes",
        "remove connector docs",
        "remove index default",
    ]
    assert applied.documents == {"docs": 3, "notes": 0}
    assert {key for _, key in place.state()} == {("handbook",), ("by hand",), ("by hand", "")}
    assert steps(place.apply("version: 1", prune=True)) == []


def test_what_was_made_by_hand_and_is_found_declared_is_declared_from_then_on(place):
    connector = connectors.draft(place.installation.control(), "push", {}, name="notes")
    connectors.add(place.installation, connector)
    text = "version: 1\nconnectors: {notes: {kind: push}}"
    assert steps(place.apply(text)) == []
    assert steps(place.apply("version: 1", prune=True)) == ["remove connector notes"]


def test_another_kind_needs_prune_and_takes_the_place_of_the_old_one(place):
    place.apply(EVERYTHING)
    old = place.installation.control().connector("notes")
    text = EVERYTHING.replace("kind: push", "kind: folder\n    settings: {path: notes}")
    refused = place.apply(text)
    assert list(failures(refused)) == ["connector notes"]
    assert "its kind and its index cannot be changed" in failures(refused)["connector notes"]
    assert steps(place.apply(text, prune=True)) == ["replace connector notes", "update trigger after notes of docs"]
    new = place.installation.control().connector("notes")
    assert (new.kind, new.id != old.id) == ("folder", True)
    docs = place.installation.control().connector("docs")
    after = next(one for one in triggers.of(place.installation, docs) if one.kind == "after")
    assert after.settings["connector"] == new.id
    assert steps(place.apply(text, prune=True)) == []


def test_a_step_that_fails_keeps_back_only_what_needs_it(place):
    place.apply("version: 1\nconnectors: {a: {kind: push}}")
    control = place.installation.control()
    a = control.connector("a")
    jobs.start(place.installation, a)
    applied = place.apply(
        """\
        version: 1
        connectors:
          a: {kind: folder, settings: {path: x}, schedule: "@daily"}
          b: {kind: push, triggers: [{after: a}], schedule: "@daily"}
        webhooks: [{url: https://127.0.0.1/x}]
        """,
        prune=True,
    )
    assert failures(applied) == {
        "connector a": "connector 'a' has job 1 (pending)",
        "schedule of a": "it needs the connector a, which could not be made",
        "trigger after a of b": "it needs the connector a, which could not be made",
        "webhook https://127.0.0.1/x": failures(applied)["webhook https://127.0.0.1/x"],
    }
    assert [told(change.item) for change in applied.done] == ["connector b", "schedule of b"]
    assert place.state()["connector", ("a",)]["kind"] == "push"


def test_two_connectors_that_follow_each_other_may_change_places(place):
    text = "version: 1\nconnectors: {{a: {{kind: push, triggers: [{}]}}, b: {{kind: push, triggers: [{}]}}}}"
    place.apply(text.format("after: b", ""))
    assert sorted(steps(place.apply(text.format("", "after: a"), prune=True))) == [
        "create trigger after a of b",
        "remove trigger after b of a",
    ]


def test_what_somebody_changed_after_the_difference_was_shown_is_not_overwritten(place):
    place.apply("version: 1\nconnectors: {a: {kind: push}, b: {kind: push}}")
    plan = place.plan("version: 1\nconnectors: {a: {kind: push, description: x}, b: {kind: push, description: x}}")
    a = place.installation.control().connector("a")
    connectors.update(place.installation, a, description="by hand")
    applied = carry_out(place.installation, plan)
    assert [told(change.item) for change, _ in applied.failed] == ["connector a"]
    assert place.state()["connector", ("a",)]["description"] == "by hand"
    assert place.state()["connector", ("b",)]["description"] == "x"


def test_two_applies_do_not_run_at_once(place):
    place.installation.make()
    lease = place.installation.lease(LOCK)
    assert lease.acquire()
    with pytest.raises(Applying):
        place.apply(EVERYTHING)
    lease.release()
    assert place.apply(EVERYTHING).ok


def test_a_wrong_file_changes_nothing(place):
    with pytest.raises(DeclarationInvalid):
        place.apply(EVERYTHING + "nonsense: 1")
    with pytest.raises(DeclarationInvalid, match="there is no connector 'nots'"):
        place.apply(EVERYTHING.replace("after: notes", "after: nots"))
    assert not (place.folder / "data").exists()


def test_connectors_that_stand_may_be_referred_to(place):
    place.apply(EVERYTHING)
    assert steps(place.apply("version: 1\nconnectors: {c: {kind: push, triggers: [{after: docs}]}}")) == [
        "create connector c",
        "create trigger after docs of c",
    ]


def test_a_connector_is_not_mistaken_for_a_folder_of_that_name(place, monkeypatch):
    (place.folder / "b").mkdir()
    monkeypatch.chdir(place.folder)
    place.apply(f"""\
        version: 1
        connectors: {{a: {{kind: folder, settings: {{path: b}}}}, b: {{kind: push, schedule: "@daily"}}}}
        webhooks: [{{url: {URL}, connectors: [b]}}]
        """)
    assert place.state()["schedule", ("b", "")]["cron"] == "@daily"
    assert place.state()["webhook", (URL,)]["connectors"] == ["b"]


def test_indexes_that_were_made_without_a_row_are_taken_over(place):
    place.installation.index("default", create=True)
    assert steps(place.apply("version: 1\nindexes: {default: {description: x}}")) == ["create index default"]
    assert indexes.get(place.installation, "default").description == "x"


def test_the_server_applies_a_file_without_asking(place, caplog):
    place.file.write_text(EVERYTHING)
    with caplog.at_level("INFO", "syncline.declaration"):
        assert apply_file(place.installation, str(place.file)).ok
        assert apply_file(place.installation, str(place.file)).done == []
    assert len(caplog.records) == 10
    with pytest.raises(NotFound):
        apply_file(place.installation, str(place.folder / "nothing.yaml"))


def test_what_is_exported_is_what_there_is(place):
    place.apply(EVERYTHING)
    text = exported(place.installation)
    assert "include:\n        - '*.md'" in text
    assert "gitignore" not in text
    variables = {"DOCS_WEBHOOK_CI_SECRET": WHSEC, "WEBHOOK_93_184_216_34_SECRET": WHSEC_2}
    for name, value in variables.items():
        assert f"#   {name} " in text
        assert value not in text
    place.environ = variables
    plan = place.plan(text)
    assert plan.changes == []


class Died(BaseException):
    """The process has died."""


SMALL = f"""\
version: 1
indexes: {{i: {{description: d}}}}
connectors:
  a: {{kind: push, index: i, schedule: "@daily", triggers: [{{webhook: {{secret: {WHSEC}}}}}]}}
webhooks: [{{url: {URL}, connectors: [a], secret: {WHSEC_2}}}]
"""


def test_wherever_an_apply_dies_the_next_one_completes_it(new_place, remark):
    whole = new_place()
    points = []
    whole.installation.crash = points.append
    whole.apply(SMALL)
    for n in range(len(points)):
        here = new_place()
        left = [n]

        def crash(_: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Died

        here.installation.crash = crash
        with pytest.raises(Died):
            here.apply(SMALL)
        here.installation.close()
        here.installation.crash = no_crash
        assert here.apply(SMALL).ok
        assert here.state() == whole.state()
        assert here.apply(SMALL).done == []
        assert here.apply("version: 1", prune=True).ok
        assert here.state() == {}
        here.installation.close()
    remark(f"declarations: died at each of {len(points)} points of an apply")
