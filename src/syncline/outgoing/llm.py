"""The language model of the operator: any endpoint that speaks the chat completions format of OpenAI.

    SYNCLINE_LLM_URL     where the API begins: https://api.openai.com/v1, http://localhost:11434/v1
    SYNCLINE_LLM_MODEL   name of the model
    SYNCLINE_LLM_KEY     sent as `Authorization: Bearer`; may be left out where none is needed

The operator names the endpoint, so it may lie in a private network; the metadata services of clouds are refused all the
same. What it answers is read up to MAX_ANSWER_BYTES and believed in nothing. The key is part of no error and no log.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from syncline.model.errors import Category, Mender, SynclineError
from syncline.outgoing.addresses import Resolve
from syncline.outgoing.retries import retry_after_s
from syncline.outgoing.sending import excerpt_of

if TYPE_CHECKING:
    import httpx

    from syncline.outgoing.transport import GuardedTransport

URL: Final = "SYNCLINE_LLM_URL"
KEY: Final = "SYNCLINE_LLM_KEY"
MODEL: Final = "SYNCLINE_LLM_MODEL"

TIMEOUT_S: Final = 60.0
TRIES: Final = 3
PAUSES_S: Final = (0.5, 2.0)
MAX_PAUSE_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 4 << 20
BUSY: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})  # worth asking again


class ModelNotConfigured(SynclineError):
    """No language model is configured, and this needs one."""

    code = "llm.not_configured"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "Start the server with SYNCLINE_LLM_URL and SYNCLINE_LLM_MODEL (and SYNCLINE_LLM_KEY)."


class ModelUnavailable(SynclineError):
    """The language model cannot be reached, refuses, or takes too long."""

    code = "llm.unavailable"
    category = Category.SOURCE
    mender = Mender.YOU
    default_remedy = "Check SYNCLINE_LLM_URL, SYNCLINE_LLM_KEY and SYNCLINE_LLM_MODEL, and the endpoint they name."


class ModelMisbehaved(SynclineError):
    """The language model answers something that cannot be used."""

    code = "llm.bad_answer"
    category = Category.SOURCE
    mender = Mender.YOU
    default_remedy = "Ask again, or use a model that follows instructions and calls tools."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model is."""

    url: str
    model: str
    key: str = field(default="", repr=False)


class ToolCall(NamedTuple):
    """A tool that the model wants to use. `arguments` is None when it wrote none that can be read."""

    id: str
    name: str
    arguments: dict[str, Any] | None


class Reply(NamedTuple):
    """What it answered. Tokens are None when it does not tell.

    message  its message as it must be given back to it.
    """

    text: str
    calls: tuple[ToolCall, ...]
    message: dict[str, Any]
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def endpoint_of(environ: Mapping[str, str]) -> Endpoint:
    """What the environment names. Raises ModelNotConfigured."""
    url, model = environ.get(URL, "").strip(), environ.get(MODEL, "").strip()
    if not url and not model:
        raise ModelNotConfigured("no language model is configured")
    if not url or not model:
        missing = MODEL if url else URL
        raise ModelNotConfigured(f"the language model is half configured: {missing} is not set")
    return Endpoint(url.rstrip("/"), model, environ.get(KEY, "").strip())


class Chat:
    """Asks the model. One at a time; `abort`, from another thread, ends it for good."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_s: float = TIMEOUT_S,
        resolve: Resolve = socket.getaddrinfo,
        certificates: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._certificates = certificates
        self._clock = clock
        self._transport: GuardedTransport | None = None
        self._over = threading.Event()
        self.retries = 0

    @property
    def model(self) -> str:
        """Its name."""
        return self._endpoint.model

    def abort(self) -> None:
        """End what is under way; nothing is asked afterwards."""
        self._over.set()
        if self._transport is not None:
            self._transport.abort()

    def ask(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> Reply:
        """Its next message; it may call `tools` (JSON schemas of functions). Raises ModelUnavailable and
        ModelMisbehaved."""
        asked: dict[str, Any] = {"model": self._endpoint.model, "messages": list(messages), "stream": False}
        if tools:
            asked["tools"] = [{"type": "function", "function": dict(tool)} for tool in tools]
        return _reply(self._answered(json.dumps(asked).encode()))

    # --- one question ------------------------------------------------------------------------------------------------

    def _answered(self, body: bytes) -> Any:
        """The JSON it answers; asked again when it is busy."""
        for pause in (*PAUSES_S[: TRIES - 1], None):
            try:
                status, retry_after, raw = self._posted(body)
            except ModelUnavailable:
                if pause is None or self._over.is_set():
                    raise
                self._rest(pause)
                continue
            if 200 <= status < 300:
                return self._parsed(raw)
            said = self._quotable(raw.decode("utf-8", "replace"))
            if pause is None or status not in BUSY:
                raise ModelUnavailable(f"the language model answers {status}: {said}" if said else f"{status}")
            self._rest(max(pause, min(retry_after_s(retry_after, self._clock()) or 0.0, MAX_PAUSE_S)))
        raise AssertionError("unreachable")

    def _rest(self, seconds: float) -> None:
        self.retries += 1
        if self._over.wait(seconds):
            raise ModelUnavailable("the question was given up")

    def _posted(self, body: bytes) -> tuple[int, str, bytes]:
        """(status, Retry-After, body). Raises ModelUnavailable."""
        import httpx

        from syncline.outgoing.transport import GuardedTransport

        headers = {"content-type": "application/json", "accept": "application/json", "accept-encoding": "identity"}
        if self._endpoint.key:
            headers["authorization"] = f"Bearer {self._endpoint.key}"
        try:
            with GuardedTransport(
                True, self._resolve, total_s=self._timeout_s, certificates=self._certificates
            ) as transport:
                self._transport = transport
                if self._over.is_set():
                    transport.abort()
                # Not through httpx.Client: it logs whole URLs.
                url = f"{self._endpoint.url}/chat/completions"
                response = transport.handle_request(httpx.Request("POST", url, content=body, headers=headers))
                try:
                    return response.status_code, response.headers.get("retry-after", ""), _read(response)
                finally:
                    response.close()
        except httpx.TimeoutException:
            raise ModelUnavailable(f"the language model has not answered within {self._timeout_s:g} s") from None
        except (httpx.TransportError, httpx.InvalidURL, UnicodeError) as error:
            why = self._quotable(str(error)) or type(error).__name__
            raise ModelUnavailable(f"the language model cannot be reached: {why}") from None
        except SynclineError as error:
            if isinstance(error, ModelUnavailable | ModelMisbehaved):
                raise
            raise ModelUnavailable(f"the language model cannot be reached: {self._quotable(error.message)}") from None
        finally:
            self._transport = None

    def _parsed(self, raw: bytes) -> Any:
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            said = self._quotable(raw.decode("utf-8", "replace"))
            raise ModelMisbehaved(f"the language model answers no JSON: {said}") from None

    def _quotable(self, text: str) -> str:
        return excerpt_of(text.replace(self._endpoint.key, "********") if self._endpoint.key else text)


def _read(response: httpx.Response) -> bytes:
    read = bytearray()
    for part in response.iter_raw():
        read += part
        if len(read) > MAX_ANSWER_BYTES:
            raise ModelMisbehaved(f"the language model answers more than {MAX_ANSWER_BYTES:,} bytes")
    return bytes(read)


def _reply(answer: Any) -> Reply:
    """Source: OpenAI API reference, "Create chat completion"."""
    choices = answer.get("choices") if isinstance(answer, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    if not isinstance(message, Mapping):
        raise ModelMisbehaved("the language model answers without a message")
    usage, text, calls = answer.get("usage"), _text(message.get("content")), _calls(message.get("tool_calls"))
    said: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        said["tool_calls"] = [_told(call) for call in calls]
    return Reply(text, tuple(calls), said, _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))


def _told(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.arguments or {})
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _text(content: Any) -> str:
    """Some answer a list of parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, Mapping)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _calls(said: Any) -> list[ToolCall]:
    found: list[ToolCall] = []
    for number, call in enumerate(said if isinstance(said, list) else ()):
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            id = call.get("id")
            found.append(ToolCall(str(id or f"call_{number}"), function["name"], _arguments(function.get("arguments"))))
    return found


def _arguments(said: Any) -> dict[str, Any] | None:
    """A text of JSON, as the format has it, or the object itself."""
    if isinstance(said, str):
        try:
            said = json.loads(said or "{}")
        except (ValueError, RecursionError):
            return None
    return dict(said) if isinstance(said, Mapping) else None


def _count(usage: Any, name: str) -> int | None:
    said = usage.get(name) if isinstance(usage, Mapping) else None
    return said if isinstance(said, int) and not isinstance(said, bool) and said >= 0 else None
