"""Secrets from outside are shown nowhere, and lie nowhere in clear (invariant 12)."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from tests.leaks import files_with

from syncline.cli.root import run
from syncline.service.declaration.files import DeclarationInvalid

CANARIES = {
    "TOKEN": "canary-token-41c7",
    "PASSWORD": "canary-password-9b02",
    "HOOK": "whsec_" + base64.b64encode(b"canary-hook-secret-5e1f-a").decode(),
    "OUT": "whsec_" + base64.b64encode(b"canary-outgoing-secret-77").decode(),
    "TEXT": "canary-in-a-description",
}
NEVER_STORED = {name: value for name, value in CANARIES.items() if name != "TEXT"}

TEXT = """\
version: 1
connectors:
  tickets:
    kind: {kind}
    description: ${{TEXT}}
    settings:
      project: XY
      token: ${{TOKEN}}
      logins:
        - {{user: ann, password: "${{file:password}}"}}
    triggers:
      - webhook: {{secret: "${{HOOK}}"}}
webhooks:
  - url: https://93.184.216.34/hook
    secret: ${{OUT}}
"""
WRONG = """\
version: 1
connectors:
  tickets:
    kind: {kind}
    index: ${{TOKEN}}
    paused: ${{TOKEN}}
    guard: {{max_deletes: "${{TOKEN}}", max_percent: "${{HOOK}}"}}
    settings: {{project: XY, token: ["${{TOKEN}}"], limit: "${{PASSWORD}}", logins: "${{TOKEN}}", nonsense: "${{OUT}}"}}
    schedule: {{cron: "${{TOKEN}}", zone: "${{TOKEN}}", jitter: "${{TOKEN}}", type: "${{HOOK}}", dialect: "${{OUT}}"}}
    triggers: [{{after: "${{TOKEN}}"}}, {{webhook: {{secret: "${{PASSWORD}}"}}}}, {{watch: {{settle: "${{OUT}}"}}}}]
  other:
    kind: ${{PASSWORD}}
webhooks:
  - {{url: "${{TOKEN}}", secret: "${{PASSWORD}}", types: ["${{TOKEN}}"], connectors: ["${{PASSWORD}}"]}}
  - {{url: "https://${{TOKEN}}@x.example/", secret: "${{TOKEN}}", enabled: "${{TOKEN}}"}}
"""


@pytest.fixture
def outside(place, monkeypatch, request):
    """The canaries in the environment and in a file, and the kind that has secrets."""
    (place.folder / "password").write_text(CANARIES["PASSWORD"] + "\n")
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SYNCLINE_DATA_DIR", str(place.folder / "data"))
    monkeypatch.chdir(place.folder)
    return f"{request.path.parent}/tickets.py:tickets"


def go(capfd, *args: str) -> str:
    """Everything that a run of the command writes, with its exit code."""
    code = run(["apply", *args])
    return "\n".join([f"exit {code}", *capfd.readouterr()])


def clear(text: str, canaries=CANARIES) -> list[str]:
    return [name for name, value in canaries.items() if value in text or value.removeprefix("whsec_") in text]


@pytest.mark.parametrize("form", ["--json", "--human"])
def test_no_output_shows_one(place, outside, capfd, form, monkeypatch):
    place.file.write_text(TEXT.format(kind=outside))
    told = [go(capfd, "-n", form), go(capfd, form), go(capfd, form)]
    monkeypatch.setenv("TOKEN", "canary-token-changed")
    monkeypatch.setenv("TEXT", "another text")
    monkeypatch.setenv("OUT", CANARIES["HOOK"])
    place.file.write_text(TEXT.format(kind=outside).replace("ann", "bob"))
    told += [go(capfd, "-n", form), go(capfd, form), go(capfd, form, "--export"), go(capfd, "--schema")]
    assert [line for text in told for line in text.splitlines() if line.startswith("exit ")] == ["exit 0"] * len(told)
    assert "(secret changed)" in told[4]
    # A description is shown by every listing; once it stands, an export may show it, too.
    assert clear("\n".join(told)) == []
    assert "canary-token-changed" not in "\n".join(told)


def test_nothing_in_the_data_directory_holds_one(place, outside, capfd):
    place.file.write_text(TEXT.format(kind=outside))
    go(capfd, "--human")
    assert (place.folder / "data" / "control.db").is_file()
    spellings = [value.removeprefix("whsec_") for value in NEVER_STORED.values()]
    assert files_with(place.folder / "data", *spellings) == []


def test_no_error_shows_one(place, outside, capfd):
    place.file.write_text(WRONG.format(kind=outside))
    told = go(capfd, "--human", "--debug") + go(capfd, "--json")
    assert told.count("exit 2") == 2
    assert clear(told) == []
    lines = {line.partition(": ")[0].split(":", 3)[-1] for line in told.splitlines() if "syncline.yaml:" in line}
    assert len(lines) > 8


def test_neither_does_an_error_of_the_settings(place, outside, capfd):
    text = TEXT.format(kind=outside).replace("project: XY", "project: ${TOKEN}\n      limit: ${TOKEN}")
    place.file.write_text(text.replace("{user: ann,", "{user: ['${TOKEN}'],"))
    told = go(capfd, "--human", "--debug") + go(capfd, "--json")
    assert clear(told) == []
    assert "limit: is not accepted; its value comes from ${TOKEN}" in told


def test_neither_does_a_step_that_fails(place, outside, capfd, monkeypatch):
    monkeypatch.setenv("HOST", "canary-host.invalid")
    place.file.write_text("version: 1\nwebhooks: [{url: 'https://${HOST}/x'}]")
    told = go(capfd, "--human", "--debug") + go(capfd, "--json")
    assert told.count("exit 1") == 2
    assert "canary-host" not in told


def test_an_unset_variable_is_named_and_nothing_else_is_shown(place, outside):
    place.environ = dict(CANARIES)
    del place.environ["OUT"]
    with pytest.raises(DeclarationInvalid) as caught:
        place.plan(TEXT.format(kind=outside))
    assert [fault["path"] for fault in caught.value.details["faults"]] == ["webhooks[0].secret"]
    assert clear(json.dumps(caught.value.as_dict())) == []


def test_secrets_that_cannot_be_read_any_more_are_set_again(place, outside):
    place.environ = dict(os.environ)
    text = TEXT.format(kind=outside)
    place.apply(text)
    (Path(place.installation.data_dir) / "secret.key").unlink()
    applied = place.apply(text)
    assert applied.ok
    shown = [each for change in applied.plan.steps for each in change.fields]
    assert {each.new for each in shown} == {"(secret changed)", "${file:password}"}
    assert place.apply(text).done == []
    assert place.state()["connector", ("tickets",)]["settings.token"] == CANARIES["TOKEN"]
