"""An endpoint on the private network is not called for somebody on the network, unless that is allowed."""

from __future__ import annotations

import pytest
from tests.sources import s3lab

from syncline.model.errors import ConfigInvalid
from syncline.service.reach import check_settings

PRIVATE = [
    "http://127.0.0.1:9000", "https://10.0.0.1", "https://[::1]:9000", "https://169.254.169.254", "https://192.168.1.1/s3",
    "https://localhost", "https://[fd00::1]", "https://metadata.google.internal",
]  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
def test_an_endpoint_on_the_private_network_is_refused(url, monkeypatch):
    monkeypatch.delenv("SYNCLINE_ALLOW_PRIVATE_TARGETS", raising=False)
    with pytest.raises(ConfigInvalid) as caught:
        check_settings("s3", s3lab.values("bucket", endpoint_url=url), ())
    assert caught.value.code == "target.refused"


def test_an_endpoint_on_the_private_network_can_be_allowed(monkeypatch):
    monkeypatch.setenv("SYNCLINE_ALLOW_PRIVATE_TARGETS", "1")
    check_settings("s3", s3lab.values("bucket", endpoint_url="http://127.0.0.1:9000"), ())


def test_the_usual_endpoint_and_a_public_one_are_within_reach(monkeypatch):
    monkeypatch.delenv("SYNCLINE_ALLOW_PRIVATE_TARGETS", raising=False)
    check_settings("s3", s3lab.values("bucket"), ())
    check_settings("s3", s3lab.values("bucket", endpoint_url="https://1.1.1.1"), ())
