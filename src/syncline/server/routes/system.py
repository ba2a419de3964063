"""Whether it is well, what it is, and what it offers. Served without a key."""

from __future__ import annotations

import os

from starlette.responses import Response

from syncline import __version__
from syncline.model.errors import SynclineError
from syncline.model.keys import Scope
from syncline.server.auth import authenticate
from syncline.server.operations import Call, Operations, answered

operations = Operations("system")


@operations("GET", "/healthz", "Is it alive", scope=None, answers="Health")
def healthz() -> Response:
    """Answers as long as requests are answered at all."""
    return answered({"status": "ok"})


@operations("GET", "/readyz", "Can it work", scope=None, answers="Readiness", tells=(503,))
def readyz(call: Call) -> Response:
    """The data directory can be written, its tables are those of this version, and jobs are looked after."""
    checks = {"data_dir": _data_dir(call), "tables": _tables(call), "supervisor": _supervisor(call)}
    ready = not any(checks.values())
    told = {"ready": ready, "checks": {name: wrong or "ok" for name, wrong in checks.items()}}
    return answered(told, 200 if ready else 503)


def _data_dir(call: Call) -> str:
    return "" if os.access(call.house.settings.data_dir, os.W_OK | os.X_OK) else "cannot be written"


def _tables(call: Call) -> str:
    try:
        with call.room() as room:
            room.control().version()
    except SynclineError as error:
        return error.code
    return ""


def _supervisor(call: Call) -> str:
    supervisor = call.house.supervisor
    return "" if supervisor is not None and supervisor.alive else "has ended"


@operations("GET", "/version", "Which version", scope=None, answers="Version")
def version() -> Response:
    """Of Syncline."""
    return answered({"name": "syncline", "version": __version__})


@operations("GET", "/metrics", "Metrics", scope=None, media="text/plain")
def metrics(call: Call) -> Response:
    """In the text format of Prometheus. Needs a key with the scope read if the server was told so."""
    from syncline.server.metrics import CONTENT_TYPE, metrics_text

    if call.house.settings.metrics_need_key:
        authenticate(call.house, call.request.headers).need(Scope.READ)
    return Response(metrics_text(call.house), 200, {"cache-control": "no-store"}, CONTENT_TYPE)


@operations("GET", "/openapi.json", "This description", scope=None)
def openapi(call: Call) -> Response:
    """OpenAPI 3.1, complete."""
    from syncline.server.openapi import document

    return Response(document(call.request.app), 200, {"cache-control": "no-cache"}, "application/json")
