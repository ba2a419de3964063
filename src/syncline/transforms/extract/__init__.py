"""Extract: bytes in, text, title and metadata out, at a price that is bounded for every document.

    from syncline.transforms.extract import Extract, Limits, wanted

    wanted("photo.png")             "no text in image/png": need not even be fetched
    Extract().apply(documents)      one answer for each: Document, Refused or Unwanted

The readers of the formats are next door, in `readers/`. Warnings a document may carry: extract.cut, extract.empty,
extract.encoding, extract.invalid, extract.partial, extract.plain. Codes of refusal: errors.py.
"""

from __future__ import annotations

from syncline.transforms.extract.errors import NotExtracted
from syncline.transforms.extract.limits import Limits
from syncline.transforms.extract.media import wanted
from syncline.transforms.extract.transform import Extract

__all__ = ["Extract", "Limits", "NotExtracted", "wanted"]
