"""The Python API, used as its documentation says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from syncline import Syncline
from syncline.model.connectors import Guard
from syncline.model.errors import ConfigInvalid, DataDirectoryError, NotFound, SynclineError, UsageError
from syncline.model.jobs import JobState
from syncline.model.search import Filter

Snapshot = Callable[[Path], dict[str, str]]


def ids(syncline: Syncline, text: str = "") -> list[str]:
    return sorted(hit.id for hit in syncline.search(text, limit=100).hits)


def test_a_folder_is_synced_and_searched_and_the_second_sync_is_incremental(syncline: Syncline, docs: Path) -> None:
    first = syncline.sync(str(docs))
    assert (first.status, first.counters.inserted) == (JobState.SUCCEEDED, 3)
    hit = syncline.search("beta").hits[0]
    assert (hit.id, hit.title, hit.connector) == ("beta.md", "The beta", "docs")
    assert "A page about beta" in hit.snippet
    (docs / "beta.md").write_text("# The delta\n")
    os.unlink(docs / "gamma.md")
    second = syncline.sync(str(docs))
    assert second.counters.as_dict() | {"updated": 1, "deleted": 1, "kept": 1} == second.counters.as_dict()
    assert ids(syncline, "beta") == []
    assert ids(syncline, "delta") == ["beta.md"]
    assert ids(syncline) == ["alpha.md", "beta.md"]


def test_invariant_10_a_plan_changes_not_one_byte_and_not_even_makes_the_data_directory(
    syncline: Syncline, docs: Path, state: Path, snapshot: Snapshot
) -> None:
    assert syncline.plan(str(docs)).insert == ["alpha.md", "beta.md", "gamma.md"]
    assert not state.exists()
    syncline.sync(str(docs))
    syncline.close()
    (docs / "alpha.md").write_text("changed")
    os.unlink(docs / "beta.md")
    (docs / "delta.md").write_text("new")
    before = snapshot(state)
    with Syncline(state) as again:
        plan = again.plan(str(docs))
    assert snapshot(state) == before
    assert (plan.insert, plan.update, plan.delete, plan.keep) == (["delta.md"], ["alpha.md"], ["beta.md"], 1)
    with Syncline(state) as again:
        counters = again.sync(str(docs)).counters
    assert (counters.inserted, counters.updated, counters.deleted, counters.kept) == (1, 1, 1, 1)


def test_a_second_run_of_unchanged_input_writes_nothing_but_the_job(
    state: Path, docs: Path, snapshot: Snapshot
) -> None:
    for path in docs.iterdir():
        os.utime(path, (1_600_000_000, 1_600_000_000))
    for _ in range(2):  # versions of files made a moment ago settle first
        with Syncline(state) as syncline:
            syncline.sync(str(docs))
        import time

        time.sleep(2.1)
    before = snapshot(state)
    with Syncline(state) as syncline:
        assert syncline.sync(str(docs)).counters.kept == 3
    after = snapshot(state)
    assert {name for name in after if after[name] != before.get(name)} == {"control.db", "indexes/default/truth.db"}
    assert after.keys() == before.keys()


def test_why_tells_the_whole_story_of_a_document(syncline: Syncline, docs: Path) -> None:
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 and nothing more")
    (docs / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    syncline.sync(str(docs))
    (docs / "alpha.md").write_text("changed")
    syncline.sync(str(docs))
    os.unlink(docs / "alpha.md")
    syncline.sync(str(docs))
    (story,) = syncline.why("alpha.md")
    assert story.state == "deleted"
    assert [chapter.event for chapter in story.chapters] == ["inserted", "updated", "deleted"]
    (story,) = syncline.why("broken.pdf")
    assert story.state == "failed"
    assert story.chapters[0].code.startswith("extract.")
    assert story.chapters[0].remedy
    (story,) = syncline.why("photo.png")
    assert story.state == "filtered"
    (story,) = syncline.why("beta.md")
    assert [chapter.event for chapter in story.chapters] == ["inserted", "kept"]
    assert syncline.why("never.md") == []


def test_errors_lists_failed_documents_with_their_remedies(syncline: Syncline, docs: Path) -> None:
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 and nothing more")
    result = syncline.sync(str(docs))
    assert (result.status, result.counters.failed) == (JobState.INCOMPLETE, 1)
    ((job, outcome),) = syncline.errors()
    assert (job.number, outcome.id) == (1, "broken.pdf")
    assert outcome.remedy
    assert any("broken.pdf" in line for line in syncline.logs(1))


def test_rules_are_remembered_and_a_changed_rule_takes_documents_out(syncline: Syncline, docs: Path) -> None:
    syncline.sync(str(docs), settings={"exclude": ["beta*"]})
    assert ids(syncline) == ["alpha.md", "gamma.md"]
    assert syncline.sync(str(docs)).counters.filtered == 1
    result = syncline.sync(str(docs), settings={"exclude": ["gamma*"]})
    assert (result.counters.inserted, result.counters.deleted) == (1, 1)
    assert ids(syncline) == ["alpha.md", "beta.md"]
    assert syncline.sync(str(docs)).counters.as_dict()["kept"] == 2


def test_a_missing_root_fails_the_job_and_deletes_nothing(syncline: Syncline, docs: Path) -> None:
    syncline.sync(str(docs))
    docs.rename(docs.with_name("elsewhere"))
    result = syncline.sync("docs")
    assert result.status is JobState.FAILED
    assert result.error is not None
    assert result.error["code"] == "source.root_missing"
    assert len(ids(syncline)) == 3


def test_an_emptied_mount_point_withholds_its_deletions_until_they_are_approved(syncline: Syncline, docs: Path) -> None:
    syncline.sync(str(docs))
    docs.rename(docs.with_name("unmounted"))
    docs.mkdir()  # another inode: not the folder that was listed before
    (docs / "other.md").write_text("something else")
    result = syncline.sync(str(docs))
    assert (result.status, result.counters.withheld_deletes, result.counters.inserted) == (JobState.INCOMPLETE, 3, 1)
    assert syncline.withheld("docs") == ["alpha.md", "beta.md", "gamma.md"]
    assert len(ids(syncline)) == 4
    assert syncline.approve("docs") == 3
    assert syncline.sync(str(docs)).counters.deleted == 3
    assert ids(syncline) == ["other.md"]


def test_the_guard_of_a_connector_is_its_own(syncline: Syncline, docs: Path) -> None:
    syncline.add_connector("folder", {"path": str(docs)}, name="careful", guard=Guard(0, 0))
    syncline.sync("careful")
    os.unlink(docs / "beta.md")
    assert syncline.sync("careful").counters.withheld_deletes == 1
    assert "beta.md" in ids(syncline)


def test_invariant_11_two_folders_with_the_same_names_live_side_by_side(
    syncline: Syncline, docs: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(docs, tmp_path / "other" / "docs")
    syncline.sync(str(docs))
    syncline.sync(str(other))
    assert [c.name for c in syncline.connectors()] == ["docs", "docs-2"]
    assert len(syncline.search("", limit=10).hits) == 6
    assert len(syncline.search("", limit=10, filters=[Filter("connector", "eq", "docs-2")]).hits) == 3
    os.unlink(docs / "beta.md")
    syncline.sync(str(docs))
    assert len(syncline.search("", limit=10).hits) == 5
    assert syncline.remove_connector("docs-2") == 3
    assert ids(syncline) == ["alpha.md", "gamma.md"]


def test_full_reads_everything_and_rewrites_nothing(syncline: Syncline, docs: Path) -> None:
    syncline.sync(str(docs))
    assert syncline.sync(str(docs), full=True).counters.kept == 3


def test_verify_finds_damage_and_repair_mends_it(syncline: Syncline, docs: Path, state: Path) -> None:
    syncline.sync(str(docs))
    assert syncline.verify(source=True).ok
    import apsw

    truth = apsw.Connection(str(state / "indexes/default/truth.db"))
    truth.execute("update documents set body = 'tampered' where id = 'alpha.md'")
    truth.execute("delete from documents where id = 'beta.md'")
    truth.close()
    report = syncline.verify()
    assert not report.ok
    assert any("alpha.md" in problem for problem in report.problems)
    assert any("beta.md" in problem for problem in report.problems)
    assert syncline.verify(repair=True).ok
    syncline.sync(str(docs))
    report = syncline.verify(source=True)
    assert report.problems == []
    assert (report.documents, report.ledger_rows, report.searchable) == (3, 3, 3)


def test_verify_compares_with_the_source(syncline: Syncline, docs: Path) -> None:
    syncline.sync(str(docs))
    (docs / "alpha.md").write_text("changed")
    (docs / "delta.md").write_text("new")
    os.unlink(docs / "beta.md")
    report = syncline.verify(source=True)
    assert len(report.problems) == 3
    assert ids(syncline) == ["alpha.md", "beta.md", "gamma.md"]


def test_what_a_table_says_of_itself_is_no_difference(syncline: Syncline, tmp_path: Path) -> None:
    import sqlite3

    with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
        db.execute("create table products (id integer primary key, name text)")
        db.executemany("insert into products (name) values (?)", [("lamp",), ("chair",), ("table",)])
    syncline.add_connector("sqlite", {"path": str(tmp_path / "shop.db"), "table": "products"}, name="shop")
    syncline.sync("shop")
    assert syncline.plan("shop").notes
    assert syncline.verify(source=True).problems == []
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
        db.execute("update products set name = 'stool' where id = 2")
    (problem,) = syncline.verify(source=True).problems
    assert "1 documents differ: 2" in problem


def test_a_lost_text_index_is_built_again(syncline: Syncline, docs: Path, state: Path) -> None:
    syncline.sync(str(docs))
    syncline.close()
    shutil.rmtree(state / "indexes/default/text")
    with Syncline(state) as again:
        assert ids(again, "beta") == ["beta.md"]
        assert again.rebuild_index() == 3
        assert again.verify().ok


def test_the_data_directory_may_lie_inside_the_folder(docs: Path) -> None:
    with Syncline(docs / "my-state") as syncline:
        assert syncline.sync(str(docs)).counters.inserted == 3
        assert syncline.sync(str(docs)).counters.as_dict()["inserted"] == 0


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda s: s.sync("/no/such/folder"), NotFound),
        (lambda s: s.sync("nothing-of-that-name"), NotFound),
        (lambda s: s.sync(__file__), ConfigInvalid),
        (lambda s: s.job(7), NotFound),
        (lambda s: s.connector("nobody"), NotFound),
        (lambda s: s.add_connector("folder", {"path": ".", "colour": "red"}), ConfigInvalid),
        (lambda s: s.add_connector("folder", {}), ConfigInvalid),
        (lambda s: s.search("x", index="No Such Index"), UsageError),
        (lambda s: s.search("x", index="none"), NotFound),
    ],
)
def test_wrong_use_is_answered_with_an_error_that_names_a_remedy(
    syncline: Syncline, docs: Path, call: Callable[[Syncline], object], error: type[SynclineError]
) -> None:
    syncline.sync(str(docs))
    with pytest.raises(error) as caught:
        call(syncline)
    assert caught.value.message
    assert caught.value.remedy


def test_state_of_a_newer_version_is_refused_and_not_touched(state: Path, docs: Path, snapshot: Snapshot) -> None:
    with Syncline(state) as syncline:
        syncline.sync(str(docs))
    import apsw

    control = apsw.Connection(str(state / "control.db"))
    control.execute("pragma user_version = 99")
    control.close()
    before = snapshot(state)
    with Syncline(state) as syncline, pytest.raises(DataDirectoryError) as caught:
        syncline.sync(str(docs))
    assert caught.value.code == "data_dir.newer"
    assert snapshot(state) == before


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError):
        Syncline(tmp_path / "file")


def test_documents_with_principals_are_found_by_those_only(syncline: Syncline, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from syncline import Document, source\n"
        "@source('own')\n"
        "def own(config):\n"
        "    yield Document('public', text='plan for all')\n"
        "    yield Document('sales', text='plan for sales', allow=('group:sales',))\n"
        "    yield Document('not-bob', text='plan for most', allow=('group:sales',), deny=('user:bob',))\n"
    )
    syncline.add_connector(f"{tmp_path}/own.py:own", {}, name="own")
    assert syncline.sync("own").counters.inserted == 3

    def found(**reader: object) -> set[str]:
        return {hit.id for hit in syncline.search("plan", **reader).hits}  # type: ignore[arg-type]

    assert found() == {"public"}
    assert found(user="ann", groups=["sales"]) == {"public", "sales", "not-bob"}
    assert found(user="bob", groups=["sales"]) == {"public", "sales"}
    assert found(unrestricted=True) == {"public", "sales", "not-bob"}
