"""Laws of applying, over random declarations, each on a real data directory.

apply(A), apply(B, prune)  ==  apply(B) somewhere new
apply(A), apply(A)         ==  apply(A), and the second one has nothing to do
apply(A), export, apply    ==  apply(A), and has nothing to do
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from syncline.service.declaration.difference import Item, told
from syncline.service.declaration.export import exported

WHSEC = ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX")
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking takes minutes; the failing example is shown as it is
NAMES = ("a", "b", "Ünï cöde: #1")
TEXTS = st.sampled_from(
    ["", "plain", "yes", "12:30", "1.0", "${HOME}", "$${x}", "a: b # c", "- x\n y ", "'\"\\", "ü\u2028"]
)
URLS = ("https://93.184.216.34/a", "https://93.184.216.34/b?x=${y}")

SCHEDULES = st.fixed_dictionaries(
    {"cron": st.sampled_from(["0 3 * * *", "@daily", "0 0 3 ? * MON-FRI", "rate(5 minutes)", "cron(0 3 * * ? *)"])},
    optional={
        "zone": st.sampled_from(["UTC", "Europe/Berlin"]),
        "type": st.sampled_from(["auto", "full", "incremental"]),
        "misfire": st.sampled_from(["run_once", "skip"]),
        "when_active": st.sampled_from(["skip", "coalesce"]),
        "jitter": st.sampled_from(["90s", 0, 1.5, "200ms", "2h"]),
        "enabled": st.booleans(),
    },
)
GUARDS = st.fixed_dictionaries(
    {}, optional={"max_deletes": st.integers(0, 9), "max_percent": st.sampled_from([0, 7.5, 100])}
)
FOLDERS = st.fixed_dictionaries(
    {"path": st.sampled_from(["x", "/srv/${HOME}", "y z"])},
    optional={"include": st.lists(st.sampled_from(["*.md", "!a", "${X}"]), max_size=2), "gitignore": st.booleans()},
)
TICKETS = st.fixed_dictionaries(
    {"project": st.sampled_from(["XY", "yes"]), "token": st.sampled_from(["hunter2", "${x}"])},
    optional={
        "logins": st.lists(
            st.fixed_dictionaries({"password": st.sampled_from(["swordfish", ""])}, optional={"user": TEXTS}),
            max_size=2,
        ),
        "limit": st.integers(0, 10),
    },
)


@st.composite
def connectors(draw: st.DrawFn, name: str, others: list[str], tickets: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(["folder", "push", tickets]))
    made: dict[str, Any] = {"kind": kind, "description": draw(TEXTS), "paused": draw(st.booleans())}
    if kind != "push":
        made["settings"] = draw(FOLDERS if kind == "folder" else TICKETS)
    if draw(st.booleans()):
        made["index"] = draw(st.sampled_from(["i", "j"]))
    made["guard"] = draw(GUARDS)
    named = st.builds(lambda name, more: {"name": name, **more}, st.sampled_from(["n1", "2", "${z}"]), SCHEDULES)
    made["schedule"] = draw(
        st.one_of(
            st.just("@hourly"),
            SCHEDULES,
            st.lists(named, max_size=2, unique_by=lambda one: one["name"]),
        )
    )  # fmt: skip
    triggers: list[Any] = [{"after": other} for other in others if draw(st.booleans())]
    if kind == "folder" and draw(st.booleans()):
        triggers.append(draw(st.sampled_from(["watch", {"watch": {"settle": "40s"}, "enabled": False}])))
    if draw(st.booleans()):
        triggers.append({"webhook": {"name": draw(TEXTS), "secret": draw(st.sampled_from(WHSEC))}})
    return {**made, "triggers": triggers}


@st.composite
def declarations(draw: st.DrawFn, tickets: str) -> dict[str, Any]:
    """A random declaration, with `$` escaped where it stands for itself."""
    order = draw(st.permutations(NAMES))
    names = order[: draw(st.integers(0, 3))]
    made = {
        name: draw(connectors(name, names[:n], tickets)) for n, name in enumerate(names)
    }  # none follows in a circle
    hooks = [
        {
            "url": url, "types": draw(st.lists(st.sampled_from(["job.failed", "job.running"]), unique=True)),
            "connectors": draw(st.none() | st.lists(st.sampled_from(names), unique=True) if names else st.none()),
            "description": draw(TEXTS), "secret": draw(st.sampled_from(WHSEC)), "enabled": draw(st.booleans()),
        }
        for url in URLS if draw(st.booleans())
    ]  # fmt: skip
    indexes = {name: {"description": draw(TEXTS)} for name in ("i", "k") if draw(st.booleans())}
    written: dict[str, Any] = escaped({"version": 1, "indexes": indexes, "connectors": made, "webhooks": hooks})
    return written


def escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: escaped(item) for name, item in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def written(declaration: dict[str, Any]) -> str:
    return yaml.safe_dump(declaration, allow_unicode=True)


def applied(place, text: str, prune: bool = False):
    done = place.apply(text, prune)
    assert [(change.item.at, error.message) for change, error in done.failed] == []
    return done


def test_the_way_there_leaves_no_trace(new_place, remark, request):
    tickets = f"{request.path.parent}/tickets.py:tickets"
    counts = [0, 0]

    @settings(max_examples=12, phases=QUICK, suppress_health_check=[HealthCheck.too_slow])
    @given(declarations(tickets), declarations(tickets))
    def law(a: dict[str, Any], b: dict[str, Any]) -> None:
        here, there = new_place(), new_place()
        there.folder = here.folder  # relative paths count from the same file
        there.file = here.file
        applied(here, written(a))
        steps = applied(here, written(b), prune=True).done
        applied(there, written(b))
        assert here.state() == there.state()
        assert here.plan(written(b), prune=True).steps == []
        assert applied(here, written(b)).done == []
        counts[0] += 1
        counts[1] += len(steps)
        here.installation.close()
        there.installation.close()

    law()
    remark(f"declarations: {counts[0]} pairs applied one after the other, {counts[1]} steps from one to the other")


def test_what_is_exported_is_what_there_is(new_place, request):
    tickets = f"{request.path.parent}/tickets.py:tickets"

    @settings(max_examples=12, phases=QUICK, suppress_health_check=[HealthCheck.too_slow])
    @given(declarations(tickets))
    def law(a: dict[str, Any]) -> None:
        here = new_place()
        applied(here, written(a))
        before = here.state()
        text = exported(here.installation)
        for secret in ("hunter2", "swordfish", *WHSEC):
            assert secret not in text
        here.environ = dict(secrets_of(text, before))
        plan = here.plan(text, prune=True)
        assert plan.changes == []
        assert applied(here, text).done == []
        assert here.state() == before
        here.installation.close()

    law()


def secrets_of(text: str, state: dict[Any, Any]):
    """The variables that the comments of an export name, with the values that they stand for."""
    held = {printable(told(Item(*at, fields))): fields for at, fields in state.items()}
    for name, what, place in re.findall(r"^#   (\w+) +(\w+ .*): ([\w.]+)$", text, re.MULTILINE):
        fields = held[what]
        top, *deeper = place.removeprefix("settings.").split(".")
        value = fields[f"settings.{top}" if place.startswith("settings.") else top]
        for part in deeper:
            value = value[int(part)] if isinstance(value, list) else value[part]
        yield name, value


def printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
