"""When a message is sent again, and when it is given up. Pure: an answer goes in, a verdict comes out."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from syncline.model.webhooks import DeliveryState, Verdict

HOUR_S: Final = 3600.0
WAITS_S: Final = (5.0, 300.0, 1800.0, *(hours * HOUR_S for hours in (2, 5, 10, 14, 20, 24)))
"""The wait after the first failure, the second …; one attempt more than there are waits."""
JITTER: Final = 0.1
MAX_RETRY_AFTER_S: Final = 24 * HOUR_S
GIVE_UP_AFTER_S: Final = 5 * 24 * HOUR_S
GIVE_UP_AFTER_MESSAGES: Final = 10
GONE: Final = 410


class Answer(NamedTuple):
    """What came of one call. `status` is None when nothing came back; `error` is empty after a success.

    retry_after  the header of that name; empty without one.
    """

    status: int | None
    error: str = ""
    took_s: float = 0.0
    retry_after: str = ""

    @property
    def ok(self) -> bool:
        """True for a 2xx."""
        return self.status is not None and 200 <= self.status < 300


def judge(answer: Answer, tries: int, now: float, random: Callable[[], float], *, once: bool = False) -> Verdict:
    """What becomes of a delivery that was tried `tries` times before this answer; `once`: it is not tried again.

    `random` gives 0.0 up to 1.0, for the jitter.
    """
    if answer.ok:
        return Verdict(DeliveryState.DELIVERED)
    if answer.status == GONE:
        return Verdict(DeliveryState.FAILED, disable="the endpoint answered 410 Gone")
    asked = retry_after_s(answer.retry_after, now)
    hold_until = 0.0 if asked is None else now + asked
    if once or tries >= len(WAITS_S):
        return Verdict(DeliveryState.FAILED, hold_until=hold_until)
    wait = WAITS_S[tries] * (1 - JITTER + 2 * JITTER * random())
    return Verdict(DeliveryState.WAITING, max(now + wait, hold_until), hold_until)


def retry_after_s(header: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, 0.0 to MAX_RETRY_AFTER_S; None when it says nothing we understand.
    Source: RFC 9110, section 10.2.3."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(at - now, 0.0), MAX_RETRY_AFTER_S)


def worn_out(failing_since: float | None, messages: Callable[[], int], now: float) -> str:
    """Why an endpoint is disabled that has failed ever since; "" when it is not yet. `messages` counts how many it was
    sent in that time, and is asked only when the time is up."""
    if failing_since is None or now - failing_since < GIVE_UP_AFTER_S:
        return ""
    count = messages()
    days = int((now - failing_since) // (24 * HOUR_S))
    return "" if count < GIVE_UP_AFTER_MESSAGES else f"the endpoint has failed for {days} days, with {count} messages"
