"""Signatures, as the reference library of the specification verifies them."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from syncline.model.errors import ConfigInvalid
from syncline.outgoing.signing import key_of, new_secret, signature, signed_headers


def test_the_example_of_the_specification() -> None:
    # Source: www.standardwebhooks.com, reference implementations, "sign" in their tests.
    made = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@settings(max_examples=50)
@given(body=st.text().map(str.encode), key=st.binary(min_size=24, max_size=64))
def test_the_reference_library_accepts_what_is_signed_and_nothing_else(body: bytes, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signed_headers("msg_1", int(time.time()), body, [secret])
    Verifier(secret).verify(body, headers, json_parse=False)
    for wrong in ({"webhook-id": "msg_2"}, {"webhook-timestamp": str(int(time.time()) + 1)}):
        with pytest.raises(WebhookVerificationError):
            Verifier(secret).verify(body, {**headers, **wrong}, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body + b" ", headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(body, headers, json_parse=False)


def test_while_a_secret_is_replaced_receivers_with_either_accept() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers("msg_1", int(time.time()), b"{}", [new, old])
    assert Verifier(old).verify(b"{}", headers) == Verifier(new).verify(b"{}", headers) == {}


def test_new_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(key_of(secret)) for secret in made} == {32}


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_abc", "whsec_!!!!", base64.b64encode(bytes(32)).decode(), "whsk_" + "A" * 44]
    + ["whsec_" + base64.b64encode(bytes(count)).decode() for count in (0, 23, 65)]
    + ["whsec_" + base64.b64encode(bytes(32)).decode().rstrip("="), "whsec_\u00e4" + "A" * 43],
)
def test_a_malformed_secret_is_refused_and_not_quoted(secret: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        key_of(secret)
    assert not secret or secret not in caught.value.message
