"""When a message is sent again, and when it is given up."""

from __future__ import annotations

import pytest

from syncline.model.webhooks import DeliveryState
from syncline.outgoing.retries import Answer, judge, retry_after_s, worn_out

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
DAY_S = 86_400.0
FAILED = Answer(500, "answered 500")


def never_asked() -> int:
    raise AssertionError("it was asked how many")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(status: int) -> None:
    assert judge(Answer(status), 0, NOW, lambda: 0.5) == (DeliveryState.DELIVERED, None, 0.0, "")


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 302, 308, 400, 401, 404, 429, 500, 502, 503, 504, 599])
def test_anything_else_is_tried_again(status: int | None) -> None:
    verdict = judge(Answer(status, "x"), 0, NOW, lambda: 0.5)
    assert verdict == (DeliveryState.WAITING, NOW + 5, 0.0, "")


def test_the_waits_grow_for_three_days_and_then_it_is_given_up() -> None:
    waits = []
    tries = 0
    while (verdict := judge(FAILED, tries, NOW, lambda: 0.5)).state is DeliveryState.WAITING:
        assert verdict.next_at is not None
        waits.append(round(verdict.next_at - NOW, 6))
        tries += 1
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert verdict == (DeliveryState.FAILED, None, 0.0, "")


@pytest.mark.parametrize(("random", "wait"), [(0.0, 270.0), (0.5, 300.0), (0.999999, 330.0)])
def test_a_wait_varies_by_a_tenth(random: float, wait: float) -> None:
    assert judge(FAILED, 1, NOW, lambda: random).next_at == pytest.approx(NOW + wait, abs=0.01)


def test_410_gone_disables_at_once() -> None:
    verdict = judge(Answer(410, "x", retry_after="5"), 0, NOW, lambda: 0.5)
    assert (verdict.state, verdict.next_at, verdict.hold_until) == (DeliveryState.FAILED, None, 0.0)
    assert "410" in verdict.disable


def test_what_is_sent_once_is_not_tried_again() -> None:
    assert judge(FAILED, 0, NOW, lambda: 0.5, once=True).state is DeliveryState.FAILED


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("86400", DAY_S),
        ("86401", DAY_S),
        ("9" * 400, DAY_S),
        ("Tue, 14 Nov 2023 22:15:20 GMT", 120.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Tue, 14 Nov 2099 22:00:00 GMT", DAY_S),
        *((odd, None) for odd in ("", "soon", "-5", "1.5", "٣", "1e9", "Tue, 99 Nov 2023 99:99:99 GMT", "\x00")),
    ],
)
def test_retry_after_is_understood_up_to_a_day(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


def test_retry_after_never_shortens_a_wait_and_holds_the_endpoint() -> None:
    asked = Answer(429, "x", retry_after="60")
    assert judge(asked, 0, NOW, lambda: 0.5) == (DeliveryState.WAITING, NOW + 60, NOW + 60, "")
    assert judge(asked, 1, NOW, lambda: 0.5) == (DeliveryState.WAITING, NOW + 300, NOW + 60, "")
    assert judge(asked, 9, NOW, lambda: 0.5) == (DeliveryState.FAILED, None, NOW + 60, "")


def test_an_endpoint_is_worn_out_after_five_days_and_ten_messages() -> None:
    assert worn_out(None, never_asked, NOW) == ""
    assert worn_out(NOW - 5 * DAY_S + 1, never_asked, NOW) == ""
    assert worn_out(NOW - 5 * DAY_S, lambda: 9, NOW) == ""
    assert worn_out(NOW - 6 * DAY_S, lambda: 10, NOW) == "the endpoint has failed for 6 days, with 10 messages"
