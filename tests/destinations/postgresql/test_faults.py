"""What goes wrong between us and a database: nothing is lost, nothing written twice, and the error says what it is."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from syncline.model.documents import Document, State
from syncline.model.errors import ConfigInvalid, CredentialsInvalid, DestinationError, SynclineError
from syncline.model.jobs import JobEvent
from syncline.model.ports import Batch, Put, Ticket
from syncline.testing.destination_suite import Desk

from .conftest import Place, url_of


class Cable:
    """A socket in front of the server. When the client says `word`, the answer to it, or the rest of it, is lost, and
    the connection with it: `times` connections, those after that are left alone."""

    def __init__(self, host: str, port: int) -> None:
        self.folder = tempfile.mkdtemp(prefix="cable", dir="/tmp")
        self.word, self.times, self.forward, self.cuts = b"", 0, True, 0
        self._there = (f"{host}/.s.PGSQL.{port}", socket.AF_UNIX) if host.startswith("/") else ((host, port), None)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(f"{self.folder}/.s.PGSQL.{port}")
        self._listening.listen(50)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, word: bytes, *, forward: bool, times: int = 1) -> None:
        """`forward`: the server hears the word, and nobody hears the server."""
        self.word, self.forward, self.times = word, forward, times

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            address, family = self._there
            server = socket.socket(family or socket.AF_INET, socket.SOCK_STREAM)
            server.connect(address)
            cut = threading.Event()
            threading.Thread(target=self._pass, args=(client, server, True, cut), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, False, cut), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, from_client: bool, cut: threading.Event) -> None:
        try:
            while data := source.recv(1 << 16):
                if from_client and self.times and self.word in data:
                    self.times -= 1
                    self.cuts += 1
                    cut.set()
                    if self.forward:
                        target.sendall(data)
                        time.sleep(0.05)  # it has been done by then, or is done in any case
                    break
                if cut.is_set():
                    break
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # closing alone does not wake whoever reads it
            one.close()

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def cable(place: Place) -> Iterator[Cable]:
    made = Cable(place.server.given["host"], place.server.given["port"])
    yield made
    made.close()


class Lab:
    """What `Desk` needs of a lab: indexes of a place."""

    searches = True

    def __init__(self, place: Place, **settings: Any) -> None:
        self.place, self.settings = place, settings

    def index(self, crash: Any = None) -> Any:
        return self.place.index(**self.settings)


@pytest.fixture
def desk_of(place: Place) -> Callable[..., Desk]:
    def make(**settings: Any) -> Desk:
        desk = Desk(Lab(place, **settings))  # type: ignore[arg-type]
        desk.source.page_size = 100
        for n in range(20):
            desk.source.put(f"d{n:02}", f"text {n}")
        return desk

    return make


def code_of(ending: Any) -> str:
    return ending.error.code if ending.error is not None else ""


def test_an_answer_that_is_lost_is_asked_for_again(place: Place, cable: Cable, desk_of: Any) -> None:
    desk = desk_of(url=url_of(place.server.given, host=cable.folder))
    desk.run()
    desk.source.put("d00", "edited")
    desk.source.remove("d01")
    cable.cut_at(b"COMMIT", forward=True, times=2)
    ending = desk.run()
    assert (ending.event, ending.counters.updated, ending.counters.deleted) == (JobEvent.FINISH, 1, 1)
    assert cable.cuts == 2
    assert place.slept
    assert desk.agrees()


def test_invariants_01_07_a_connection_that_stays_lost_ends_the_job_and_the_next_one_mends_it(
    place: Place, cable: Cable, desk_of: Any
) -> None:
    desk = desk_of(url=url_of(place.server.given, host=cable.folder))
    desk.run()
    desk.source.put("d00", "edited")
    desk.source.put("new", "new")
    cable.cut_at(b"COMMIT", forward=True, times=1000)
    desk.index = desk.lab.index()
    cable.times = 0
    begun = desk.index
    real = begun.destination.write

    def write(*given: Any) -> None:
        cable.times = 1000
        real(*given)

    begun.destination.write = write
    ending = desk.run()
    assert (ending.event, code_of(ending)) == (JobEvent.FAIL, "destination.connection_lost")
    rows = begun.held(1, ["d00", "new", "d05"])
    assert rows["d00"].fingerprint == b""  # not settled: nobody knows what is there
    assert rows["new"].state == State.FAILED
    assert rows["d05"].fingerprint != b""
    cable.times = 0
    desk.source.remove("new")  # what may have been written of it must go
    desk.reopen()
    assert desk.run().event is JobEvent.FINISH
    assert desk.agrees()
    assert desk.run().counters.changed == 0


def test_a_connection_lost_in_the_middle_of_a_copy_is_taken_up_again(place: Place, cable: Cable, desk_of: Any) -> None:
    desk = desk_of(url=url_of(place.server.given, host=cable.folder))
    desk.source.put("long", "x" * 300_000 + "HERE" + "y" * 300_000)
    cable.cut_at(b"xHEREy", forward=False)
    assert desk.run().event is JobEvent.FINISH
    assert cable.cuts == 1
    assert desk.agrees()


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_a_transaction_that_the_server_gives_up_is_done_again(place: Place, desk_of: Any, state: str) -> None:
    desk = desk_of()
    desk.ticket()
    trigger(place, state, until=2)
    assert desk.run().event is JobEvent.FINISH
    assert len(place.slept) == 2
    assert desk.agrees()


@pytest.mark.parametrize(
    ("state", "code"),
    [("53100", "destination.full"), ("40P01", "destination.conflict"), ("57014", "destination.cancelled")],
)
def test_invariant_07_what_cannot_be_written_fails_the_job_and_is_written_by_the_next(
    place: Place, desk_of: Any, state: str, code: str
) -> None:
    desk = desk_of()
    desk.ticket()
    trigger(place, state, until=1_000_000)
    ending = desk.run()
    assert (ending.event, code_of(ending)) == (JobEvent.FAIL, code)
    assert place.rows() == []
    place.admin.execute(f"drop trigger fault on {place.table}")
    assert desk.run().event is JobEvent.FINISH
    assert desk.agrees()


def trigger(place: Place, state: str, until: int) -> None:
    """The first `until` inserts fail with that SQLSTATE. A sequence counts them: it is not rolled back."""
    schema = place.schema
    place.admin.execute(
        f"create sequence {schema}.tries;"
        f"create function {schema}.fault() returns trigger language plpgsql as $$ begin"
        f" if nextval('{schema}.tries') <= {until} then raise exception 'made up' using errcode = '{state}'; end if;"
        " return null; end $$;"
        f"create trigger fault before insert on {place.table} for each statement execute function {schema}.fault()"
    )


def test_a_lost_permission_is_told_and_nothing_is_believed(place: Place, desk_of: Any) -> None:
    user = place.server.name("writer")
    place.admin.execute(f"create user {user}; grant all on schema {place.schema} to {user}")
    try:
        desk = desk_of(url=url_of(place.server.given, user=user, password=None))
        desk.run()
        place.admin.execute(f"alter table {place.table} owner to postgres; grant select on {place.table} to {user}")
        desk.source.put("d00", "edited")
        ending = desk.run()
        assert (ending.event, code_of(ending)) == (JobEvent.FAIL, "destination.permission_denied")
        with pytest.raises(DestinationError) as error:
            desk.index.destination.check()
        assert error.value.code == "destination.permission_denied"
        place.admin.execute(f"grant all on {place.table} to {user}")
        assert desk.run().counters.updated == 1
        assert desk.agrees()
    finally:
        place.admin.execute(f"drop owned by {user}; drop user {user}")


def test_a_table_dropped_between_jobs_is_told_and_never_filled_by_half(place: Place, desk_of: Any) -> None:
    desk = desk_of()
    desk.run()
    place.admin.execute(f"drop table {place.table}")
    ending = desk.run()
    assert (ending.event, code_of(ending)) == (JobEvent.FAIL, "destination.table_missing")
    assert desk.everything() == {}
    other = Ticket(2, 99, 99)
    desk.index.begin(other)  # another connector, which has nothing there, may have it made anew ...
    assert place.rows() == []
    ending = desk.run()  # ... and this one still knows that its documents are gone
    assert code_of(ending) == "destination.elsewhere"


def test_a_table_dropped_during_a_job_is_told(place: Place, desk_of: Any) -> None:
    desk = desk_of()
    desk.run()
    ticket = desk.ticket()
    place.admin.execute(f"drop table {place.table}")
    with pytest.raises(DestinationError) as error:
        desk.index.commit(ticket, Batch(puts=[Put(Document("x", text="x"), b"f", None)], recipe="r"))
    assert error.value.code == "destination.table_missing"


def test_a_column_that_is_dropped_during_a_job_is_told_and_seen_at_the_next_begin(place: Place, desk_of: Any) -> None:
    desk = desk_of()
    desk.run()
    ticket = desk.ticket()
    place.admin.execute(f"alter table {place.table} drop column url")
    with pytest.raises(DestinationError) as error:
        desk.index.commit(ticket, Batch(puts=[Put(Document("x", text="x"), b"f", None)], recipe="r"))
    assert error.value.code == "destination.table_changed"
    ending = desk.run()
    assert code_of(ending) == "destination.table_unfit"
    assert "url: missing" in ending.error.message
    place.admin.execute(f"alter table {place.table} add column url text not null default ''")
    assert desk.run().event is JobEvent.FINISH
    assert desk.agrees()


def test_a_table_that_is_held_is_waited_for_and_then_told(place: Place, desk_of: Any) -> None:
    desk = desk_of(lock_timeout_s=0.2)
    desk.run()
    desk.source.put("d00", "edited")
    other = place.server.connect()
    other.execute(f"begin; lock table {place.table} in access exclusive mode")
    assert code_of(desk.run()) == "destination.locked"
    other.execute("rollback")
    assert desk.run().counters.updated == 1
    assert desk.agrees()


def test_another_database_is_noticed(place: Place, desk_of: Any) -> None:
    desk = desk_of()
    desk.run()
    place.admin.execute(f"truncate {place.schema}.syncline_writers")
    assert code_of(desk.run()) == "destination.elsewhere"


def test_no_server_and_no_login_are_told_without_the_url(place: Place, tmp_path: Path) -> None:
    away = place.destination(url="postgresql://me:secretword@127.0.0.1:1/db", connect_timeout_s=1)
    with pytest.raises(DestinationError) as error:
        away.check()
    assert error.value.code == "destination.unreachable"
    assert "secretword" not in str(error.value.as_dict())
    nobody = place.destination(url=url_of(place.server.given, database="nowhere"))
    with pytest.raises(ConfigInvalid) as none:
        nobody.check()
    assert none.value.code == "destination.no_database"
    stranger = place.destination(url=url_of(place.server.given, user="stranger"))
    with pytest.raises((CredentialsInvalid, SynclineError)) as refused:
        stranger.check()
    assert refused.value.code == "credentials.invalid"


def test_two_indexes_cannot_write_to_one_table(place: Place) -> None:
    place.index("one").begin(Ticket(1, 1, 1))
    with pytest.raises(ConfigInvalid) as error:
        place.index("two").begin(Ticket(1, 1, 1))
    assert error.value.code == "destination.table_taken"
    one = place.destination(index="one")
    one.drop(None)
    place.index("two").begin(Ticket(1, 1, 1))


def test_a_table_with_rows_of_somebody_else_is_left_alone(place: Place) -> None:
    place.index("one").begin(Ticket(1, 1, 1))
    place.admin.execute(f"drop table {place.schema}.syncline_writers")
    place.admin.execute(
        f"insert into {place.table} (connector, id, title, body, metadata, url, media_type, allow, deny, checksum,"
        " written) values (1, 'mine', '', '', '{}', '', '', '{}', '{}', 0, 0)"
    )
    with pytest.raises(ConfigInvalid) as error:
        place.index("two").begin(Ticket(1, 1, 1))
    assert error.value.code == "destination.table_in_use"
    assert place.rows("id") == [("mine",)]
