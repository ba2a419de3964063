"""What a source says, and what it promises by saying it.

A listing source yields:  Begin?  then Page*  Unchanged?  Skipped*  Unlisted*  Checkpoint*  Note*  in any order, at last
Complete.
A stream source yields:   Begin?  then Document*  Tombstone*  Unlisted*  Checkpoint*  and at last Complete.

Complete is the end-of-scan proof: without it nothing is deleted by absence and the job does not succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from syncline.model.documents import Document, Tombstone
from syncline.model.errors import SynclineError

SAME: Final = "\0same"
"""Version of an Entry: as it was at the last Complete with `proved`, or as it was taken since."""


class Begin(NamedTuple):
    """Said first, by sources whose places have an identity: what is about to be listed. Complete says it again."""

    anchor: str


class Entry(NamedTuple):
    """One line of a listing: enough to decide whether the document must be fetched.

    version  changes whenever the document may have changed; None: cannot tell, fetch and compare by content.
    token    whatever `fetch` wants to find it again; never stored.
    """

    id: str
    version: str | None
    token: Any = None


class Page(NamedTuple):
    """A batch of a listing, a few thousand entries at the most."""

    entries: Sequence[Entry]
    scanned: int = 0  # documents looked at for this page, for progress; 0: as many as entries


Names = bytes | Sequence[str]
"""Some ids: one after the other, or as UTF-8 with a line feed after each, if none has one within."""


class Unchanged(NamedTuple):
    """Documents that were there at the last Complete with `proved`, and are there and the same now. Said at most once,
    after every Page.

    total  how many they are, those that this listing has named in a Page left out; None: nobody has counted, and what
           is gone is not looked for.
    names  their ids, in batches. Called at once, and only when the ledger holds another number of documents that were
           not named. Compared fastest in the order in which they were named first.
    pages  the same as entries with the version SAME. Called instead when the ledger must look at some of them again.
    """

    total: int | None
    names: Callable[[], Iterator[Names]]
    pages: Callable[[], Iterator[Page]]


class Skipped(NamedTuple):
    """A document the source's own rules keep out. `rule` is stable and readable: the pattern, the limit."""

    id: str
    rule: str
    code: str = "filtered.rule"


class Unlisted(NamedTuple):
    """What lies under `prefix` could not be listed (an id prefix; "" is everything). Nothing under it is
    deleted by this job; additions elsewhere go on."""

    prefix: str
    error: SynclineError


class Gone(NamedTuple):
    """Answer of `fetch`: listed a moment ago, not there any more. Counts as not listed."""

    id: str


class Refused(NamedTuple):
    """Answer of `fetch` or of a transform: this document cannot be taken now; it fails alone."""

    id: str
    error: SynclineError
    stage: str = "fetch"


class Checkpoint(NamedTuple):
    """A promise: reading again from `cursor` repeats nothing before it and misses nothing after it.

    memory  for listing sources: replaces what the last Complete left, durably before anything that is said afterwards
            is taken; None leaves it. For a source that must forget what it is about to change.
    """

    cursor: str
    memory: Mapping[str, Any] | None = None


class Note(NamedTuple):
    """Something a person should know of this listing, such as the way changes are found. One sentence."""

    text: str


class Complete(NamedTuple):
    """The end-of-scan proof.

    anchor   identity of the place that was listed (a device, a bucket's creation date); when it differs from the
             last one, absence proves nothing until most of what is held has been found again.
    memory   small JSON the source wants back at its next listing.
    proved   True: `memory` says that everything up to here has been taken, so it is forgotten unless that is true.
             A job with a failed document, or one that was not listed to its end, leaves the earlier memory in place.
    cursor   for stream sources: where an incremental read goes on from.
    """

    anchor: str = ""
    memory: Mapping[str, Any] | None = None
    cursor: str | None = None
    proved: bool = False


Listed = Begin | Page | Unchanged | Skipped | Unlisted | Checkpoint | Note | Complete
Fetched = Document | Gone | Refused
Read = Begin | Document | Tombstone | Skipped | Unlisted | Refused | Checkpoint | Complete
