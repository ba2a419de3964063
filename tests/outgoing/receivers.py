"""Real receivers: HTTP servers on this machine, in threads, that do as they are told."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WAIT_S = 60.0

Resolver = Callable[..., Sequence[tuple[Any, ...]]]


def here(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
    """A resolver that finds every name on this machine."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def until(condition: Callable[[], object], what: str = "it") -> None:
    """Wait for something to become true."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


@dataclass
class Got:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Reply:
    """What to answer. `hang`: nothing, until the receiver is closed. `drip`: byte for byte, for ever."""

    status: int = 200
    headers: Mapping[str, str] | None = None
    body: bytes = b"ok"
    hang: bool = False
    drip: bool = False


class Receiver:
    """Answers with `reply`, or with what `script` says to the n-th request (from 1)."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.got: list[Got] = []
        self.reply = Reply()
        self.script: Callable[[Got, int], Reply] | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._scheme = "https" if certificate else "http"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, host: str = "receiver.example", path: str = "/hook") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def ids(self) -> list[str]:
        return [got.id for got in self.got]

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, got: Got) -> Reply:
        with self._lock:
            self.got.append(got)
            count = len(self.got)
        return self.script(got, count) if self.script else self.reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                body = self.rfile.read(size)
                if len(body) < size:  # its sender died
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = receiver._answer(Got(self.path, headers, body))
                if reply.hang:
                    receiver._closing.wait()
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in (reply.headers or {}).items():
                    self.send_header(name, value)
                self.send_header("content-length", str(10**9 if reply.drip else len(reply.body)))
                self.end_headers()
                try:
                    while reply.drip and not receiver._closing.wait(0.02):
                        self.wfile.write(b"x")
                    self.wfile.write(reply.body)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


class Certificates:
    """An authority of its own, and certificates it signs."""

    def __init__(self, folder: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._ca = self._certificate("Test authority", self._key, None)

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this authority alone."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return ssl.create_default_context(cadata=self._ca.public_bytes(Encoding.PEM).decode())

    def of(self, name: str) -> Path:
        """Key and certificate of a server with that name or address."""
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self._folder / f"{name}.pem"
        path.write_bytes(pem + self._certificate(name, key, name).public_bytes(Encoding.PEM))
        return path

    def _certificate(self, subject: str, key: Any, host: str | None) -> Any:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509.oid import NameOID

        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named("Test authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        )
        if host is not None:
            name: Any = x509.DNSName(host)
            with contextlib.suppress(ValueError):
                name = x509.IPAddress(ipaddress.ip_address(host))
            builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        return builder.sign(self._key, hashes.SHA256())
