r"""Rich Text Format: a stream of {groups}, \control words and letters.

Groups are kept or skipped as a whole; a skipped group's destination (fonts, pictures, themes) holds no text of the
document. Bytes are read in the code page of the font in use, \u letters replace the bytes that follow for old readers.
Source: Rich Text Format Specification, version 1.9.1.
"""

from __future__ import annotations

import re
from datetime import datetime

from syncline.transforms.readers.dates import of
from syncline.transforms.readers.reading import damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syncline.transforms.readers.reading import Reading

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_SKIPPED = frozenset({
    "fonttbl", "colortbl", "stylesheet", "listtable", "listoverridetable", "rsidtbl", "generator", "pict", "object",
    "objdata", "themedata", "datastore", "colorschememapping", "latentstyles", "xmlnstbl", "fldinst", "datafield",
    "filetbl", "revtbl", "mmathPr", "nonshppict", "bkmkstart", "bkmkend", "wgrffmtfilter", "shpinst", "panose",
    "falt", "operator", "company", "doccomm", "keywords", "category", "manager", "hlinkbase", "userprops", "private1",
    "password", "passwordhash", "pgptbl",
})  # fmt: skip
_LETTERS = {
    "par": "\n", "line": "\n", "sect": "\n\n", "page": "\n\n", "row": "\n", "cell": "\t", "nestcell": "\t",
    "nestrow": "\n", "tab": "\t", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ",
}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "-", b"-": "", b"\n": "\n", b"\r": "\n", b"\\": "\\", b"{": "{", b"}": "}"}
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "cp936", 136: "cp950", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
MAX_DEPTH = 5000


def read(content: bytes, reading: Reading) -> None:
    """Text, and from the info group title, author, subject and dates."""
    if not content.lstrip()[:5].startswith(b"{\\rtf"):
        raise damaged("not a Rich Text file")
    document = _Document(reading)
    at = 0
    try:
        while token := _TOKEN.match(content, at):
            at = token.end() + document.take(token)
        document.flush()
    finally:
        document.note_facts()
    if document.groups:
        reading.warn("extract.partial", "the file is cut off; what is there was read")


class _Group:
    """What a closing brace restores. `target` is the destination: "" for the body, None for text that is skipped."""

    __slots__ = ("encoding", "fresh", "starred", "target", "unicode_skip")

    def __init__(self, encoding: str, target: str | None, unicode_skip: int) -> None:
        self.encoding = encoding
        self.target = target
        self.unicode_skip = unicode_skip
        self.fresh = True
        self.starred = False


class _Document:
    def __init__(self, reading: Reading) -> None:
        self.groups: list[_Group] = []
        self._reading = reading
        self._group = _Group("cp1252", "", 1)
        self._pending = bytearray()
        self._text: list[str] = []
        self._to_skip = 0
        self._default = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._facts: dict[str, str] = {}
        self._moment: dict[str, int] = {}

    def take(self, token: re.Match[bytes]) -> int:
        """Act on one token. Returns how many bytes behind it are binary and must be jumped."""
        word, number, byte, symbol, brace, letters = token.groups()
        if letters is not None:
            skip = min(self._to_skip, len(letters))
            self._to_skip -= skip
            self._bytes(letters[skip:])
        elif byte is not None:
            if self._to_skip:
                self._to_skip -= 1
            else:
                self._bytes(bytes([int(byte, 16)]))
        elif word is not None:
            return self._control(word.decode("ascii"), int(number) if number else None)
        elif brace == b"{":
            self._open()
        elif brace == b"}":
            self._close()
        elif symbol == b"*":
            self._group.starred = True
        elif symbol in _SYMBOLS:
            self._write(_SYMBOLS[symbol])
        return 0

    def flush(self) -> None:
        """Hand over what was gathered for the group's destination."""
        self._decode()
        text = "".join(self._text)
        self._text.clear()
        if not text:
            return
        if self._group.target:
            self._facts[self._group.target] = self._facts.get(self._group.target, "") + text
        else:
            self._reading.add(text.replace("\t\n", "\n"))

    def note_facts(self) -> None:
        """Hand over what the info group said."""
        self._reading.entitle(self._facts.get("title"))
        self._reading.note("author", self._facts.get("author"))
        self._reading.note("subject", self._facts.get("subject"))

    def _bytes(self, data: bytes) -> None:
        self._group.fresh = False
        if self._group.target is not None:
            self._pending += data

    def _decode(self) -> None:
        if self._pending:
            self._text.append(self._pending.decode(self._group.encoding, "replace"))
            self._pending.clear()

    def _write(self, text: str) -> None:
        self._decode()
        if self._to_skip:
            self._to_skip -= 1
        elif self._group.target is not None:
            self._text.append(text)

    def _open(self) -> None:
        self.flush()
        self._to_skip = 0
        if len(self.groups) >= MAX_DEPTH:
            raise damaged("the Rich Text file nests its groups too deeply")
        self.groups.append(self._group)
        self._group = _Group(self._group.encoding, self._group.target, self._group.unicode_skip)

    def _close(self) -> None:
        self.flush()
        self._to_skip = 0
        if self._group.target in ("creatim", "revtim"):
            self._note_moment(self._group.target)
        if self.groups:
            self._group = self.groups.pop()

    def _control(self, word: str, number: int | None) -> int:
        group = self._group
        if group.fresh:
            group.fresh = False
            self._choose_target(word)
        if word == "bin":
            return max(0, number or 0)
        if word == "u" and number is not None:
            self._write(_letter(number))
            self._to_skip = group.unicode_skip
        elif word == "uc":
            group.unicode_skip = max(0, min(number or 0, 16))
        elif word == "ansicpg" and number:
            self._default = group.encoding = _code_page(number)
        elif word == "f" and number is not None:
            self._decode()
            self._font = number
            group.encoding = self._fonts.get(number, self._default)
        elif word == "fcharset" and number in _CHARSETS:
            self._fonts[self._font] = _CHARSETS[number]
        elif word in _LETTERS:
            self._write(_LETTERS[word])
        elif word in ("yr", "mo", "dy", "hr", "min", "sec") and number is not None:
            self._moment[word] = number
        return 0

    def _choose_target(self, word: str) -> None:
        group = self._group
        if word == "shptxt":  # a text box, inside of the picture that is drawn for it
            group.target = ""
        elif group.target is None or group.starred or word in _SKIPPED:
            group.target = None
        elif word in ("title", "author", "subject", "creatim", "revtim"):
            group.target = word

    def _note_moment(self, target: str) -> None:
        parts = [self._moment.get(name, 0) for name in ("yr", "mo", "dy", "hr", "min", "sec")]
        self._moment.clear()
        try:
            moment = datetime(*parts)  # type: ignore[arg-type]
        except (ValueError, OverflowError):
            return
        self._reading.note("created" if target == "creatim" else "modified", of(moment))


def _letter(number: int) -> str:
    return chr(number & 0xFFFF)  # halves of a pair are joined when the whole text is known


def _code_page(number: int) -> str:
    name = {10000: "mac_roman", 65001: "utf-8"}.get(number, f"cp{number}")
    try:
        b"x".decode(name, "replace")
    except LookupError:
        return "cp1252"
    return name
