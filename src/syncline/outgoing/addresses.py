"""Which targets may be called: those that anybody on the internet could call, unless private ones are allowed.

    url ──▶ spelled plainly? ──▶ resolved ──▶ every address public? ──▶ Target

A server that calls where it is told can be made to call its own neighbours: databases without passwords, the
metadata service of its cloud. So a name is judged by its addresses, all of them, and an address by what it leads to,
not by how it is written. The lists are kept here and not taken from `ipaddress`, whose idea of "global" depends on the
version of Python.  Source: IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates).
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from syncline.model.errors import ConfigInvalid

MAX_URL_CHARS = 2048
MAX_ADDRESSES = 16
PORTS: Final = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[..., Sequence[tuple[Any, ...]]]
"""Called and answering as `socket.getaddrinfo`."""


class TargetRefused(ConfigInvalid):
    """A URL leads to a place that must not be called from here."""

    code = "target.refused"
    default_remedy = (
        "Give a URL that anybody can reach, or set SYNCLINE_ALLOW_PRIVATE_TARGETS=1 if everybody who may set URLs may "
        "also reach the private network of this server."
    )


class TargetUnresolved(ConfigInvalid):
    """The name in a URL leads nowhere at present."""

    code = "target.unresolved"
    default_remedy = "Correct the name in the URL, or make it resolve from this server."


class Target(NamedTuple):
    """A URL that may be called. `url` is spelled plainly; `addresses` are what was checked, in the resolver's order."""

    url: str
    host: str
    port: int
    addresses: tuple[str, ...]


class Spelled(NamedTuple):
    """A URL taken apart: `host` is a name in ASCII or an address, without brackets."""

    url: str
    host: str
    port: int


def check_url(url: str, allow_private: bool, resolve: Resolve = socket.getaddrinfo) -> Target:
    """The target, if it may be called now. Raises TargetRefused, or TargetUnresolved when the name leads nowhere.

    The answer holds for these addresses only: connect to them, not to the name (see outgoing/transport.py).
    """
    spelled = spelled_out(url)
    return Target(*spelled, check_host(spelled.host, spelled.port, allow_private, resolve))


def check_host(host: str, port: int, allow_private: bool, resolve: Resolve = socket.getaddrinfo) -> tuple[str, ...]:
    """The addresses of a host as `spelled_out` gives it, if every one of them may be called. Raises as `check_url`."""
    if _is_local_name(host) and not allow_private:
        raise TargetRefused(f"{host} is a name of this machine")
    if host in METADATA_NAMES:
        raise TargetRefused(f"{host} is a metadata service", remedy=_NEVER)
    literal = _address(host)
    found = [literal] if literal is not None else _resolved(host, port, resolve)
    for address in found:
        problem = refusal(address, allow_private)
        if problem:
            remedy = _NEVER if refusal(address, True) else None
            where = "" if literal is not None else "leads to an address that "
            raise TargetRefused(f"{host} {where}is {problem}", remedy=remedy)
    return tuple(str(address) for address in found[:MAX_ADDRESSES])


_NEVER = "Give a URL that anybody can reach."


# --- spelling --------------------------------------------------------------------------------------------------------

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_BRACKETED = re.compile(r"\[[0-9a-f:.]+\](:[0-9]*)?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def spelled_out(url: str) -> Spelled:
    """A URL of scheme http or https, taken apart without asking anybody. Raises TargetRefused when it is anything else,
    or is written in a way that two readers could understand differently."""
    if len(url) > MAX_URL_CHARS or any(char <= " " or char in "\\\x7f" for char in url):
        raise _misspelled("it is too long, or holds a space, a control character or a backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _misspelled("its host or port is malformed") from None
    if parts.scheme not in PORTS:
        raise _misspelled("only http and https can be called")
    if "@" in parts.netloc:
        raise _misspelled("a user name or password cannot be part of it")
    if port == 0:
        raise _misspelled("port 0 cannot be called")
    host = _host(parts)
    return Spelled(_joined(parts, host, port), host, port or PORTS[parts.scheme])


def _joined(parts: SplitResult, host: str, port: int | None) -> str:
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != PORTS[parts.scheme]:
        netloc = f"{netloc}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{netloc}{parts.path or '/'}{query}"


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc or "]" in parts.netloc:
        if not _BRACKETED.fullmatch(parts.netloc):
            raise _misspelled("its brackets are misplaced")
        return _ipv6(host)
    if not host.isascii():
        host = _in_ascii(host)
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _misspelled("its host is no plain name")
    if _NUMBER.fullmatch(labels[-1]) and _address(host) is None:
        raise _misspelled("its host is a number that is no address of four plain parts")
    return host


def _ipv6(host: str) -> str:
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError:
        raise _misspelled("what is in brackets is no address") from None


def _in_ascii(host: str) -> str:
    """The host as it is asked for in the DNS. Full-width digits, other dots and their like are refused, not folded."""
    import idna

    if unicodedata.normalize("NFKC", host) != host or any(dot in host for dot in "\u3002\uff0e\uff61"):
        raise _misspelled("its host is written with look-alike characters")
    try:
        return idna.encode(host, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise _misspelled("its host is no valid international name") from None


def _misspelled(why: str) -> TargetRefused:
    return TargetRefused(
        f"the URL cannot be called: {why}", remedy="Give a plain URL such as https://example.com/hook."
    )


# --- addresses -------------------------------------------------------------------------------------------------------

LOCAL_NAMES: Final = ("localhost", "localdomain", "ip6-localhost", "ip6-loopback")
METADATA_NAMES: Final = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})
METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16",
                 "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254")
)  # fmt: skip


class _Block(NamedTuple):
    network: Any
    kind: str
    private: bool  # may be called where private targets are allowed


def _blocks(rows: Sequence[tuple[str, str, bool]]) -> tuple[_Block, ...]:
    return tuple(_Block(ipaddress.ip_network(network), kind, private) for network, kind, private in rows)


_V4: Final = _blocks((
    ("0.0.0.0/8", "unspecified", False),
    ("10.0.0.0/8", "private", True),
    ("100.64.0.0/10", "shared by a provider", True),
    ("127.0.0.0/8", "loopback", True),
    ("169.254.0.0/16", "link-local", True),
    ("172.16.0.0/12", "private", True),
    ("192.0.0.0/24", "reserved", False),
    ("192.0.2.0/24", "for documentation", False),
    ("192.88.99.0/24", "reserved", False),
    ("192.168.0.0/16", "private", True),
    ("198.18.0.0/15", "for benchmarks", True),
    ("198.51.100.0/24", "for documentation", False),
    ("203.0.113.0/24", "for documentation", False),
    ("224.0.0.0/4", "multicast", False),
    ("240.0.0.0/4", "reserved", False),
))  # fmt: skip
_V6: Final = _blocks((
    ("::1/128", "loopback", True),
    ("::/128", "unspecified", False),
    ("64:ff9b:1::/48", "translated privately", True),
    ("fc00::/7", "private", True),
    ("fe80::/10", "link-local", True),
    ("fec0::/10", "private", True),
    ("ff00::/8", "multicast", False),
    ("2001::/32", "a Teredo tunnel", False),
    ("2001::/23", "reserved", False),
    ("2001:db8::/32", "for documentation", False),
    ("2002::/16", "a 6to4 tunnel", False),
    ("3fff::/20", "for documentation", False),
))  # fmt: skip
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_MAPPED: Final = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)


def refusal(address: Address, allow_private: bool) -> str:
    """What keeps the address from being called, such as "loopback"; "" when it may be called."""
    if address in METADATA:
        return "a metadata service"
    if isinstance(address, ipaddress.IPv4Address):
        return _blocked(address, _V4, allow_private)
    if any(address in network for network in _MAPPED):
        return refusal(_last_32_bits(address), allow_private)
    problem = _blocked(address, _V6, allow_private)
    if problem or not any(address in network for network in _GLOBAL_V6_AND_PRIVATE):
        return problem or "reserved"
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return refusal(_last_32_bits(address), allow_private)
    return ""


_GLOBAL_V6_AND_PRIVATE: Final = (_GLOBAL_V6, *(block.network for block in _V6 if block.private))


def _blocked(address: Address, blocks: Sequence[_Block], allow_private: bool) -> str:
    for network, kind, private in blocks:
        if address in network:
            return "" if private and allow_private else kind
    return ""


def _last_32_bits(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_local_name(host: str) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in LOCAL_NAMES)


def _resolved(host: str, port: int, resolve: Resolve) -> list[Address]:
    try:
        answers = resolve(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "the resolver failed"
        raise TargetUnresolved(f"{host} cannot be resolved: {why}") from error
    found = list(dict.fromkeys(_addresses(host, answers)))
    if not found:
        raise TargetUnresolved(f"{host} has no address")
    return found


def _addresses(host: str, answers: Sequence[tuple[Any, ...]]) -> Iterator[Address]:
    for family, *_, place in answers:
        if family in (socket.AF_INET, socket.AF_INET6):
            text, _, zone = str(place[0]).partition("%")
            address = _address(text)
            if address is None or zone:
                raise TargetRefused(f"{host} leads to an address of one network only", remedy=_NEVER)
            yield address
