"""Bytes of unknown encoding, made into text.

UTF-8 that is valid is UTF-8. Else a byte order mark decides, then the pattern of NULs (UTF-16 and UTF-32 without a
mark), then what the source declared, then whether it reads as one of the languages of Western Europe in cp1252, and
at last charset-normalizer on a bounded sample.
"""

from __future__ import annotations

import codecs

HEAD = 8192  # NULs beyond it do not make a file binary
SAMPLE = 16_384
LONG = 1 << 20

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes([*range(1, 9), *range(14, 27), *range(28, 32)])
_PUNCTUATION = "‘’“”„‚–—…•€™©®°§«»¿¡·×÷±²³½¼¾µ£¥\xa0\xad"
_NEVER_INSIDE_WORDS = frozenset("‚„…•°§²³½¼¾µ£¥·×÷±™©®")
_WESTERN = [
    frozenset(letters + letters.upper() + _PUNCTUATION)
    for letters in (
        "àâæçéèêëîïôœùûüÿ",  # French
        "äöüßéè",  # German
        "áéíóúñüªºçàèïò",  # Spanish, Catalan
        "áâãàçéêíóôõúüªº",  # Portuguese
        "àèéìòùî",  # Italian
        "åäöæøéèêëïóü",  # Nordic, Dutch
        "áðéíóúýþæö",  # Icelandic
    )
]


def decode(content: bytes, declared: str = "") -> tuple[str, str]:
    """(text, encoding). Never fails: what does not fit the encoding becomes U+FFFD, and text that is in no encoding
    at all has the encoding "". A byte order mark is removed."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        encoding = detect(content, declared)
        return content.decode(encoding or "cp1252", "replace"), encoding
    if "\0" in text[:HEAD] and (encoding := _wide(content)):
        return content.decode(encoding, "replace"), encoding
    if text.startswith("\ufeff"):
        return text[1:], "utf-8"
    if "\x1b$" in text[:HEAD] and _is_seven_bit(declared or "iso2022_jp"):
        return content.decode(declared or "iso2022_jp", "replace"), declared or "iso2022_jp"
    return text, "utf-8"


def detect(content: bytes, declared: str = "") -> str:
    """The encoding of text that is not valid UTF-8, or "" when there is none it could be."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    if wide := _wide(content):
        return wide
    if declared and _known(declared):
        return declared
    sample = content[:SAMPLE]
    if b"\0" in sample[:HEAD]:
        return ""
    if _mostly_utf8(sample):
        return "utf-8"
    return "cp1252" if _is_western(sample) else _normalizer(sample)


def decode_long(content: bytes, limit: int, declared: str = "") -> tuple[str, int, str]:
    """(at most `limit` characters, how many there are in all, encoding), without holding all of them at once."""
    head = content[:LONG]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        encoding = _wide(head) if b"\0" in head[:HEAD] else "utf-8-sig"
    except UnicodeDecodeError:
        encoding = detect(head, declared)
    decoder = codecs.getincrementaldecoder(encoding or "cp1252")("replace")
    parts: list[str] = []
    total = 0
    for at in range(0, len(content), LONG):
        piece = decoder.decode(content[at : at + LONG], at + LONG >= len(content))
        if total < limit:
            parts.append(piece[: limit - total])
        total += len(piece)
    return "".join(parts), total, encoding


def _known(encoding: str) -> bool:
    """Whether `encoding` names a text encoding of Python's (base64 and the like do not count)."""
    try:
        b"x".decode(encoding, "replace")
        return codecs.lookup(encoding).name != "utf-8"
    except (LookupError, ValueError, UnicodeError):
        return False


def _is_seven_bit(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "").startswith("iso2022")


def _wide(content: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, told by its NULs and by what the head then says; "" if it is neither."""
    head = content[: HEAD - HEAD % 4]
    if len(content) % 2 or not _may_be_wide(head):
        return ""
    quarter = len(head) // 4
    candidates = ["utf-16-le", "utf-16-be"]
    if quarter and head[3::4].count(0) == quarter and head[2::4].count(0) * 2 > quarter:
        candidates = ["utf-32-le"]
    elif quarter and head[0::4].count(0) == quarter and head[1::4].count(0) * 2 > quarter:
        candidates = ["utf-32-be"]
    oddities = {encoding: _oddities(head, encoding) for encoding in candidates}
    encoding = min(oddities, key=oddities.__getitem__)
    odd, _, length = oddities[encoding]
    return encoding if odd * 50 <= length else ""


def _oddities(head: bytes, encoding: str) -> tuple[int, int, int]:
    """(letters that no text has, minus those that all texts have, letters)"""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    odd = sum(not (letter.isprintable() or letter in "\t\n\r\f") or letter == "\ufffd" for letter in text)
    return odd, -sum(" " <= letter <= "~" or letter == "\n" for letter in text), len(text)


def _may_be_wide(head: bytes) -> bool:
    """Letters of ASCII leave a NUL each in UTF-16, other scripts only at blanks and line ends."""
    is_ascii = head.isascii() and len(head.translate(None, _CONTROLS)) == len(head)
    return head.count(0) >= max(1, len(head) // (5 if is_ascii else 100))


def _mostly_utf8(sample: bytes) -> bool:
    """A few stray bytes in what otherwise is UTF-8 with letters beyond ASCII."""
    text = sample.decode("utf-8", "replace")
    stray = text.count("\ufffd")
    good = sum(letter > "\x7f" for letter in text) - stray
    return good > 4 * stray


def _is_western(sample: bytes) -> bool:
    """Whether, read as cp1252, all letters beyond ASCII belong to one language, and the marks stand where marks do."""
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    beyond = {letter for letter in text if letter > "\x7f"}
    if not any(beyond <= letters for letters in _WESTERN) or sum(map(beyond.__contains__, text)) * 4 > len(text):
        return False
    if beyond & _NEVER_INSIDE_WORDS:
        neighbours = zip(text, text[1:], text[2:], strict=False)
        return not any(mark in _NEVER_INSIDE_WORDS and a.islower() and b.islower() for a, mark, b in neighbours)
    return True


def _normalizer(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return best.encoding if best is not None else ""
