"""Values as JSON can keep them, faithfully: what a number cannot hold exactly stays text.

Whatever a database hands over, as text or as Python values, comes out as str, int, float, bool, a list of str, bytes
(binary columns only), or None for NULL.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

EXACT_DIGITS: Final = 15  # as many significant decimal digits survive a double in any case
REMEMBERED: Final = 10_000
ALIKE: Final = 10  # characters of a date
_DIGITS: Final = frozenset("0123456789")
_SPECIAL: Final = frozenset("nN")  # NaN, Infinity, -inf


class Known(dict[Any, Any]):
    """Converts, and remembers those values that keep coming, such as prices."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, value: Any) -> Any:
        if len(self) >= REMEMBERED:
            self.clear()
        found = self[value] = self._convert(value)
        return found


def decimal(text: str) -> int | float | str:
    """A decimal number: an int, a float that shows the same digits, or the text itself."""
    if not _SPECIAL.isdisjoint(text) or not text:
        return text
    if "." not in text and "e" not in text and "E" not in text:
        return int(text)
    digits = text.lstrip("-+0.").replace(".", "")
    return float(text) if len(digits) <= EXACT_DIGITS and "e" not in text and "E" not in text else text


def floating(text: str) -> float | str:
    """A binary floating point number; what JSON has no number for stays text."""
    number = float(text)
    return number if math.isfinite(number) else text


def moment(text: str) -> str:
    """A date and time as databases write it, in ISO 8601: "2026-01-31 10:00:00+00" becomes "2026-01-31T10:00:00+00:00".
    What is no such thing (infinity, a year before Christ) stays as it is."""
    if len(text) > 10 and text[10] == " " and text[-1].isdigit():
        text = f"{text[:10]}T{text[11:]}"
        if text[-3] in "+-":
            text += ":00"
    return text


def moments(column: Sequence[str]) -> list[str]:
    """`moment` of each; in one go when all of them are written alike."""
    lines = "\n".join(column) + "\n"
    alike = lines.count(" ") == lines.count("\n") == len(column) and min(map(len, column)) > ALIKE
    if not alike or set(map(itemgetter(10), column)) != {" "} or not _DIGITS.issuperset(map(itemgetter(-1), column)):
        return list(map(moment, column))
    signs = set(map(itemgetter(-3), column))
    if signs == {"+"} or signs == {"-"}:
        lines = lines.replace("\n", ":00\n")
    elif not signs.isdisjoint("+-"):
        return list(map(moment, column))
    return lines.replace(" ", "T").split("\n")[:-1]


def json_value(text: str) -> Any:
    """A JSON column: a scalar becomes that scalar, an array of texts a list; anything deeper stays JSON text."""
    start = text[:1]
    if start == "{" or not start:
        return text
    value = json.loads(text)
    if isinstance(value, list):
        return value if all(isinstance(item, str) for item in value) else text
    if isinstance(value, float) and repr(value) != text:
        return text
    return value


def plain(value: Any) -> Any:
    """A Python value of a driver, as metadata can keep it."""
    if value is None or type(value) in (str, int, bool, bytes):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Decimal):
        return decimal(format(value, "f")) if value.is_finite() else str(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return list(value)
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)


def shown(value: Any) -> str:
    """A value within a text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return ", ".join(value)
    return str(value)


def kept(value: Any) -> Any:
    """A value within metadata: binary becomes base64."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def array(text: str) -> Any:
    """An array literal of PostgreSQL: of one dimension and without NULL a list of texts, else the literal itself."""
    if not (text.startswith("{") and text.endswith("}")):
        return text
    if text == "{}":
        return []
    if '"' not in text and "\\" not in text and "{" not in text[1:]:
        items: Sequence[str] = text[1:-1].split(",")
        return text if any(item.upper() == "NULL" for item in items) else list(items)
    return _quoted_items(text)


def _quoted_items(text: str) -> Any:
    items: list[str] = []
    at, end = 1, len(text) - 1
    while at < end:
        if text[at] == '"':
            part: list[str] = []
            at += 1
            while text[at] != '"':
                if text[at] == "\\":
                    at += 1
                part.append(text[at])
                at += 1
            items.append("".join(part))
            at += 1
        else:
            stop = text.find(",", at)
            stop = end if stop < 0 else stop
            item = text[at:stop]
            if "{" in item or item.upper() == "NULL":
                return text
            items.append(item.replace("\\", ""))
            at = stop
        if at < end and text[at] != ",":
            return text
        at += 1
    return items
