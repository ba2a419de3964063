"""Calls to SiteWise, paced for all threads that make them, and tried again where that helps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from syncline.model.errors import SynclineError
from syncline.sources.s3.objects import Halted
from syncline.sources.sitewise import problems

BURST_S: Final = 4.0  # so many seconds' worth of calls may be made at once
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_IOTSITEWISE", "AWS_ENDPOINT_URL")
PAGE: Final = 250  # as many as SiteWise gives at once
_THROTTLED = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
)
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "OptInRequired"})


class Settings(Protocol):
    """What is read of the settings here; `SiteWiseConfig` says what it means."""

    region: str
    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    profile: str
    calls_per_second: float
    parallel: int


class Patience(NamedTuple):
    """How long is waited for what, in seconds, and how often something is tried.

    base, cap  the pause after the first failure, and the longest one. They double in between.
    throttled  how often it is tried when the answer is that we are too fast.
    """

    connect: float = 5.0
    read: float = 20.0
    tries: int = 5
    throttled: int = 9
    base: float = 0.1
    cap: float = 15.0


class NotThere(Exception):
    """SiteWise says that there is nothing of that id."""


class Trouble(Exception):
    """One call failed, though it was tried as often as it should be. `error` is of the family.

    alone  True: SiteWise answered, so others may fare better.
    """

    def __init__(self, error: SynclineError, *, alone: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.alone = alone


class Pace:
    """When the next call may be made."""

    def __init__(self, per_second: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._step = 1.0 / per_second
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._next = monotonic() - BURST_S
        self._not_before = 0.0

    def wait(self, halt: threading.Event) -> None:
        """Return when it is this caller's turn. Raises Halted."""
        with self._lock:
            now = self._monotonic()
            self._next = max(self._next, now - BURST_S) + self._step
            left = max(self._next - now, self._not_before - now)
        if halt.wait(left) if left > 0 else halt.is_set():
            raise Halted

    def slow_down(self, pause: float) -> None:
        """Nobody calls for so many seconds."""
        with self._lock:
            self._not_before = max(self._not_before, self._monotonic() + pause)


class Client:
    """SiteWise in one region. For any number of threads."""

    def __init__(
        self,
        config: Settings,
        environ: Mapping[str, str],
        patience: Patience,
        chance: Callable[[], float],
    ) -> None:
        """`chance` gives 0.0 to 1.0. Raises ConfigInvalid and CredentialsInvalid."""
        self._patience = patience
        self._chance = chance
        self._pace = Pace(config.calls_per_second)
        self._calls = _open(config, environ, patience)
        host = urlsplit(self._calls.meta.endpoint_url).netloc
        self.region: str = self._calls.meta.region_name
        self.name = f"SiteWise in {self.region}" if host.endswith(("amazonaws.com", ".cn")) else f"SiteWise at {host}"
        self.place = f"{host}/{self.region}"

    def close(self) -> None:
        """Let go of its connections."""
        self._calls.close()

    def call(self, method: str, halt: threading.Event, needs: str = "", **parameters: Any) -> dict[str, Any]:
        """What `method` of botocore's client answers; an answer without the member `needs` is none, as from a proxy.
        Raises NotThere, Trouble, Halted; and CredentialsInvalid or AccessDenied, which every other call would raise
        too."""
        attempt = 0
        while True:
            self._pace.wait(halt)
            attempt += 1
            try:
                answer: dict[str, Any] = getattr(self._calls, method)(**parameters)
                if needs and answer.get(needs) is None:  # an empty list says so
                    raise _Cut
                return answer
            except Exception as error:  # botocore raises from every library it calls
                self._endure(error, method, attempt, halt)

    def pages(self, method: str, member: str, halt: threading.Event, **parameters: Any) -> Iterator[list[Any]]:
        """What all pages hold under `member`. Raises what `call` raises; Trouble for a page that cannot be right."""
        seen: set[str] = set()
        token: str | None = None
        while True:
            more = {"nextToken": token} if token else {}
            answer = self.call(method, halt, needs=member, maxResults=PAGE, **parameters, **more)
            yield answer[member]
            token = answer.get("nextToken")
            if not token:
                return
            if token in seen:
                raise Trouble(problems.damaged(self.name, f"{_said(method)} gives the same page again and again"))
            seen.add(token)

    def _endure(self, error: Exception, method: str, attempt: int, halt: threading.Event) -> None:
        """Wait before the next try. Raises what there is to raise when there is none."""
        verdict = self._verdict(error, method)
        tries = self._patience.throttled if verdict.throttled else self._patience.tries
        if not verdict.again or attempt >= tries:
            raise verdict.error from error
        most = min(self._patience.cap, self._patience.base * 2.0 ** (attempt - 1))
        pause = float(most * (0.5 + self._chance() / 2))
        if verdict.throttled:
            self._pace.slow_down(pause)
        elif halt.wait(pause):
            raise Halted

    def _verdict(self, error: Exception, method: str) -> _Verdict:
        if isinstance(error, _Cut):
            told = problems.damaged(self.name, f"what it answers to {_said(method)} is cut, or is not its answer")
            return _Verdict(Trouble(told, alone=True), again=True)
        answered = getattr(error, "response", None)
        if not isinstance(answered, dict):
            return self._unanswered(error)
        code = str(answered.get("Error", {}).get("Code", ""))
        status = int(answered.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code == "ResourceNotFoundException":
            return _Verdict(NotThere())
        if code in problems.EXPIRED | problems.WRONG or status == 401:
            return _Verdict(problems.credentials_refused(self.name, code))
        if code in _DENIED or status == 403:
            return _Verdict(problems.denied(self.name, _said(method)))
        throttled = code in _THROTTLED or status == 429
        told = problems.unreachable(self.name, f"{_said(method)} answers with status {status} ({problems.word(code)})")
        return _Verdict(Trouble(told, alone=True), throttled or status >= 500, throttled)

    def _unanswered(self, error: Exception) -> _Verdict:
        name = type(error).__name__
        if name in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"):
            return _Verdict(problems.no_credentials(self.name))
        if name == "ParamValidationError":  # an id that SiteWise itself would not have given
            return _Verdict(
                Trouble(problems.damaged(self.name, "it names things by ids that it cannot have"), alone=True)
            )
        return _Verdict(Trouble(problems.unreachable(self.name, f"no proper answer ({name})")), name != "SSLError")


class _Cut(Exception):
    """An answer that lacks what every answer has."""


class _Verdict(NamedTuple):
    """What is to be raised, whether another try may help, and whether we were too fast."""

    error: Exception
    again: bool = False
    throttled: bool = False


def _said(method: str) -> str:
    return "".join(part.capitalize() for part in method.split("_"))


@cache
def _loader() -> Any:
    """Descriptions of services, read once for all clients."""
    from botocore.loaders import create_loader

    return create_loader()


def _open(config: Settings, environ: Mapping[str, str], patience: Patience) -> Any:
    """botocore's client. Raises ConfigInvalid and CredentialsInvalid."""
    try:
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import NoRegionError
    except ImportError:
        raise problems.extra_missing() from None
    given = (config.access_key_id, config.secret_access_key, config.session_token)
    keys = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")

    def made(prefix: bool) -> Any:
        chosen: dict[str, Any] = {name: value for name, value in zip(keys, given, strict=True) if given[0] and value}
        return session.create_client(
            "iotsitewise",
            region_name=region,
            endpoint_url=config.endpoint_url or None,
            config=Config(
                connect_timeout=patience.connect,
                read_timeout=patience.read,
                retries={"total_max_attempts": 1},
                max_pool_connections=config.parallel + 2,
                inject_host_prefix=prefix,
                user_agent_extra="syncline",
            ),
            **chosen,
        )

    try:
        session = botocore.session.Session(profile=config.profile or None)
        region = config.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None
        session.register_component("data_loader", _loader())
        # Names with "api." in front are AWS's own; no other endpoint has them.
        if config.endpoint_url or any(environ.get(name) for name in _ENDPOINTS):
            return made(False)
        client = made(True)  # a profile may name an endpoint, too
        return client if ".amazonaws.com" in client.meta.endpoint_url else made(False)
    except NoRegionError:
        raise problems.no_region() from None
    except Exception as error:  # a profile that is not there, files that cannot be read
        raise problems.no_credentials(
            "SiteWise", f"the AWS settings cannot be used ({type(error).__name__})"
        ) from error
