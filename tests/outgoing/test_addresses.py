"""Which targets may be called. Every row of these tables is a way in that somebody has used, or a way out we need."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.outgoing.addresses import TargetRefused, TargetUnresolved, check_host, check_url, refusal

PUBLIC = "93.184.215.14"
PUBLIC_6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


def resolver(*addresses: str) -> Callable[..., Sequence[tuple[Any, ...]]]:
    """A resolver that knows every name, under these addresses."""

    def resolve(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    return resolve


def no_resolver(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
    raise AssertionError(f"{host} was looked up")


# Addresses by what they lead to. The second column: they may be called where private targets are allowed.
ADDRESSES = [
    ("0.0.0.0", False), ("0.1.2.3", False), ("0.255.255.255", False),
    ("10.0.0.0", True), ("10.0.0.1", True), ("10.255.255.255", True),
    ("100.64.0.1", True), ("100.127.255.255", True), ("100.100.100.200", False),
    ("127.0.0.1", True), ("127.0.0.2", True), ("127.255.255.255", True),
    ("168.63.129.16", False),
    ("169.254.0.1", True), ("169.254.169.254", False), ("169.254.170.2", False), ("169.254.170.23", False),
    ("172.16.0.1", True), ("172.31.255.255", True),
    ("192.0.0.1", False), ("192.0.0.192", False), ("192.0.2.1", False), ("192.88.99.1", False),
    ("192.168.0.1", True), ("192.168.255.255", True),
    ("198.18.0.1", True), ("198.19.255.255", True), ("198.51.100.7", False), ("203.0.113.7", False),
    ("224.0.0.1", False), ("239.255.255.255", False), ("240.0.0.1", False), ("255.255.255.255", False),
    ("::", False), ("::1", True), ("::2", False), ("::127.0.0.1", False), ("::7f00:1", False), ("::8.8.8.8", False),
    ("::ffff:127.0.0.1", True), ("::ffff:10.0.0.1", True), ("::ffff:169.254.169.254", False), ("::ffff:7f00:1", True),
    ("::ffff:0.0.0.0", False), ("::ffff:0:127.0.0.1", False), ("::ffff:0:8.8.8.8", False),
    ("64:ff9b::127.0.0.1", True), ("64:ff9b::10.0.0.1", True), ("64:ff9b::a9fe:a9fe", False),
    ("64:ff9b:1::8.8.8.8", True), ("64:ff9b:1::10.0.0.1", True),
    ("100::1", False), ("100:0:0:1::1", False),
    ("2001::1", False), ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False), ("2001:0:a00:1::", False),
    ("2001:2::1", False), ("2001:10::1", False), ("2001:20::1", False), ("2001:db8::1", False),
    ("2002:7f00:1::", False), ("2002:a00:1::1", False), ("2002:808:808::1", False), ("3fff::1", False),
    ("5f00::1", False), ("4000::1", False),
    ("fc00::1", True), ("fd12:3456:789a::1", True), ("fdff::1", True),
    ("fd00:ec2::254", False), ("fd00:ec2::23", False), ("fd20:ce::254", False),
    ("fe80::1", True), ("febf::1", True), ("fec0::1", True), ("ff02::1", False), ("ff05::2", False),
    ("2606:2800:21f:cb07:0:5efe:127.0.0.1", True), ("2606:2800:21f:cb07:200:5efe:10.0.0.1", True),
    ("2606:2800:21f:cb07:0:5efe:169.254.169.254", False),
]  # fmt: skip
GLOBAL = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", PUBLIC, PUBLIC_6, "2a00:1450:4001::1", "2001:200::1",
    "2001:4860:4860::8888", "2003::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:2800:21f:cb07:0:5efe:8.8.8.8",
]  # fmt: skip

# Spellings that are refused whatever they lead to, and whatever is allowed.
SPELLINGS = [
    # numbers that some readers take for an address
    "http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://0177.0.0.1/", "http://0x7f.0.0.1/",
    "http://0x7f.1/", "http://127.1/", "http://127.0.1/", "http://127.0.0.01/", "http://127.0.0.1.1/", "http://0/",
    "http://0x/", "http://00000000177.0.0.1/", "http://256.256.256.256/", "http://1.2.3.0x4/", "http://example.123/",
    "http://3232235521/", "http://0300.0250.0.1/",
    # look-alikes
    "http://１２７.0.0.1/", "http://127。0。0。1/", "http://127．0．0．1/", "http://127｡0｡0｡1/", "http://①②⑦.0.0.1/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://ｌｏｃａｌｈｏｓｔ/", "http://local\u00adhost/", "http://local\u200bhost/", "http://\u202elocalhost/",
    "http://ex\u0430mple\u2024com/", "http://a\u2100b.example/", "http://fa\u00df\uff0eexample/",
    # two hosts in one
    "http://user@example.com/", "http://user:pass@example.com/", "http://@example.com/", "http://example.com@127.0.0.1/",
    "http://127.0.0.1:80\\@example.com/", "http://example.com\\.evil.example/", "http://example.com#@127.0.0.1\\",
    # dots
    "http://example.com./", "http://localhost./", "http://127.0.0.1./", "http://.example.com/", "http://a..example.com/",
    # what no host is made of
    "http://%31%32%37.0.0.1/", "http://127.0.0.1%00.example.com/", "http://exa mple.com/", "http://example.com\t/",
    "http://example.com\r\nHost:x/", "http://\x00example.com/", " http://example.com/", "http://exam!ple.com/",
    "http://-example.com/", "http://example-.com/", "http://" + "a" * 64 + ".com/", "http://" + "a." * 130 + "com/",
    "http://example.com/" + "a" * 2048,
    # brackets
    "http://[::1", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[127.0.0.1]/", "http://[v1.x]/",
    "http://[::1]x/", "http://[example.com]/", "http://[]/",
    # ports
    "http://example.com:0/", "http://example.com:65536/", "http://example.com:-1/", "http://example.com:80x/",
    "http://example.com:8 0/", "http://example.com:٨٠/", "http://example.com:99999999999/",
    # schemes
    "ftp://example.com/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "javascript:alert(1)", "//example.com/",
    "example.com", "http:example.com", "http:/example.com", "http:///example.com", "http://", "", "https://?q", "dict://x/",
    "HTTP+UNIX://x/",
]  # fmt: skip
LOCAL_NAMES = [
    "http://localhost/", "http://LOCALHOST:8080/", "http://a.localhost/", "http://localhost.localdomain/",
    "http://x.localdomain/", "http://ip6-localhost/", "http://ip6-loopback/",
]  # fmt: skip
METADATA_NAMES = ["http://metadata.google.internal/", "http://metadata.goog/", "http://instance-data.ec2.internal/"]


@pytest.mark.parametrize(("address", "private"), ADDRESSES)
def test_an_address_that_is_not_global_is_refused_as_it_is_and_behind_a_name(address: str, private: bool) -> None:
    literal = f"https://[{address}]/" if ":" in address else f"https://{address}/"
    for url in (literal, "https://innocent.example/hook"):
        with pytest.raises(TargetRefused) as caught:
            check_url(url, False, resolver(address))
        assert caught.value.code == "target.refused"
        assert caught.value.remedy
        if private:
            assert check_url(url, True, resolver(address)).addresses
        else:
            with pytest.raises(TargetRefused) as caught:
                check_url(url, True, resolver(address))
            assert "SYNCLINE_ALLOW_PRIVATE_TARGETS" not in caught.value.remedy


@pytest.mark.parametrize("address", GLOBAL)
def test_a_global_address_may_be_called(address: str) -> None:
    literal = f"http://[{address}]:8443/" if ":" in address else f"http://{address}:8443/"
    assert check_url(literal, False, no_resolver).port == 8443
    assert len(check_url("http://example.com/", False, resolver(address)).addresses) == 1


@pytest.mark.parametrize("allow_private", [False, True])
@pytest.mark.parametrize("url", SPELLINGS)
def test_a_url_that_can_be_read_in_two_ways_is_refused_before_anybody_is_asked(url: str, allow_private: bool) -> None:
    with pytest.raises(TargetRefused) as caught:
        check_url(url, allow_private, no_resolver)
    assert caught.value.remedy


@pytest.mark.parametrize("url", LOCAL_NAMES)
def test_a_name_of_this_machine_is_refused_whatever_it_resolves_to(url: str) -> None:
    with pytest.raises(TargetRefused):
        check_url(url, False, resolver(PUBLIC))
    assert check_url(url, True, resolver("127.0.0.1", "::1")).addresses == ("127.0.0.1", "::1")


@pytest.mark.parametrize("url", METADATA_NAMES)
def test_a_metadata_service_is_never_called(url: str) -> None:
    for allow_private in (False, True):
        with pytest.raises(TargetRefused):
            check_url(url, allow_private, resolver(PUBLIC))


@pytest.mark.parametrize(
    "addresses", [(PUBLIC, "10.0.0.1"), ("10.0.0.1", PUBLIC), (PUBLIC, PUBLIC_6, "::1"), (*[PUBLIC] * 40, "127.0.0.1")]
)
def test_one_private_address_among_public_ones_is_enough_to_refuse(addresses: tuple[str, ...]) -> None:
    with pytest.raises(TargetRefused):
        check_url("https://mixed.example/", False, resolver(*addresses))


@pytest.mark.parametrize(
    ("url", "plain", "host", "port"),
    [
        ("https://example.com", "https://example.com/", "example.com", 443),
        ("HTTPS://Example.COM:443/Hook?a=B#part", "https://example.com/Hook?a=B", "example.com", 443),
        ("http://example.com:443/", "http://example.com:443/", "example.com", 443),
        ("http://my_service:8080/x", "http://my_service:8080/x", "my_service", 8080),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/ü", "xn--bcher-kva.example", 443),
        ("https://例え.テスト/", "https://xn--r8jz45g.xn--zckzah/", "xn--r8jz45g.xn--zckzah", 443),
        ("https://1.example.com:65535/", "https://1.example.com:65535/", "1.example.com", 65535),
        (
            "https://hooks.example/?url=http://127.0.0.1/",
            "https://hooks.example/?url=http://127.0.0.1/",
            "hooks.example",
            443,
        ),
    ],
)
def test_a_good_url_is_spelled_plainly(url: str, plain: str, host: str, port: int) -> None:
    target = check_url(url, False, resolver(PUBLIC, PUBLIC_6, PUBLIC))
    assert target == (plain, host, port, (PUBLIC, PUBLIC_6))


def test_an_address_is_spelled_plainly_and_needs_no_resolver() -> None:
    expected = ("http://[2606:4700::1]/", "2606:4700::1", 80, ("2606:4700::1",))
    assert check_url("http://[2606:4700:0::0001]:80", False, no_resolver) == expected


def test_what_httpx_will_call_is_what_was_checked() -> None:
    import httpx

    for url in (
        "https://bücher.example:8443/a?b",
        "HTTP://EXAMPLE.com",
        "http://[2606:4700::1]:81/",
        "https://1.1.1.1/",
    ):
        target = check_url(url, False, resolver(PUBLIC))
        called = httpx.URL(target.url)
        assert called.raw_host.decode() == target.host
        assert (called.port or {"http": 80, "https": 443}[called.scheme]) == target.port


def test_a_name_that_leads_nowhere_is_told_apart_from_one_that_is_refused() -> None:
    def broken(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for resolve in (broken, resolver()):
        with pytest.raises(TargetUnresolved) as caught:
            check_host("nowhere.example", 443, False, resolve)
        assert caught.value.code == "target.unresolved"


def test_an_answer_with_a_zone_is_refused() -> None:
    with pytest.raises(TargetRefused):
        check_host("here.example", 443, True, resolver("fe80::1%eth0"))


@given(st.integers(0, 2**32 - 1))
def test_what_is_called_by_a_random_ipv4_address_is_global(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    assert address.is_global or refusal(address, False)


@given(st.integers(0, 2**128 - 1) | st.integers(0x2000 << 112, (0x4000 << 112) - 1))
def test_what_is_called_by_a_random_ipv6_address_is_global(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    outside = address not in ipaddress.IPv6Network("2000::/3") and address.ipv4_mapped is None
    assert refusal(address, False) or (address.is_global and not outside)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0xFFFF << 32, 0x64FF9B << 96]))
def test_an_ipv6_address_that_holds_an_ipv4_address_is_judged_by_it(number: int, prefix: int) -> None:
    for allow_private in (False, True):
        inner = refusal(ipaddress.IPv4Address(number), allow_private)
        assert refusal(ipaddress.IPv6Address(prefix | number), allow_private) == inner


@given(st.text(st.sampled_from("http:/s@\\[]1270.x#?%２。ß\u202e \t"), max_size=24))
def test_any_text_is_either_refused_or_read_alike_by_httpx(text: str) -> None:
    import httpx

    try:
        target = check_url("http://" + text, True, resolver(PUBLIC))
    except TargetRefused:
        return
    called = httpx.URL(target.url)
    assert (called.raw_host.decode(), called.port or 80) == (target.host, target.port)


def test_the_table_is_long_enough(remark: Callable[[str], None]) -> None:
    vectors = 2 * len(ADDRESSES) + 2 * len(SPELLINGS) + len(LOCAL_NAMES) + 2 * len(METADATA_NAMES)
    remark(f"outgoing calls: {vectors} forbidden targets tried, {2 * len(GLOBAL) + 10} allowed ones")
    assert vectors >= 80
