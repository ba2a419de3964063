"""The difference is pure: what must be done so that what stands agrees with what is declared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncline.service.declaration.difference import Action, Change, FieldChange, Item, What, difference


def connector(name: str, index: str = "i", **more: Any) -> Item:
    fields = {"kind": "folder", "index": index, "description": more.pop("description", "")}
    return Item(What.CONNECTOR, (name,), fields, **{"id": f"id-{name}", **more})


def index(name: str, **more: Any) -> Item:
    return Item(What.INDEX, (name,), {"description": more.pop("description", "")}, **{"id": f"id-{name}", **more})


def schedule(of: str, name: str = "", **more: Any) -> Item:
    return Item(What.SCHEDULE, (of, name), {"cron": more.pop("cron", "@daily")}, **{"id": f"s-{of}-{name}", **more})


def webhook(url: str, **more: Any) -> Item:
    return Item(What.WEBHOOK, (url,), {"secret": more.pop("secret", None)}, **{"id": f"w-{url}", **more})


def told(changes: list[Change]) -> list[tuple[str, str, str]]:
    return [(change.action.value, change.item.what.value, " ".join(change.item.key).strip()) for change in changes]


def test_what_is_equal_has_no_step():
    items = [index("i"), connector("a"), schedule("a")]
    assert difference(items, items, prune=True) == []


def test_making_goes_from_what_is_used_to_what_uses_it_and_removing_back():
    declared = [webhook("u"), schedule("b"), connector("b", "j"), index("j"), connector("a", "j")]
    current = [replace(item, owned=True) for item in (index("old"), connector("c", "old"), webhook("v"))]
    assert told(difference(declared, current, prune=True)) == [
        ("create", "index", "j"), ("create", "connector", "a"), ("create", "connector", "b"),
        ("create", "schedule", "b"), ("create", "webhook", "u"),
        ("remove", "webhook", "v"), ("remove", "connector", "c"), ("remove", "index", "old"),
    ]  # fmt: skip


def test_nothing_is_removed_without_prune():
    current = [replace(item, owned=True) for item in (index("i"), connector("a"), schedule("a"))]
    assert {change.action for change in difference([], current)} == {Action.LEAVE}


def test_what_people_made_by_hand_is_never_removed():
    changes = difference([], [index("i"), connector("a"), schedule("a"), webhook("u")], prune=True)
    assert {change.action for change in changes} == {Action.LEAVE}


def test_an_index_stays_as_long_as_somebody_feeds_it():
    by_hand, made = connector("hand", "i"), connector("made", "j", owned=True)
    current = [index("i", owned=True), index("j", owned=True), by_hand, made]
    assert told(difference([], current, prune=True))[:2] == [("remove", "connector", "made"), ("remove", "index", "j")]
    assert ("leave", "index", "i") in told(difference([], current, prune=True))


def test_what_belongs_to_a_connector_goes_with_it():
    current = [replace(item, owned=True) for item in (connector("a"), schedule("a"), schedule("a", "x"))]
    assert told(difference([], current, prune=True)) == [("remove", "connector", "a")]


def test_an_update_names_each_field_with_its_old_and_its_new_value():
    (change,) = difference([connector("a", description="new")], [connector("a", description="old")])
    assert (change.action, change.fields) == (Action.UPDATE, (FieldChange("description", "old", "new"),))


def test_secrets_are_words():
    old, new = {"$sealed": "v1:old"}, {"$sealed": "draft:new"}
    (made,) = difference([webhook("u", secret=new)], [])
    assert made.fields == (FieldChange("secret", None, "(secret)"),)
    (changed,) = difference([webhook("u", secret=new)], [webhook("u", secret=old)])
    assert changed.fields == (FieldChange("secret", "(secret)", "(secret changed)"),)
    assert difference([webhook("u", secret=old)], [webhook("u", secret=old)]) == []
    nested = replace(connector("a"), fields={"kind": "folder", "index": "i", "settings.l": [{"p": new, "u": 1}]})
    before = replace(nested, fields={**nested.fields, "settings.l": [{"p": old, "u": 1}]})
    (deep,) = difference([nested], [before])
    assert deep.fields == (FieldChange("settings.l", [{"p": "(secret)", "u": 1}], "(secret changed)"),)


def test_a_secret_that_is_not_declared_is_not_compared():
    assert difference([replace(webhook("u"), fields={})], [webhook("u", secret={"$sealed": "v1:x"})]) == []


def test_what_came_from_outside_is_shown_as_it_is_written():
    new = connector("a", description="hunter2", outside={"description": "${TOKEN}"})
    (change,) = difference([new], [connector("a", description="hunter1")])
    assert change.fields == (FieldChange("description", "(something else)", "${TOKEN}"),)
    (change,) = difference([new], [])
    assert ("description", None, "${TOKEN}") in change.fields
    assert webhook("https://x/hunter2", outside={"url": "https://x/${T}"}).name == "https://x/${T}"


def test_another_kind_or_index_is_another_connector():
    declared = [connector("a", "j"), schedule("a"), webhook("u", refers=frozenset({"a"}))]
    current = [connector("a", "i"), schedule("a"), schedule("a", "x"), webhook("u")]
    refused, left = difference(declared, current)
    assert (refused.action, refused.allowed, left.action) == (Action.REPLACE, False, Action.LEAVE)
    assert told(difference(declared, current, prune=True)) == [
        ("replace", "connector", "a"),
        ("create", "schedule", "a"),  # the old one goes with the old connector
        ("update", "webhook", "u"),  # the connector has another id now
    ]


def test_an_implied_index_is_made_but_its_description_is_nobodys_business():
    implied = index("i", implied=True)
    assert told(difference([implied], [])) == [("create", "index", "i")]
    assert difference([implied], [index("i", description="by hand")], prune=True) == []
    assert difference([implied], [index("i", description="declared before", owned=True)]) == []
    (change,) = difference([implied], [index("i", description="declared before", owned=True)], prune=True)
    assert change.fields == (FieldChange("description", "declared before", ""),)


NAMES = st.sampled_from("ab")
ITEMS = st.one_of(
    st.builds(index, NAMES, description=st.sampled_from(["", "d"]), owned=st.booleans()),
    st.builds(connector, NAMES, NAMES, description=st.sampled_from(["", "d"]), owned=st.booleans()),
    st.builds(schedule, NAMES, NAMES, cron=st.sampled_from(["@daily", "@weekly"]), owned=st.booleans()),
    st.builds(webhook, NAMES, owned=st.booleans(), refers=st.frozensets(NAMES)),
)


def belonging(items: list[Item]) -> list[Item]:
    """Without schedules of connectors that are not there."""
    names = {item.key[0] for item in items if item.what is What.CONNECTOR}
    return [item for item in items if not item.connector or item.connector in names]


STATES = st.lists(ITEMS, unique_by=lambda item: item.at, max_size=10).map(belonging)


@given(STATES, STATES, st.booleans())
def test_after_the_steps_everything_declared_stands_and_nothing_by_hand_is_gone(declared, current, prune):
    changes = difference(declared, current, prune=prune)
    held = {item.at: item for item in current}
    for change in changes:
        if change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE) and change.allowed:
            if change.action is Action.REPLACE:
                held = {at: item for at, item in held.items() if item.connector != change.item.key[0]}
            held[change.item.at] = change.item
        elif change.action is Action.REMOVE:
            assert prune
            assert change.item.owned
            held = {at: item for at, item in held.items() if at != change.item.at}
            if change.item.what is What.CONNECTOR:
                held = {at: item for at, item in held.items() if item.connector != change.item.key[0]}
    blocked = {change.item.at for change in changes if not change.allowed}
    for item in declared:
        if item.at not in blocked:
            assert held[item.at].fields == item.fields
    assert prune or {item.at for item in current} <= held.keys()
    gone = {item.key[0] for item in current if item.what is What.CONNECTOR and held.get(item.at) is not item}
    by_hand = {item.at for item in current if not item.owned and item.connector not in gone}
    assert by_hand <= held.keys()
