"""Calls over real sockets: to what was checked, under the name that was meant, within the time, and no further."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.outgoing.receivers import WAIT_S, Certificates, Receiver, Reply, here, until

from syncline.outgoing.addresses import TargetRefused
from syncline.outgoing.retries import Answer
from syncline.outgoing.sending import MAX_EXCERPT_CHARS, Call, excerpt_of
from syncline.outgoing.transport import GuardedTransport

Make = Callable[..., Receiver]


def call(url: str, **options: Any) -> Answer:
    options = {"allow_private": True, "resolve": here, "timeout_s": WAIT_S, **options}
    return Call(url, b'{"a":1}', {"webhook-id": "msg_1"}, **options).run()


def test_a_body_is_posted_to_the_name_in_the_url(receiver: Receiver) -> None:
    answer = call(receiver.url("hooks.example", "/a/b?c=d"))
    assert (answer.status, answer.error, answer.ok) == (200, "", True)
    (got,) = receiver.got
    assert (got.path, got.body) == ("/a/b?c=d", b'{"a":1}')
    assert got.headers["host"] == f"hooks.example:{receiver.port}"
    assert (got.headers["content-type"], got.headers["accept-encoding"]) == ("application/json", "identity")


def test_a_private_target_is_not_even_connected_to(receiver: Receiver) -> None:
    answer = call(receiver.url(), allow_private=False)
    assert answer.status is None
    assert answer.error.startswith("target.refused: ")
    assert receiver.got == []


def test_a_name_that_changes_after_the_check_gains_nothing(receiver: Receiver) -> None:
    asked = []

    def rebinding(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        asked.append(host)
        address = "127.0.0.9" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    answer = call(receiver.url(), resolve=rebinding)
    assert "refused" in answer.error  # by 127.0.0.9, where nobody listens
    assert (asked, receiver.got) == (["receiver.example"], [])


def test_the_second_address_is_tried_when_the_first_does_not_answer(receiver: Receiver) -> None:
    def both(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)), *here(host, port)]

    assert call(receiver.url(), resolve=both).ok


def test_a_redirect_is_a_failure_and_leads_nowhere(receivers: Make) -> None:
    receiver, elsewhere = receivers(), receivers()
    receiver.reply = Reply(302, {"location": elsewhere.url()})
    answer = call(receiver.url())
    assert answer.status == 302
    assert "redirects are not followed" in answer.error
    assert elsewhere.got == []


def test_a_client_that_follows_redirects_is_stopped_at_the_wall(receiver: Receiver) -> None:
    def world(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        return here(host, port)

    receiver.reply = Reply(302, {"location": "http://169.254.169.254/latest/meta-data/"})
    with httpx.Client(transport=GuardedTransport(True, world), trust_env=False, follow_redirects=True) as client:
        with pytest.raises(TargetRefused):
            client.post(receiver.url(), content=b"")
        receiver.reply = Reply()
        assert client.post(receiver.url(), content=b"").text == "ok"


def test_proxies_of_the_environment_are_not_used(receivers: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver, proxy = receivers(), receivers()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert call(receiver.url()).ok
    assert (len(receiver.got), len(proxy.got)) == (1, 0)


# --- TLS


def test_tls_is_verified_by_the_name_in_the_url(receivers: Make, tmp_path: Path) -> None:
    authority = Certificates(tmp_path)
    receiver = receivers(authority.of("receiver.example"))
    trusting = authority.trusting()
    assert call(receiver.url(), certificates=trusting).ok
    other = call(receiver.url("other.example"), certificates=trusting)
    assert "certificate" in other.error
    unknown = call(receiver.url())
    assert "certificate" in unknown.error
    assert len(receiver.got) == 1


def test_a_target_without_a_name_is_verified_by_its_address(receivers: Make, tmp_path: Path) -> None:
    authority = Certificates(tmp_path)
    receiver = receivers(authority.of("127.0.0.1"))
    assert call(receiver.url("127.0.0.1"), certificates=authority.trusting()).ok
    assert "certificate" in call(receiver.url(), certificates=authority.trusting()).error


# --- time


def test_a_receiver_that_hangs_is_given_up(receiver: Receiver) -> None:
    receiver.reply = Reply(hang=True)
    assert call(receiver.url(), timeout_s=0.2)[:2] == (None, "no answer within 0.2 s")


def test_a_receiver_that_never_speaks_tls_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://receiver.example:{server.getsockname()[1]}/"
        assert call(url, timeout_s=0.2)[:2] == (None, "no answer within 0.2 s")


def test_answers_that_drip_do_not_extend_the_time(receiver: Receiver) -> None:
    receiver.reply = Reply(500, drip=True)
    answer = call(receiver.url(), timeout_s=0.3)
    assert answer.status == 500  # each byte comes in time; all of them never would
    receiver.reply = Reply(200, drip=True)
    assert call(receiver.url(), timeout_s=0.3).ok


def test_headers_that_drip_do_not_extend_the_time() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nx: ") as url:
        assert call(url, timeout_s=0.3)[:2] == (None, "no answer within 0.3 s")


@contextlib.contextmanager
def dripping(beginning: bytes, drop: bytes = b"x") -> Any:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                sock, _ = server.accept()
                with sock:
                    sock.sendall(beginning)
                    while not done.wait(0.01):
                        sock.sendall(drop)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://receiver.example:{server.getsockname()[1]}/"
        done.set()
        thread.join(WAIT_S)


def test_a_call_is_aborted_from_another_thread(receiver: Receiver) -> None:
    receiver.reply = Reply(hang=True)
    under_way = Call(receiver.url(), b"", {}, allow_private=True, resolve=here, timeout_s=10 * WAIT_S)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(under_way.run()))
    thread.start()
    until(lambda: receiver.got)
    under_way.abort()
    thread.join(WAIT_S)
    assert answers
    assert answers[0].status is None
    assert "no answer within" not in answers[0].error


# --- what is kept of an answer


def test_an_endless_answer_is_read_to_a_limit() -> None:
    with dripping(b"HTTP/1.1 500 No\r\ncontent-length: 1000000000\r\n\r\n" + b"y" * 20_000, b"z" * 65_536) as url:
        answer = call(url)
    assert answer.status == 500
    assert "z" not in answer.error
    assert len(answer.error) < MAX_EXCERPT_CHARS + 40


@pytest.mark.parametrize(
    ("beginning", "said"),
    [(b"nonsense\r\n\r\n", "the call failed"), (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000, "the call failed")],
)
def test_what_is_no_http_is_a_failure(beginning: bytes, said: str) -> None:
    with dripping(beginning) as url:
        assert said in call(url).error


def test_an_excerpt_is_one_line_without_anything_a_terminal_obeys() -> None:
    nasty = "\x1b[31mred\x1b[0m\r\n\tnext\x00\u202eevil\u2066\ud800 " + "long " * 100
    shown = excerpt_of(nasty)
    assert shown.startswith("[31mred [0m next evil long long")
    assert len(shown) == MAX_EXCERPT_CHARS
    assert shown.isprintable()


def test_an_answer_that_echoes_a_secret_is_not_quoted_with_it(receiver: Receiver) -> None:
    receiver.reply = Reply(500, body=b"bad secret CANARY-77, CANARY-77!")
    answer = call(receiver.url(), hidden=["CANARY-77"])
    assert answer.error == "answered 500 Internal Server Error: bad secret ********, ********!"


def test_retry_after_is_handed_on(receiver: Receiver) -> None:
    receiver.reply = Reply(503, {"retry-after": "7"})
    assert call(receiver.url()).retry_after == "7"


def test_a_receiver_that_is_not_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = call(f"http://receiver.example:{port}/")
    assert answer[:2] == (None, "the call failed: Connection refused")
