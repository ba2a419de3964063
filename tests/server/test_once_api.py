"""Idempotency keys: a request is done once, however often it is sent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import apsw
import pytest

from syncline.server.app import create_app
from syncline.server.house import House
from syncline.store.relational.answers import AT_WORK_S, KEEP_S, Answers
from syncline.store.sqlite.control import Control


def post(api, path, token, **more):
    return api.client.post(path, headers={"idempotency-key": token}, **more)


def test_the_same_request_again_has_the_same_answer_and_does_nothing(api):
    first = post(api, "/v1/indexes", "one", json={"name": "once"})
    again = post(api, "/v1/indexes", "one", json={"name": "once"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert "idempotent-replayed" not in first.headers


def test_another_request_under_the_same_name_is_refused(api):
    post(api, "/v1/indexes", "two", json={"name": "two"})
    for path, body in (("/v1/indexes", {"name": "three"}), ("/v1/keys", {"name": "two"})):
        answer = post(api, path, "two", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency.mismatch")


def test_refusals_are_kept_too(api):
    first = post(api, "/v1/indexes", "four", json={"name": "Not A Name"})
    again = post(api, "/v1/indexes", "four", json={"name": "Not A Name"})
    assert (first.status_code, again.status_code) == (422, 422)
    assert again.content == first.content


def test_two_keys_may_use_the_same_name(api):
    other = api.key("admin")
    post(api, "/v1/indexes", "five", json={"name": "five-a"})
    answer = api.anybody.post("/v1/indexes", json={"name": "five-b"}, headers={**other, "idempotency-key": "five"})
    assert answer.status_code == 201


@pytest.mark.parametrize("token", ["", "x" * 256, "a\tb"])
def test_a_name_that_is_none_is_refused(api, token):
    answer = post(api, "/v1/indexes", token, json={"name": "six"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency.bad_key")


def test_of_many_at_once_one_is_done(api):
    barrier = threading.Barrier(8)

    def send(_):
        barrier.wait()
        return post(api, "/v1/keys", "many", json={"name": "made once"})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert all(answer.json()["code"] == "idempotency.busy" for answer in answers if answer.status_code == 409)
    made = [key for key in api.ok("GET", "/v1/keys?limit=1000")["items"] if key["name"] == "made once"]
    assert len(made) == 1


def test_an_answer_with_a_secret_is_kept_sealed(api):
    made = post(api, "/v1/keys", "sealed", json={"name": "secret"})
    secret = made.json()["secret"]
    assert post(api, "/v1/keys", "sealed", json={"name": "secret"}).json()["secret"] == secret
    for name in ("control.db", "control.db-wal"):
        with open(f"{api.settings.data_dir}/{name}", "rb") as file:
            assert secret.encode() not in file.read()


def test_answers_survive_the_server_and_what_was_at_work_may_be_made_again(api):
    first = post(api, "/v1/indexes", "seven", json={"name": "seven"})
    with closing(Control(f"{api.settings.data_dir}/control.db")) as control:
        Answers(control).begin("root", "half", b"x" * 32, api.house.clock())
    busy = post(api, "/v1/indexes", "half", json={"name": "half"})
    assert busy.status_code == 422  # another request under that name

    house = House(api.settings)
    create_app(house)
    house.close()
    assert post(api, "/v1/indexes", "seven", json={"name": "seven"}).content == first.content
    assert post(api, "/v1/indexes", "half", json={"name": "half"}).status_code == 201


def test_answers_are_forgotten_after_a_day_and_dead_requests_earlier(tmp_path):
    control = Control(str(tmp_path / "control.db"))
    answers = Answers(control)
    assert answers.begin("k", "done", b"r", 0.0) is None
    answers.finish("k", "done", 200, {}, b"body")
    assert answers.begin("k", "dead", b"r", 0.0) is None
    assert answers.begin("k", "dead", b"r", AT_WORK_S) is not None
    assert answers.begin("k", "dead", b"r", AT_WORK_S + 1) is None
    assert answers.begin("k", "done", b"r", KEEP_S).body == b"body"
    assert answers.begin("k", "done", b"r", KEEP_S + 1) is None
    control.close()


def test_a_post_that_changes_nothing_needs_no_name(api):
    for _ in range(2):
        answer = post(api, "/v1/schedules/preview", "free", json={"expression": "0 3 * * *"})
        assert "idempotent-replayed" not in answer.headers
    db = apsw.Connection(f"{api.settings.data_dir}/control.db", flags=apsw.SQLITE_OPEN_READONLY)
    assert list(db.execute("select * from answers where token = 'free'")) == []
    db.close()
