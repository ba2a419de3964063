"""Classic and agentic search, with a language model behind them that says what a test tells it to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from airweave import FilterCondition, FilterGroup
from airweave.core.api_error import ApiError
from airweave.types import agentic_search_event
from tests.dialects.airweave.labs import Lab, Model, message, until

KEY = "canary-llm-key-55d2e1"
FILES = {
    "hotels.md": "# Hotels\n\npillows",
    "leave.md": "# Leave\n\nweeks",
    "travel.md": "# Travel\n\npillows and trains",
}


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    made = Model()
    yield made
    made.close()


@pytest.fixture(scope="module")
def wise(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[Lab]:
    """A server that has a language model."""
    environ = {"SYNCLINE_LLM_URL": f"{model.url}/", "SYNCLINE_LLM_MODEL": "test", "SYNCLINE_LLM_KEY": KEY}
    made = Lab(tmp_path_factory.mktemp("wise"), **environ)
    yield made
    made.close()


@pytest.fixture(scope="module")
def id(wise: Lab) -> str:
    id = wise.collection()
    assert wise.ended(wise.files(wise.folder(FILES), id).id).status == "completed"
    return id


def refused(ask: Any) -> tuple[int, str]:
    with pytest.raises(ApiError) as error:
        ask()
    assert set(error.value.body) == {"detail"}
    return error.value.status_code, error.value.body["detail"]


def names(results: Any) -> list[str]:
    return [one.name for one in results]


# --- classic ---------------------------------------------------------------------------------------------------------


def test_classic_search_asks_once_for_words_and_filters(wise: Lab, model: Model, id: str) -> None:
    planned = (
        '{"query": "pillows", "filter": [{"conditions": [{"field": "name", "operator": "equals", "value": "Travel"}]}]}'
    )
    model.says(message(f"Here is the plan:\n```json\n{planned}\n```"))

    answer = wise.sdk.collections.search.classic(id, query="Where did I sleep on a train?")

    assert names(answer.results) == ["Travel"]
    (asked,) = model.requests
    assert asked["model"] == "test"
    assert asked["messages"][-1] == {"role": "user", "content": "Where did I sleep on a train?"}
    assert model.headers[0]["authorization"] == f"Bearer {KEY}"


def test_the_filter_of_the_caller_holds_whatever_is_planned(wise: Lab, model: Model, id: str) -> None:
    model.says(message('{"query": "pillows", "filter": null}'))
    wanted = [FilterGroup(conditions=[FilterCondition(field="name", operator="equals", value="Hotels")])]

    assert names(wise.sdk.collections.search.classic(id, query="pillows?", filter=wanted).results) == ["Hotels"]


def test_a_plan_that_cannot_be_used_is_asked_for_again(wise: Lab, model: Model, id: str) -> None:
    model.says(message('{"query": "pillows", "filter": [{"conditions": []}]}'), message('{"query": "weeks"}'))

    assert names(wise.sdk.collections.search.classic(id, query="how long?").results) == ["Leave"]
    assert "cannot be used" in model.requests[1]["messages"][-1]["content"]


def test_bad_answers_are_a_bad_gateway(wise: Lab, model: Model, id: str) -> None:
    def ask() -> Any:
        return wise.sdk.collections.search.classic(id, query="how long?")

    model.says(message("I cannot do that."), message("No."))
    assert refused(ask)[0] == 502
    for nonsense in (b"<html>", b"[]", {"choices": []}, {"choices": [{"message": None}]}, {"choices": "x"}):
        model.says(nonsense)
        assert refused(ask)[0] == 502


def test_a_model_that_refuses_is_unavailable_and_its_key_is_told_to_nobody(wise: Lab, model: Model, id: str) -> None:
    def ask() -> Any:
        return wise.sdk.collections.search.classic(id, query="how long?")

    model.says(401)
    status, detail = refused(ask)
    assert (status, "401" in detail) == (503, True)
    model.says(lambda _: 400)
    assert refused(ask)[0] == 503
    assert KEY not in wise.served.errors
    assert KEY not in detail


def test_a_model_that_is_busy_is_asked_again(wise: Lab, model: Model, id: str) -> None:
    model.says(503, message('{"query": "weeks"}'))
    assert names(wise.sdk.collections.search.classic(id, query="how long?").results) == ["Leave"]


# --- agentic ---------------------------------------------------------------------------------------------------------


def test_agentic_search_looks_around_and_hands_over_what_it_collected(wise: Lab, model: Model, id: str) -> None:
    model.says(
        message("I look for it.", ("search", {"query": "pillows"}), ("count", {"query": "weeks"})),
        message(None, ("read", {"entity_ids": ["travel.md__chunk_0", "leave.md__chunk_0", "no.md__chunk_0"]})),
        message(None, ("add_to_results", {"entity_ids": ["travel.md__chunk_0", "hotels.md__chunk_0"]})),
        message(None, ("remove_from_results", {"entity_ids": ["hotels.md__chunk_0"]}), ("review_results", {})),
        message(None, ("return_results_to_user", {})),
    )

    answer = wise.sdk.collections.search.agentic(id, query="trains?")

    assert names(answer.results) == ["Travel"]
    told = [one["content"] for one in model.requests[-1]["messages"] if one["role"] == "tool"]
    assert '"count": 1' in told[1]
    assert "pillows and trains" in told[2]
    assert '"not_found": 1' in told[2]
    assert {one["function"]["name"] for one in model.requests[0]["tools"]} >= {"search", "return_results_to_user"}


def test_the_stream_tells_every_step_in_events_that_the_client_can_read(wise: Lab, model: Model, id: str) -> None:
    model.says(
        message("Let me see.", ("search", {"query": "pillows"})),
        message(None, ("add_to_results", {"entity_ids": ["hotels.md__chunk_0"]}), ("no_such_tool", {"x": 1})),
        message(None, ("return_results_to_user", {})),
    )

    events = list(wise.sdk.collections.search.stream_agentic(id, query="pillows?", thinking=True, limit=5))

    kinds = [event.type for event in events]
    assert kinds == [
        "started", "thinking", "tool_call", "thinking", "tool_call", "tool_call", "thinking", "tool_call", "done",
    ]  # fmt: skip
    known = tuple(getattr(agentic_search_event, name) for name in dir(agentic_search_event) if "Event_" in name)
    assert all(isinstance(event, known) for event in events)
    started, thought, searched, done = events[0], events[1], events[2], events[-1]
    assert (started.tier, started.collection_readable_id, started.query, started.limit) == (
        "agentic",
        id,
        "pillows?",
        5,
    )
    assert (thought.text, thought.diagnostics.prompt_tokens) == ("Let me see.", 11)
    assert (searched.tool_name, searched.diagnostics.stats.result_count) == ("search", 2)
    assert events[5].diagnostics.stats.error
    assert names(done.results) == ["Hotels"]
    assert (done.diagnostics.total_iterations, done.diagnostics.completion_tokens) == (3, 21)


def test_the_asynchronous_client_searches_too(wise: Lab, model: Model, id: str) -> None:
    looked = (
        message(None, ("search", {"query": "weeks"})),
        message(None, ("add_to_results", {"entity_ids": ["leave.md__chunk_0"]})),
    )
    over = message(None, ("return_results_to_user", {}))
    model.says(message('{"query": "weeks"}'), *looked, over, *looked, over)

    async def work() -> tuple[list[str], list[str], list[str]]:
        search = wise.asynchronous().collections.search
        planned = await search.classic(id, query="how long?")
        agentic = await search.agentic(id, query="how long?")
        events = [event async for event in search.stream_agentic(id, query="how long?")]
        return names(planned.results), names(agentic.results), names(events[-1].results)

    assert asyncio.run(work()) == (["Leave"], ["Leave"], ["Leave"])


def test_a_model_that_only_talks_is_reminded_and_then_taken_at_its_word(wise: Lab, model: Model, id: str) -> None:
    model.says(message(None, ("search", {"query": "pillows"})), message("Found."), message("Really."), message("Yes."))

    answer = wise.sdk.collections.search.agentic(id, query="pillows?", limit=1)

    assert len(answer.results) == 1
    assert [one["role"] for one in model.requests[-1]["messages"]][-2:] == ["assistant", "user"]


def test_a_model_that_never_ends_is_ended(wise: Lab, model: Model, id: str) -> None:
    model.says(*[message(None, ("search", {"query": "weeks"}))] * 20)

    events = list(wise.sdk.collections.search.stream_agentic(id, query="for ever"))

    assert events[-1].diagnostics.max_iterations_hit
    assert names(events[-1].results) == ["Leave"]
    assert len(model.requests) == 8


def test_what_the_model_gets_wrong_it_is_told(wise: Lab, model: Model, id: str) -> None:
    broken = message(None, ("search", {}))
    broken["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = "{not json"
    model.says(
        broken,
        message(None, ("search", {"query": "a", "filter": [{"conditions": [{"field": "x"}]}]})),
        message(None, ("read", {}), ("add_to_results", {"entity_ids": ["unknown"]})),
        message(None, ("return_results_to_user", {})),
        message(None, ("return_results_to_user", {})),
    )

    assert wise.sdk.collections.search.agentic(id, query="nothing").results == []
    told = [one["content"] for one in model.requests[-1]["messages"] if one["role"] == "tool"]
    assert ["error" in one for one in told] == [True, True, True, False, False]


def test_an_error_on_the_way_is_an_event(wise: Lab, model: Model, id: str) -> None:
    model.says(message(None, ("search", {"query": "weeks"})), b"no json")

    events = list(wise.sdk.collections.search.stream_agentic(id, query="weeks"))
    assert [event.type for event in events] == ["started", "thinking", "tool_call", "error"]
    assert "no JSON" in events[-1].message
    model.says(message(None, ("search", {"query": "weeks"})), b"no json")
    assert refused(lambda: wise.sdk.collections.search.agentic(id, query="weeks"))[0] == 502


def test_a_client_that_goes_away_ends_the_search(wise: Lab, model: Model, id: str) -> None:
    gone, asked = threading.Event(), threading.Event()

    def hang(_: Any) -> Any:
        asked.set()
        gone.wait(60)
        return message(None, ("search", {"query": "weeks"}))

    model.says(hang, message("never asked"))
    path, named = f"/collections/{id}/search/agentic/stream", {"x-request-id": "the-one-that-goes"}
    with wise.raw.stream("POST", path, json={"query": "weeks"}, headers=named) as answer:
        lines = answer.iter_lines()  # kept: without it the answer is closed
        assert next(lines).startswith('data: {"type": "started"')
        assert asked.wait(60)
    until(lambda: "the-one-that-goes" in wise.served.errors, "the end of the search")
    gone.set()

    assert len(model.script) == 1
