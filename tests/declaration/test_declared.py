"""What is wrong with a declaration is told all at once, each with its place and a remedy."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from syncline.service.declaration.declared import Declared, understood
from syncline.service.declaration.files import DeclarationInvalid, read_bytes
from syncline.service.declaration.shape import seconds, spelled

HERE = Path(__file__).parent


def declared(text: str, folder: str = "/srv/etc", **environ: str) -> Declared:
    return understood(read_bytes(dedent(text).encode(), "f.yaml", folder), environ)


def faults(text: str, **environ: str) -> list[str]:
    with pytest.raises(DeclarationInvalid) as caught:
        declared(text, **environ)
    head, *lines = caught.value.message.splitlines()
    assert head.startswith("f.yaml is wrong")
    assert len(caught.value.details["faults"]) == len(lines)
    return [re.sub("Use one of .*?, or", "Use one of …, or", line.removeprefix("f.yaml:")) for line in lines]


def test_several_faults_are_told_at_once_in_the_order_of_the_file():
    assert faults(
        """\
        versoin: 1
        connectors:
          a:
            kind: folder
            shedule: x
            guard: {max_deletes: -1, max_percent: 300}
            settings: {path: 5}
          b:
            schedule: {cron: "@daily", jitter: 5x}
            triggers: [{aftr: x}]
        webhooks:
          - {url: x, types: [job.fail]}
        """
    ) == [
        "1:1 version: is missing. Write `version: 1` at the top of the file.",
        "1:1 versoin: is not known here. Did you mean 'version'?",
        "5:5 connectors.a.shedule: is not known here. Did you mean 'schedule'?",
        "6:26 connectors.a.guard.max_deletes: must be at least 0",
        "6:43 connectors.a.guard.max_percent: must be at most 100",
        "9:5 connectors.b.kind: is missing",
        "9:40 connectors.b.schedule.jitter: must be a length of time. Write it like 500ms, 30s, 5m, 2h or 1d.",
        "10:17 connectors.b.triggers[0].aftr: is not known here. Did you mean 'after'?",
        "12:22 webhooks[0].types[0]: must be 'job.pending', 'job.running', 'job.stopping', 'job.suspended', "
        "'job.succeeded', 'job.incomplete', 'job.failed', 'job.stopped', 'deletions.withheld', 'credentials.needed' "
        "or 'schedule.skipped'",
    ]


def test_so_is_what_only_the_services_know():
    assert faults(
        """\
        version: 1
        indexes: {Upper: }
        connectors:
          a:
            kind: folder
            settings: {path: docs, includ: [x], gitignore: maybe, max_file_bytes: 0, exclude: [""]}
            schedule: 0 3 * *
            triggers: [{after: b}]
          b: {kind: foldr, triggers: [{after: {connector: a}}, {watch: , after: c}, enabled: no]}
          c: {kind: folder, schedule: ["@daily", {cron: "@daily", zone: Mars}, {cron: "@daily", name: "2"}]}
          d: {kind: ./nope.py:x}
          e: {kind: push, triggers: [watch, {webhook: {secret: x}}]}
        webhooks: [{url: "ftp://x"}, {url: "https://a.example", secret: no}, {url: "https://A.example/"}]
        """
    ) == [
        "2:11 indexes.Upper: 'Upper' cannot be the name of an index. Use lower-case letters, digits, - and _, at most "
        "63 of them.",
        "6:28 connectors.a.settings.includ: is not a setting. Did you mean 'include'?",
        "6:52 connectors.a.settings.gitignore: must be true or false, not 'maybe'",
        "6:75 connectors.a.settings.max_file_bytes: must be at least 1, not 0",
        "6:87 connectors.a.settings.exclude: '' matches nothing: it is empty",
        "7:15 connectors.a.schedule.cron: schedule '0 3 * *': 4 fields are no schedule. Write it as one of "
        '"30 2 * * MON-FRI", "0 30 2 ? * MON-FRI", "cron(30 2 ? * MON-FRI *)", "rate(5 minutes)" or '
        '"at(2026-12-24T18:00:00)".',
        "8:15 connectors.a.triggers: runs in a circle: a → b → a. Break it in one place.",
        "9:13 connectors.b.kind: there is no source kind 'foldr'; did you mean 'folder'? Use one of …, or name "
        "your own: my_module:tickets or ./my_source.py:tickets.",
        "9:56 connectors.b.triggers[1]: says watch and after. Say exactly one of watch, after and webhook; begin each "
        "with a dash.",
        "9:77 connectors.b.triggers[2]: says nothing. Say exactly one of watch, after and webhook; begin each with a "
        "dash.",
        "10:6 connectors.c.settings: the setting 'path' is missing",
        "10:65 connectors.c.schedule[1].zone: zone: there is no time zone named 'Mars'. Name it as the IANA database "
        'does: "UTC", "Europe/Berlin", "America/New_York".',
        "10:95 connectors.c.schedule[2].name: another schedule of this connector is called '2'. Choose another.",
        "11:13 connectors.d.kind: there is no file /srv/etc/nope.py",
        "12:30 connectors.e.triggers[0].watch: only folders can be watched. Give the connector a schedule, or a "
        "webhook trigger.",
        "12:56 connectors.e.triggers[1].webhook.secret: the signing secret is malformed. Give whsec_ and the base64 of "
        "24 to 64 random bytes.",
        "13:18 webhooks[0].url: the URL cannot be called: only http and https can be called. Give a plain URL such as "
        "https://example.com/hook.",
        "13:65 webhooks[1].secret: the signing secret is malformed. Give whsec_ and the base64 of 24 to 64 random "
        "bytes.",
        "13:76 webhooks[2].url: is the URL of webhooks[1], too. Remove one of them.",
    ]


def test_dates_booleans_and_versions_are_taken_sensibly():
    found = declared("""\
        version: "1"
        connectors:
          no:
            kind: push
            description: 2026-11-22
            paused: yes
            schedule: {cron: 0 3 * * *, enabled: off, jitter: 90}
        """)
    entry = found.connectors["no"]
    assert (entry.description, entry.paused, entry.schedule[0].enabled) == ("2026-11-22", True, False)
    assert entry.schedule[0].jitter == 90.0


def test_an_unknown_version_is_refused():
    assert faults("version: 2") == ["1:10 version: must be 1. Write `version: 1` at the top of the file."]


@pytest.mark.parametrize("text", ["", "[]", "hello", "version:"])
def test_a_file_that_declares_nothing_at_all_is_refused(text):
    assert faults(text)


def test_a_value_that_could_not_be_had_is_told_once():
    assert faults("version: 1\nconnectors: {a: {kind: folder, settings: {path: '${NOPE}'}}}") == [
        "2:49 connectors.a.settings.path: the variable NOPE is not set. Set it, or give a default: ${NOPE:-…}."
    ]


def test_relative_paths_count_from_the_file():
    found = declared("""\
        version: 1
        connectors:
          a: {kind: folder, settings: {path: docs}}
          b: {kind: folder, settings: {path: ../up}}
          c: {kind: folder, settings: {path: /abs}}
          d: {kind: folder, settings: {path: '${X}'}}
        """, X="from-env")  # fmt: skip
    paths = [found.settings[name].values["path"] for name in "abcd"]
    assert paths == ["/srv/etc/docs", "/srv/up", "/abs", "/srv/etc/from-env"]


def test_a_source_of_ones_own_is_found_beside_the_file():
    text = "version: 1\nconnectors: {a: {kind: './tickets.py:tickets', settings: {project: XY, token: hunter22}}}"
    found = declared(text, folder=str(HERE))
    assert found.settings["a"].kind == f"{HERE}/tickets.py:tickets"
    assert found.settings["a"].secrets == ("token", "logins.password")


def test_settings_of_ones_own_are_told_where_they_stand():
    kind = f"{HERE}/tickets.py:tickets"
    assert faults(f"""\
        version: 1
        connectors:
          a:
            kind: {kind}
            settings:
              project: X
              logins:
                - {{user: a}}
                - {{user: [b]}}
        """) == [
        "6:7 connectors.a.settings: the setting 'token' is missing",
        "6:16 connectors.a.settings.project: must have at least 2 characters, not 'X'",
        "9:18 connectors.a.settings.logins[1].user: must be text",
    ]


@pytest.mark.parametrize(("text", "s"), [("90s", 90), ("1.5h", 5400), ("200ms", 0.2), ("2 m", 120), (3, 3), ("4", 4)])
def test_lengths_of_time(text, s):
    assert seconds(text) == pytest.approx(s)
    assert seconds(spelled(seconds(text))) == seconds(text)
