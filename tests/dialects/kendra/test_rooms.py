"""What is quicker to bring about without a server: things being deleted, odd ids, tokens that nobody has given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.dialects.aws import Fault, Request
from syncline.dialects.kendra import functions
from syncline.dialects.kendra.ending import DATA_SOURCE, INDEX, MARK
from syncline.dialects.kendra.ground import Ground, Pages
from syncline.model.keys import Key, Scope
from syncline.server.auth import Caller
from syncline.service import connectors, indexes
from syncline.wiring import Installation


class Rooms:
    """The dialect on a data directory, without a server."""

    def __init__(self, folder: Path) -> None:
        self.installation = Installation(str(folder))
        host: Any = SimpleNamespace(
            clock=self.installation.clock, environ={}, folder_roots=(), wake=lambda: None, room=self._room
        )
        self.ground = Ground(host)
        self._functions = functions(self.ground)

    @contextmanager
    def _room(self) -> Iterator[Installation]:
        yield self.installation

    def __call__(self, operation: str, **said: Any) -> Any:
        return self._functions[operation](request(operation, **said))

    def refuses(self, code: str, operation: str, **said: Any) -> None:
        with pytest.raises(Fault) as caught:
            self(operation, **said)
        assert caught.value.code == code


def request(operation: str, **said: Any) -> Request:
    return Request(operation, said, Caller(Key("key", scopes=(Scope.ADMIN,))), "key", "eu-west-1", "id")


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    made = Rooms(tmp_path / "state")
    yield made
    made.installation.close()


def test_what_is_being_deleted_is_told_and_left_alone(rooms: Rooms) -> None:
    index = rooms("CreateIndex", Name="one", RoleArn="arn")["Id"]
    source = rooms("CreateDataSource", Name="one", IndexId=index, Type="CUSTOM")["Id"]
    both = {"Id": source, "IndexId": index}
    records = rooms.ground.records(rooms.installation)
    records.add(MARK, source, {"what": DATA_SOURCE}, 0.0, index)
    assert rooms("DescribeDataSource", **both)["Status"] == "DELETING"
    assert rooms("ListDataSources", IndexId=index)["SummaryItems"][0]["Status"] == "DELETING"
    rooms.refuses("ConflictException", "StartDataSourceSyncJob", **both)
    rooms.refuses("ConflictException", "UpdateDataSource", **both, Description="x")
    records.remove(MARK, source)
    records.add(MARK, index, {"what": INDEX}, 0.0, index)
    assert rooms("DescribeIndex", Id=index)["Status"] == "DELETING"
    rooms.refuses("ConflictException", "UpdateIndex", Id=index, Description="x")
    rooms.refuses("ConflictException", "CreateDataSource", Name="n", IndexId=index, Type="CUSTOM")
    rooms.refuses("ConflictException", "DeleteDataSource", **both)
    rooms.refuses("ConflictException", "StartDataSourceSyncJob", **both)
    rooms.refuses("ConflictException", "BatchPutDocument", IndexId=index, Documents=[{"Id": "a", "Blob": b"x"}])
    rooms.refuses("ConflictException", "BatchDeleteDocument", IndexId=index, DocumentIdList=["a"])


def test_a_connector_with_an_odd_id_goes_by_another(rooms: Rooms) -> None:
    index = rooms("CreateIndex", Name="odd", RoleArn="arn")["Id"]
    room = rooms.installation
    name = indexes.get(room, index).name
    draft = connectors.draft(room.control(), "push", {}, name="Odd. one", index=name, id="an odd.id/with $igns")
    connectors.add(room, draft)
    shown = rooms("ListDataSources", IndexId=index)["SummaryItems"][0]
    assert shown["Name"] == "Odd--one"
    assert len(shown["Id"]) == 36
    assert rooms("DescribeDataSource", Id=shown["Id"], IndexId=index)["Id"] == shown["Id"]
    rooms.refuses("ResourceNotFoundException", "DescribeDataSource", Id="Odd. one", IndexId=index)  # a name is no id
    assert rooms("StartDataSourceSyncJob", Id=shown["Id"], IndexId=index)["ExecutionId"]
    assert rooms("ListDataSourceSyncJobs", Id=shown["Id"], IndexId=index)["History"][0]["Status"] == "SYNCING"


@given(st.text(max_size=800))
def test_a_token_that_nobody_has_given_is_refused(token: str) -> None:
    with pytest.raises(Fault) as caught:
        Pages(request("ListIndices", NextToken=token), "belongs")
    assert caught.value.code == "ValidationException"


@given(st.integers(0, 2**80), st.text(), st.text())
def test_a_token_is_good_for_what_it_was_given_for(place: int, belongs: str, other: str) -> None:
    token = Pages(request("ListIndices"), belongs).token(place)
    assert len(token) <= 800
    assert Pages(request("ListIndices", NextToken=token), belongs).after == place
    if other != belongs:
        with pytest.raises(Fault):
            Pages(request("ListIndices", NextToken=token), other)
