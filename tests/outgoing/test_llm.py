"""The client of language models, against a real server that speaks their format."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.dialects.airweave.labs import Model, message
from tests.outgoing.receivers import here, until

from syncline.outgoing import llm
from syncline.outgoing.llm import Chat, Endpoint, ModelMisbehaved, ModelNotConfigured, ModelUnavailable, endpoint_of

KEY = "canary-key-of-the-model"


@pytest.fixture
def model() -> Iterator[Model]:
    made = Model()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are short here."""
    monkeypatch.setattr(llm, "PAUSES_S", (0.01, 0.02))


def chat(model: Model, **more: Any) -> Chat:
    return Chat(Endpoint(model.url, "test", KEY), **more)


def test_it_is_found_in_the_environment() -> None:
    found = endpoint_of(
        {"SYNCLINE_LLM_URL": " http://127.0.0.1:1/v1/ ", "SYNCLINE_LLM_MODEL": "m", "SYNCLINE_LLM_KEY": KEY}
    )

    assert (found.url, found.model, found.key) == ("http://127.0.0.1:1/v1", "m", KEY)
    assert KEY not in repr(found)
    for half in ({}, {"SYNCLINE_LLM_URL": "http://x"}, {"SYNCLINE_LLM_MODEL": "m"}):
        with pytest.raises(ModelNotConfigured):
            endpoint_of(half)


def test_a_question_and_its_answer(model: Model) -> None:
    model.says(message("Hello."))

    reply = chat(model).ask([{"role": "user", "content": "Hi."}])

    assert (reply.text, reply.calls, reply.prompt_tokens, reply.completion_tokens) == ("Hello.", (), 11, 7)
    assert model.requests == [{"model": "test", "messages": [{"role": "user", "content": "Hi."}], "stream": False}]
    assert model.headers[0]["authorization"] == f"Bearer {KEY}"


def test_without_a_key_none_is_sent(model: Model) -> None:
    model.says(message("Hello."))
    Chat(Endpoint(model.url, "test")).ask([])
    assert "authorization" not in model.headers[0]


def test_tools_are_offered_and_called(model: Model) -> None:
    tool = {"name": "search", "description": "d", "parameters": {"type": "object", "properties": {}}}
    model.says(message(None, ("search", {"query": "a"}), ("count", {})))

    reply = chat(model).ask([], [tool])

    assert model.requests[0]["tools"] == [{"type": "function", "function": tool}]
    assert [(call.id, call.name, call.arguments) for call in reply.calls] == [
        ("call_0", "search", {"query": "a"}),
        ("call_1", "count", {}),
    ]
    said = reply.message["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in said] == [{"query": "a"}, {}]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [('{"a": 1}', {"a": 1}), ({"a": 1}, {"a": 1}), ("", {}), ("{", None), ("[1]", None), (None, None), (5, None)],
    ids=str,
)
def test_arguments_as_text_or_as_an_object(model: Model, arguments: Any, expected: Any) -> None:
    answer = message(None, ("search", {}))
    answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = arguments
    model.says(answer)
    assert chat(model).ask([]).calls[0].arguments == expected


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>", b"null", b"[]", b'"x"', {}, {"choices": None}, {"choices": []}, {"choices": ["x"]},
        {"choices": [{"message": "x"}]}, b"[" * 10_000, b"{" + b" " * (5 << 20),
    ],
    ids=range(12),
)  # fmt: skip
def test_answers_that_cannot_be_used(model: Model, answer: Any) -> None:
    model.says(answer)
    with pytest.raises(ModelMisbehaved):
        chat(model).ask([])


@pytest.mark.parametrize("content", [None, [{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}], 5])
def test_odd_contents_are_texts(model: Model, content: Any) -> None:
    answer = message("x")
    answer["choices"][0]["message"]["content"] = content
    answer["choices"][0]["message"]["tool_calls"] = [None, {"function": {}}, "x"]
    answer["usage"] = {"prompt_tokens": -1, "completion_tokens": "many"}
    model.says(answer)

    reply = chat(model).ask([])
    assert reply.text == ("ab" if isinstance(content, list) else "")
    assert (reply.calls, reply.prompt_tokens, reply.completion_tokens) == ((), None, None)


def test_who_is_busy_is_asked_again_and_who_refuses_is_not(model: Model) -> None:
    asking = chat(model)
    model.says(503, 429, message("At last."))
    assert asking.ask([]).text == "At last."
    assert asking.retries == 2
    model.says(500, 500, 500)
    with pytest.raises(ModelUnavailable, match="500"):
        chat(model).ask([])
    model.says(401, message("never"))
    with pytest.raises(ModelUnavailable, match="401"):
        chat(model).ask([])
    assert len(model.script) == 1


def test_its_key_is_quoted_to_nobody(model: Model) -> None:
    model.says(f"you sent {KEY}, which is no JSON".encode())
    with pytest.raises(ModelMisbehaved) as misbehaved:
        chat(model).ask([])
    assert KEY not in misbehaved.value.message
    assert "********" in misbehaved.value.message


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/v1", "http://no-such-host.invalid/v1", "ftp://x", "nonsense", "http://169.254.169.254/v1"],
)
def test_what_cannot_be_reached_is_unavailable(url: str) -> None:
    with pytest.raises(ModelUnavailable):
        Chat(Endpoint(url, "test", KEY)).ask([])


def test_the_metadata_of_a_cloud_is_refused_by_any_name(model: Model) -> None:
    def metadata(host: str, port: int, **_: object) -> Any:
        return [(2, 1, 6, "", ("169.254.169.254", port))]

    asking = Chat(Endpoint("http://model.example/v1", "test"), resolve=metadata)
    with pytest.raises(ModelUnavailable, match="metadata"):
        asking.ask([])
    model.says(message("Here."))
    named = Endpoint(model.url.replace("127.0.0.1", "model.example"), "test")
    assert Chat(named, resolve=here).ask([]).text == "Here."


def test_a_model_that_says_nothing_is_given_up(model: Model) -> None:
    done = threading.Event()
    model.says(*[lambda _: message("late") if done.wait(60) else 500] * 3)
    with pytest.raises(ModelUnavailable, match="within"):
        chat(model, timeout_s=0.05).ask([])
    done.set()


def test_a_question_can_be_given_up_from_elsewhere(model: Model) -> None:
    done = threading.Event()
    model.says(lambda _: message("late") if done.wait(60) else 500)
    asking = chat(model)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            asking.ask([])
        except ModelUnavailable as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: model.requests, "the question")
    asking.abort()
    thread.join(60)
    done.set()
    assert errors
    assert not thread.is_alive()
    with pytest.raises(ModelUnavailable):
        asking.ask([])
    assert len(model.requests) == 1
