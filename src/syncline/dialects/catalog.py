"""Which dialects there are and where each is served.

A dialect is read from disk with the first request to it: most servers speak one or two, and start sooner for it.
"""

from __future__ import annotations

from typing import Final

# path prefix: "module:function" that takes a Host and returns an ASGI application. The application is called with
# `root_path` ending in the prefix and `path` as it was received.
DIALECTS: Final = {
    "/kendra": "syncline.dialects.kendra:build",
    "/twinmaker": "syncline.dialects.twinmaker:build",
    "/elastic": "syncline.dialects.elastic:build",
    "/airweave": "syncline.dialects.airweave:build",
}

# dialect: "module:function" that the server's clockwork calls with a Host. It returns when it wants to be called again
# (Unix seconds; None: when the control plane changes). Only for dialects that keep records.
CHORES: Final[dict[str, str]] = {
    "kendra": "syncline.dialects.kendra.ending:tend",
    "twinmaker": "syncline.dialects.twinmaker:by_the_clock",
    "airweave": "syncline.dialects.airweave:chore",
    "elastic": "syncline.dialects.elastic.watching:step",
}
