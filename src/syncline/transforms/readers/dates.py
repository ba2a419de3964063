"""Dates as files write them, turned into ISO 8601. What cannot be read is left out rather than guessed."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(text: str | None) -> str | None:
    """ISO 8601 of a date written in ISO 8601, as RFC 5322 or as PDF does ("D:20240131120000+01'00'").
    With a zone it becomes UTC ("2024-01-31T11:00:00Z"); without one it stays local; a date alone stays a date."""
    text = (text or "").strip()
    if not text or len(text) > 64:
        return None
    if text.startswith("D:"):
        return _from_pdf(text[2:])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _from_mail(text)
    if len(text) <= 10:
        return moment.date().isoformat()
    return of(moment)


def of(moment: datetime) -> str | None:
    """ISO 8601 to the second, in UTC when the zone is known. None outside of the years that can be written."""
    moment = moment.replace(microsecond=0)
    if moment.tzinfo is None:
        return moment.isoformat()
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None


def _from_pdf(text: str) -> str | None:
    """Source: ISO 32000-1, 7.9.4; everything after the year may be missing."""
    end = next((i for i, letter in enumerate(text) if not ("0" <= letter <= "9")), len(text))
    digits, zone = text[:end], text[end:].replace("'", "")
    if len(digits) < 8:
        return None
    digits = digits[:14].ljust(14, "0")
    clock = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}"
    for candidate in (clock + zone, clock):
        try:
            return of(datetime.fromisoformat(candidate))
        except ValueError:
            continue
    return None


def _from_mail(text: str) -> str | None:
    if len(text) < 10 or not (text[-1].isalnum() or text[-1] == ")"):
        return None
    from email.utils import parsedate_to_datetime

    try:
        return of(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
