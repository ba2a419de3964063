"""Secrets: sealed where they are kept, asterisks where they are shown, and kept when asterisks come back."""

from __future__ import annotations

import json
from pathlib import Path

from tests.dialects.elastic.connector_labs import Lab, refused
from tests.leaks import files_with

from syncline.dialects.elastic import sealing
from syncline.dialects.elastic.books import Books
from syncline.service.rotation import rotate
from syncline.wiring import Installation

SECRET = "C4NARY-of-elastic"
FIELDS = {
    "user": {"label": "User", "type": "str", "value": "me"},
    "password": {"label": "Password", "type": "str", "sensitive": True, "value": SECRET},
}


def held(lab: Lab, id: str, *, worker: bool = True) -> str:
    """The password as a worker reads it from the system index."""

    def look(books: Books) -> str:
        found = Books(books.host, books.room, None, worker=worker).connector(id)
        assert found is not None
        return str(found.source["configuration"]["password"]["value"])

    return str(lab.books(look))


def test_a_sensitive_value_is_never_shown(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_configuration(connector_id=id, configuration=FIELDS)
    job = lab.posted(id)
    answers = (
        lab.doc(id), lab.job(job), lab.api.list(connector_name=id).body, lab.api.sync_job_list(connector_id=id).body,
    )  # fmt: skip
    assert SECRET not in json.dumps(answers)
    assert lab.doc(id)["configuration"]["password"]["value"] == "********"
    assert lab.job(job)["connector"]["configuration"]["password"]["value"] == "********"
    assert held(lab, id) == SECRET
    assert held(lab, id, worker=False) == "********"


def test_asterisks_keep_the_secret(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_configuration(connector_id=id, configuration=FIELDS)
    shown = lab.doc(id)["configuration"]
    assert lab.api.update_configuration(connector_id=id, configuration=shown)["result"] == "noop"
    lab.api.update_configuration(connector_id=id, values={"user": "you", "password": "********"})
    assert held(lab, id) == SECRET
    lab.api.update_configuration(connector_id=id, values={"password": "another"})
    assert held(lab, id) == "another"
    lab.api.update_configuration(connector_id=id, values={"password": ""})
    assert held(lab, id) == ""
    refused(lambda: lab.api.update_configuration(connector_id=id, values={"password": "********"}), 400)


def test_nothing_passes_itself_off_as_sealed(lab: Lab) -> None:
    id = lab.connector()
    for value in ({"$sealed": "v1:AAAA"}, {"deep": {"$sealed": "x"}}):
        field = {"label": "A", "value": value}
        answer = lab.raw.put(f"/_connector/{id}/_configuration", json={"configuration": {"a": field}})
        assert answer.status_code == 400
    assert lab.doc(id)["configuration"] == {}


def test_no_secret_is_in_a_file_or_the_log(lab: Lab) -> None:
    id = lab.connector()
    lab.api.update_configuration(connector_id=id, configuration=FIELDS)
    lab.posted(id)
    lab.raw.post("/_connector/_secret", json={"value": SECRET}).raise_for_status()
    assert files_with(lab.home / "state", SECRET) == []
    assert SECRET not in lab.served.errors


def test_secrets_of_workers(lab: Lab) -> None:
    """The four calls that Elastic's client has no method for, made with its transport."""
    headers = {"accept": "application/json", "content-type": "application/json"}

    def ask(method: str, path: str, body: object = None) -> object:
        return lab.es.perform_request(method, f"/_connector/_secret{path}", headers=headers, body=body).body

    made = ask("POST", "", {"value": SECRET})
    assert isinstance(made, dict)
    id = made["id"]
    assert ask("GET", f"/{id}") == {"id": id, "value": SECRET}
    assert ask("PUT", f"/{id}", {"value": "another"}) == {"result": "updated"}
    own = lab.name("secret")
    assert ask("PUT", f"/{own}", {"value": "x"}) == {"result": "created"}
    assert ask("DELETE", f"/{id}") == {"deleted": True}
    refused(lambda: ask("GET", f"/{id}"), 404, "resource_not_found_exception")
    refused(lambda: ask("DELETE", f"/{id}"), 404, "resource_not_found_exception")
    for body in ({"value": None}, {}, {"value": ""}):
        refused(lambda: ask("POST", "", body), 400)  # noqa: B023
    refused(lambda: ask("POST", "", {"value": 5}), 400)


def test_secrets_outlive_a_rotation_of_their_key(tmp_path: Path) -> None:
    here = Installation(str(tmp_path / "state"))
    here.control()
    lab = Lab(tmp_path)
    try:
        id = lab.connector()
        lab.api.update_configuration(connector_id=id, configuration=FIELDS)
        before = here.control().db.execute("select body from records where kind = 'connector'").fetchone()[0]
        rotate(here, pause=lambda: None)
        after = here.control().db.execute("select body from records where kind = 'connector'").fetchone()[0]
        assert sealing.holds_sealed(json.loads(after))
        assert after != before
        assert held(lab, id) == SECRET
        assert lab.api.update_configuration(connector_id=id, values={"user": "you"})["result"] == "updated"
    finally:
        lab.close()
        here.close()
