"""Server-sent events: what happens, as it happens; nothing durable is missed by whoever comes back."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress

import httpx
import pytest
from tests.server.frames import parse_frames

from syncline.server.live import EventStream, Listener, Look, Tail, Wish


@pytest.fixture(scope="module")
def live(api):
    api.push_connector("live", "live")
    api.push_connector("other", "other")
    return api


def sync(api, name="live", n=1):
    body = {"documents": [{"id": f"d{time.monotonic_ns()}-{k}", "text": "text"} for k in range(n)]}
    job = api.ok("POST", f"/v1/connectors/{name}/documents", 202, json=body)["job"]
    return api.ended(job["id"])


def whole(api, path, **headers):
    """Everything of a stream that comes to its end."""
    with api.client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return parse_frames("".join(answer.iter_text()))


class Ears:
    """Listens in a thread, until the server or the client ends."""

    def __init__(self, api, path, headers=None):
        self.frames, self.opened = [], threading.Event()
        self._api, self._path, self._headers = api, path, headers
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self.opened.wait(60)

    def _run(self):
        with suppress(httpx.TransportError):
            self._listen()

    def _listen(self):
        client = self._api.anybody if self._headers else self._api.client
        text = ""
        with client.stream("GET", self._path, headers=self._headers) as answer:
            for part in answer.iter_text():
                text += part
                done, _, text = text.rpartition("\n\n")
                self.frames += parse_frames(done)
                self.opened.set()

    def types(self):
        return [frame["event"] for frame in self.frames]


def test_the_stream_of_a_job_tells_its_whole_story_and_ends(live):
    job = sync(live)
    frames = whole(live, f"/v1/jobs/{job['number']}/events")
    durable = [frame for frame in frames if frame["id"]]
    assert [frame["event"] for frame in durable] == ["job.pending", "job.running", "job.succeeded"]
    assert [frame["data"]["job"] for frame in durable] == [job["number"]] * 3
    assert frames[-1] is durable[-1]
    assert frames[-1]["data"]["data"]["state"] == "succeeded"


def test_whoever_comes_back_hears_only_what_came_after(live):
    job = sync(live)
    path = f"/v1/jobs/{job['number']}/events"
    first, *rest = [frame for frame in whole(live, path) if frame["id"]]
    again = [frame for frame in whole(live, path, **{"last-event-id": first["id"]}) if frame["id"]]
    assert again == rest


def test_a_listener_hears_jobs_as_they_go_and_in_order(live, wait_until):
    ears = Ears(live, "/v1/events?connector=live")
    job = sync(live)
    wait_until(lambda: "job.succeeded" in ears.types())
    told = [frame for frame in ears.frames if frame["id"]]
    assert [frame["event"] for frame in told] == ["job.pending", "job.running", "job.succeeded"]
    assert {frame["data"]["job"] for frame in told} == {job["number"]}
    assert told == sorted(told, key=lambda frame: int(frame["id"]))


def test_nothing_durable_is_missed_between_two_visits(live):
    newest = live.ok("GET", "/v1/jobs?limit=1")["items"][0]["number"]
    with live.house.room() as room:
        mark = room.control().newest_event()
    jobs = [sync(live)["number"] for _ in range(5)]
    assert jobs[0] > newest
    heard, text = [], ""
    with live.client.stream("GET", "/v1/events", headers={"last-event-id": str(mark)}) as answer:
        for part in answer.iter_text():
            text += part
            heard = [frame for frame in parse_frames(text.rpartition("\n\n")[0]) if frame["id"]]
            if [frame["event"] for frame in heard].count("job.succeeded") == 5:
                break
    assert [int(frame["id"]) for frame in heard] == list(range(mark + 1, mark + 16))
    assert [frame["data"]["job"] for frame in heard if frame["event"] == "job.succeeded"] == jobs


def test_a_bound_key_hears_of_its_indexes_only(live, wait_until):
    ears = Ears(live, "/v1/events", live.key("read", indexes=["other"]))
    sync(live, "live")
    sync(live, "other")
    wait_until(lambda: "job.succeeded" in ears.types())
    assert {frame["data"]["index"] for frame in ears.frames} == {"other"}
    headers = live.key("read", indexes=["other"])
    job = live.ok("GET", "/v1/jobs?index=live&limit=1")["items"][0]
    assert live.anybody.get(f"/v1/jobs/{job['number']}/events", headers=headers).status_code == 404


def test_types_may_be_chosen(live, wait_until):
    ears = Ears(live, "/v1/events?type=job.succeeded&type=job.failed")
    sync(live)
    wait_until(lambda: ears.frames)
    assert set(ears.types()) == {"job.succeeded"}


def test_progress_is_told_while_a_job_runs(live, wait_until):
    from syncline import Syncline

    source = live.home / "steady_source.py"
    source.write_text(
        "import time\nfrom syncline import Document, source\n\n"
        "@source('steady')\ndef steady(config):\n"
        "    for n in range(100_000):\n        time.sleep(0.01)\n        yield Document(f'd{n}', text=f'text {n}')\n"
    )
    with Syncline(live.settings.data_dir) as beside:
        beside.add_connector(f"{source}:steady", {}, name="steady", index="steady")
    ears = Ears(live, "/v1/events?connector=steady")
    job = live.ok("POST", "/v1/connectors/steady/sync", 202)["job"]
    shown = lambda: [f["data"]["progress"] for f in ears.frames if f["event"] == "progress" and f["data"]["progress"]]  # noqa: E731
    wait_until(lambda: len(shown()) >= 3)
    live.ok("POST", f"/v1/jobs/{job['id']}/stop", 202)
    live.ended(job["id"])
    wait_until(lambda: "job.stopped" in ears.types())
    written = [progress["inserted"] for progress in shown()]
    assert written == sorted(written)
    assert {"stage", "rate", "eta_s", "inserted"} <= set(shown()[0])


def test_nobody_listening_costs_nothing(live, wait_until):
    tail = Tail(live.house)
    loop = asyncio.new_event_loop()
    bell = asyncio.Event()
    tail.join(bell, loop)
    assert tail.at_work
    tail.leave(bell)
    wait_until(lambda: not tail.at_work)
    loop.close()


def test_a_listener_that_takes_nothing_is_let_go_and_disturbs_nobody(live, wait_until):
    host, port = live.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        secret = live.client.headers["authorization"]
        wire.sendall(f"GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: {secret}\r\n\r\n".encode())
        ears = Ears(live, "/v1/events?connector=live")
        sync(live)
        wait_until(lambda: "job.succeeded" in ears.types())


def test_sending_is_given_up_when_it_takes_too_long(live):
    async def stuck(message):
        if message["type"] == "http.response.body":
            await asyncio.sleep(3600)

    async def never():
        await asyncio.sleep(3600)

    async def run():
        stream = EventStream(live.house, Tail(live.house), Wish(), send_s=0.05)
        await asyncio.wait_for(stream({}, never, stuck), 60)

    asyncio.run(run())


class Quiet:
    """Never has anything to hear."""

    def glance(self, news):
        return Look()


def test_a_heartbeat_comes_when_nothing_else_does(live):
    sent = []

    async def run():
        gone = asyncio.Event()

        async def send(message):
            sent.append(message.get("body", b""))
            if sent.count(b": still here\n\n") == 3:
                gone.set()

        async def receive():
            await gone.wait()
            return {"type": "http.disconnect"}

        stream = EventStream(live.house, Tail(live.house), Wish(), heartbeat_s=0.01)
        stream._listener = Quiet()
        await asyncio.wait_for(stream({}, receive, send), 60)

    asyncio.run(run())
    assert sent.count(b": still here\n\n") >= 3


def test_many_listeners_read_the_table_once(live, wait_until, remark):
    """They are all told by the one who reads, however many they are."""
    looked, told = [], []

    class Counted(Listener):
        def look(self):
            looked.append(self)
            return super().look()

    async def run(jobs):
        tail, done = Tail(live.house), asyncio.Event()

        async def listen():
            stream = EventStream(live.house, tail, Wish())
            stream._listener = Counted(live.house, Wish())
            ends = 0

            async def send(message):
                nonlocal ends
                ends += message.get("body", b"").count(b"event: job.succeeded")
                if ends >= jobs:
                    told.append(ends)

            async def receive():
                await done.wait()
                return {"type": "http.disconnect"}

            await stream({}, receive, send)

        listeners = [asyncio.ensure_future(listen()) for _ in range(200)]
        while len(looked) < 200 or tail.news is None:
            await asyncio.sleep(0.01)
        for _ in range(jobs):
            await asyncio.to_thread(sync, live)
        while len(told) < 200:
            await asyncio.sleep(0.01)
        done.set()
        await asyncio.gather(*listeners)

    asyncio.run(asyncio.wait_for(run(3), 120))
    remark(f"live: 200 listeners, 3 jobs, {len(looked)} reads by listeners")
    assert len(looked) < 200 * 3


def test_a_job_that_ended_long_ago_is_told_of_without_its_events(live):
    job = sync(live)
    with live.house.room() as room:
        control = room.control()
        with control.writing("forget"):
            control.db.execute("delete from events where job = ?", (job["number"],))
    frames = whole(live, f"/v1/jobs/{job['number']}/events")
    assert [(frame["event"], frame["data"]["state"]) for frame in frames] == [("progress", "succeeded")]


def test_events_that_are_not_kept_any_more_leave_a_gap_that_is_told(live):
    for _ in range(2):
        sync(live)
    with live.house.room() as room:
        control = room.control()
        newest = control.newest_event()
        control.forget_events(keep=2)
        frames = parse_frames(b"".join(Listener(live.house, Wish(after=1)).look().frames).decode())
    assert (frames[0]["event"], frames[0]["data"]["after"]) == ("gap", 1)
    assert frames[0]["data"]["before"] == newest - 1
