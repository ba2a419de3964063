"""Moments as Airweave writes them: most without an offset, meaning UTC; those of schedules and webhooks with one."""

from __future__ import annotations

from datetime import UTC, datetime


def naive(at: float | None) -> str | None:
    """ "2026-01-31T12:00:00.000000"; None for None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def aware(at: float | None) -> str | None:
    """ "2026-01-31T12:00:00.000000+00:00"; None for None."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def unix(moment: datetime) -> float:
    """Unix seconds; one without an offset is UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
