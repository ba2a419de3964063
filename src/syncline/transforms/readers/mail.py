"""Mail (RFC 5322): the subject is the title, the plain body the text, an HTML body only when there is no other.

Attachments are named; those that are plain text are read too. Everything in it may be malformed: a header or part that
the standard library cannot make sense of is passed over.
"""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from syncline.transforms.readers import charset
from syncline.transforms.readers.dates import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncline.transforms.readers.reading import Reading

MAX_PARTS = 1000
_TEXTS = ("text/plain", "text/csv", "text/markdown", "text/tab-separated-values", "application/json")


def read(content: bytes, reading: Reading) -> None:
    """Body, then attachments. Sender, recipients and date become metadata."""
    message = BytesParser(policy=policy.default).parsebytes(content)
    _read_headers(message, reading)
    body = _body(message)
    if body is not None:
        _add_body(body, reading)
    names: list[str] = []
    for part in _attachments(message, body):
        name = str(_safely(part.get_filename) or "")
        names.append(name)
        if part.get_content_type() == "message/rfc822":
            _read_enclosed(part, reading)
        elif part.get_content_type() in _TEXTS:
            reading.add(f"\n{name}\n{_text(part)}\n")
    reading.note("attachments", names)


def _read_headers(message: EmailMessage, reading: Reading) -> None:
    subject = _header(message, "Subject")
    reading.entitle(subject)
    reading.note("subject", subject)
    reading.note("sender", _header(message, "From"))
    recipients = [_header(message, name) for name in ("To", "Cc")]
    reading.note("recipients", [one for line in recipients for one in _addresses(line)])
    reading.note("created", iso(_header(message, "Date").partition("(")[0]))


def _header(message: EmailMessage, name: str) -> str:
    return str(_safely(lambda: message.get(name)) or "")


def _addresses(line: str) -> list[str]:
    from email.utils import getaddresses

    return [f"{name} <{address}>" if name else address for name, address in getaddresses([line]) if address]


def _body(message: EmailMessage) -> EmailMessage | None:
    body = _safely(lambda: message.get_body(("plain", "html")))
    return body if isinstance(body, EmailMessage) else None


def _attachments(message: EmailMessage, body: EmailMessage | None) -> Iterator[EmailMessage]:
    waiting = [message]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        if part.get_content_maintype() == "multipart":
            waiting[:0] = _parts(part)
        elif part is not body and part is not message and part.get_content_type() != "text/html":
            yield part


def _parts(part: EmailMessage) -> list[EmailMessage]:
    payload = part.get_payload()
    return [sub for sub in payload if isinstance(sub, EmailMessage)] if isinstance(payload, list) else []


def _read_enclosed(part: EmailMessage, reading: Reading) -> None:
    """A mail that was forwarded as an attachment: its headers and its body, not what it encloses itself."""
    for inner in _parts(part):
        reading.add(f"\n{_header(inner, 'Subject')}\n{_header(inner, 'From')}\n")
        if (body := _body(inner)) is not None:
            _add_body(body, reading)


def _add_body(body: EmailMessage, reading: Reading) -> None:
    if body.get_content_type() == "text/html":
        from syncline.transforms.readers import html

        html.add_markup(_text(body), reading)
    else:
        reading.add(_text(body).replace("\r\n", "\n") + "\n")


def _text(part: EmailMessage) -> str:
    payload = _safely(lambda: part.get_payload(decode=True))
    declared = _safely(part.get_content_charset)
    content = payload if isinstance(payload, bytes) else b""
    return charset.decode(content, declared if isinstance(declared, str) else "")[0]


def _safely(call: Callable[[], object]) -> object:
    """None when the standard library fails, as its parsers of headers do in many ways on hostile ones."""
    try:
        return call()
    except Exception:
        return None
