"""What tests of the SiteWise source stand on: one stand-in for a run, and sources that are in a hurry."""

from __future__ import annotations

from functools import cache
from typing import Any

from syncline.sources.registry import open_source, validate
from syncline.sources.sitewise.client import Patience
from syncline.testing.sitewise import SiteWise

HASTY = Patience(connect=2.0, read=2.0, tries=3, throttled=5, base=0.01, cap=0.05)


@cache
def the_sitewise() -> SiteWise:
    """One server for a whole run; seven of anything on a page."""
    return SiteWise(page_size=7).start()


def opened(sitewise: SiteWise, *, environ: Any = None, taken: Any = None, **settings: Any) -> Any:
    """A source on it."""
    values = validate("sitewise", {**sitewise.settings, **settings})
    more = {} if environ is None else {"environ": environ}
    return open_source("sitewise", values, patience=HASTY, taken=taken, **more)
