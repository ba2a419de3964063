"""A stand-in for AWS IoT SiteWise: a real HTTP server whose requests are verified, validated and answered by the model
of the service, over assets that tests make, move and remove. It can be told to fail.

    with SiteWise() as sitewise:
        pump = sitewise.add_model("Pump", [("Speed", "DOUBLE", "rpm")])
        asset = sitewise.add_asset("Pump 1", pump)
        sitewise.fail("ListAssets", after=1)            # the second page
        client = sitewise.client()                      # of boto3; or give sitewise.environ to a process
"""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import anyio

from syncline.dialects.aws import Fault, Request, Wire
from syncline.dialects.aws.models import load_service
from syncline.dialects.aws.routing import Router
from syncline.model.keys import Scope, Unauthorized

KEY_ID: Final = "AKIASITEWISE00000001"
SECRET: Final = "the-secret-of-the-stand-in-0123456789ab"  # noqa: S105 - it opens nothing else
REGION: Final = "eu-central-1"
ACCOUNT: Final = "123456789012"
_IDS: Final = uuid.UUID("0f4a9f63-55d5-4d4a-8d43-0f3f7a0b9a11")

Trouble = Literal["error", "throttle", "denied", "unavailable", "html", "empty", "cut", "slow", "same page", "missing"]


@dataclass(slots=True)
class Property:
    """Of a model. `kind` is attribute, measurement, transform or metric."""

    id: str
    name: str
    data_type: str
    unit: str = ""
    kind: str = "measurement"


@dataclass(slots=True)
class Model:
    """`hierarchies` are (id, name, id of the model of the children)."""

    id: str
    name: str
    description: str
    properties: list[Property]
    hierarchies: list[tuple[str, str, str]]
    created: float
    updated: float
    version: int = 1


@dataclass(slots=True)
class Asset:
    """`aliases` and `units` are by the id of the property; `children` by the id of the hierarchy."""

    id: str
    name: str
    description: str
    model: str
    created: float
    updated: float
    aliases: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, list[tuple[float, Any]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Fault:
    operation: str
    trouble: Trouble
    after: int
    times: int
    seconds: float


class SiteWise:
    """One account in one region. Everything may be called from any thread; times are Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time, *, page_size: int = 250) -> None:
        """No page holds more than `page_size`, whatever is asked for."""
        self._clock = clock
        self._page_size = page_size
        self._lock = threading.RLock()
        self._made = 0
        self._faults: list[_Fault] = []
        self._port = 0
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self.models: dict[str, Model] = {}
        self.assets: dict[str, Asset] = {}
        self.calls: Counter[str] = Counter()
        operations = {name: _locked(self._lock, getattr(self, f"_{_snake(name)}")) for name in OPERATIONS}
        self._router = Router(load_service("iotsitewise"), OPERATIONS)
        self.wire = Wire("iotsitewise", operations, secret_of=_secret_of, caller_of=_caller_of, strict=True)

    # --- what there is -----------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """There is nothing any more, and nothing goes wrong. Ids are not used again."""
        with self._lock:
            self.models.clear()
            self.assets.clear()
            self.calls.clear()
            self.heal()

    def add_model(
        self,
        name: str,
        properties: Sequence[tuple[str, ...]] = (),
        hierarchies: Sequence[tuple[str, str]] = (),
        description: str = "",
    ) -> str:
        """Properties are (name, data type, unit, kind), the last two if wanted; hierarchies (name, model of the
        children). Returns its id."""
        with self._lock:
            now = self._clock()
            model = Model(
                self._id(),
                name,
                description,
                [Property(self._id(), *one) for one in properties],
                [(self._id(), title, child) for title, child in hierarchies],
                now,
                now,
            )
            self.models[model.id] = model
            return model.id

    def add_property(self, model: str, name: str, data_type: str = "DOUBLE", unit: str = "") -> str:
        """One more property of a model; returns its id."""
        with self._lock:
            made = Property(self._id(), name, data_type, unit)
            self.models[model].properties.append(made)
            self._touched(self.models[model])
            return made.id

    def change_model(self, model: str, *, name: str | None = None, description: str | None = None) -> None:
        """Rename or describe it."""
        with self._lock:
            found = self.models[model]
            found.name = found.name if name is None else name
            found.description = found.description if description is None else description
            self._touched(found)

    def remove_model(self, model: str) -> None:
        """It must have no assets."""
        with self._lock:
            assert not any(asset.model == model for asset in self.assets.values())
            del self.models[model]

    def add_asset(self, name: str, model: str, parent: str | None = None, description: str = "") -> str:
        """An asset, below a parent whose model has a hierarchy for it. Returns its id."""
        with self._lock:
            now = self._clock()
            asset = Asset(self._id(), name, description, model, now, now)
            self.assets[asset.id] = asset
            if parent is not None:
                self.move(asset.id, parent)
            return asset.id

    def change(self, asset: str, *, name: str | None = None, description: str | None = None) -> None:
        """Rename or describe it."""
        with self._lock:
            found = self.assets[asset]
            found.name = found.name if name is None else name
            found.description = found.description if description is None else description
            self._touched(found)

    def set_property(self, asset: str, property: str, *, alias: str | None = None, unit: str | None = None) -> None:
        """What the asset says of a property of its model."""
        with self._lock:
            found = self.assets[asset]
            if alias is not None:
                found.aliases[property] = alias
            if unit is not None:
                found.units[property] = unit
            self._touched(found)

    def move(self, asset: str, parent: str | None) -> None:
        """To another parent, or to the top. As in SiteWise, the time of the asset's last change stays."""
        with self._lock:
            for other in self.assets.values():
                for children in other.children.values():
                    if asset in children:
                        children.remove(asset)
            if parent is not None:
                self.assets[parent].children.setdefault(self._hierarchy(parent, asset), []).append(asset)

    def remove(self, asset: str) -> None:
        """With nothing below it; its children move to the top."""
        with self._lock:
            self.move(asset, None)
            del self.assets[asset]

    def put_value(self, asset: str, property: str, value: Any, at: float | None = None) -> None:
        """One more value of a property."""
        with self._lock:
            values = self.assets[asset].values.setdefault(property, [])
            values.append((self._clock() if at is None else at, value))
            values.sort(key=lambda one: one[0])

    def property_id(self, model: str, name: str) -> str:
        """The id of a property."""
        return next(one.id for one in self.models[model].properties if one.name == name)

    def hierarchy_id(self, model: str, name: str) -> str:
        """The id of a hierarchy."""
        return next(id for id, title, _ in self.models[model].hierarchies if title == name)

    def _hierarchy(self, parent: str, asset: str) -> str:
        wanted = self.assets[asset].model
        return next(id for id, _, child in self.models[self.assets[parent].model].hierarchies if child == wanted)

    def _id(self) -> str:
        self._made += 1
        return str(uuid.uuid5(_IDS, str(self._made)))

    def _touched(self, thing: Model | Asset) -> None:
        thing.updated = max(self._clock(), thing.updated + 0.001)
        if isinstance(thing, Model):
            thing.version += 1

    # --- how it fails ------------------------------------------------------------------------------------------------

    def fail(
        self,
        operation: str = "*",
        trouble: Trouble = "error",
        *,
        after: int = 0,
        times: int = 1 << 30,
        seconds: float = 0,
    ) -> None:
        """From now on, after that many good answers of the operation, so many calls of it go wrong: with status 500,
        throttled, denied, unavailable, not there, a page of HTML, an empty object, a body that is cut, the first page
        again, or an answer that takes `seconds`."""
        with self._lock:
            self._faults.append(_Fault(operation, trouble, after, times, seconds))

    def heal(self) -> None:
        """Everything goes right again."""
        with self._lock:
            self._faults.clear()

    def _fault(self, operation: str) -> _Fault | None:
        with self._lock:
            self.calls[operation] += 1
            for fault in self._faults:
                if fault.operation not in ("*", operation):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                elif fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    # --- the server --------------------------------------------------------------------------------------------------

    def start(self) -> SiteWise:
        """Answer requests, always on the same port."""
        import uvicorn

        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # with TCP_NODELAY
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(self, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Nobody answers any more; `start` goes on with what there is."""
        if self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._thread = None

    def __enter__(self) -> SiteWise:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert self.wire.broken == [], self.wire.broken

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environ(self) -> dict[str, str]:
        """What leads a process to it."""
        return {
            "AWS_ENDPOINT_URL_IOTSITEWISE": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of a connector of the kind `sitewise` that reads it."""
        return {
            "region": REGION,
            "endpoint_url": self.url,
            "access_key_id": KEY_ID,
            "secret_access_key": SECRET,
            "calls_per_second": 1000,
        }

    def client(self) -> Any:
        """One of boto3."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "iotsitewise",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
        )

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        operation = "?"
        with suppress(Fault):
            operation, _ = self._router.find(scope["method"], scope["raw_path"].decode(), None)
        fault = self._fault(operation)
        if fault is None or fault.trouble == "slow":
            await anyio.sleep(fault.seconds if fault else 0)
            await self.wire(scope, receive, send)
        elif fault.trouble == "same page":
            await self.wire(scope, receive, _stuck(send))
        else:
            await _ANSWERS[fault.trouble](send)

    # --- the operations ----------------------------------------------------------------------------------------------

    def _list_asset_models(self, request: Request) -> dict[str, Any]:
        page, token = self._page(request, list(self.models.values()))
        return {"assetModelSummaries": [_model_summary(one) for one in page], "nextToken": token}

    def _describe_asset_model(self, request: Request) -> dict[str, Any]:
        model = self._model(request)
        wanted = [] if request.get("excludeProperties") else model.properties
        return {
            "assetModelId": model.id,
            "assetModelArn": _arn("asset-model", model.id),
            "assetModelName": model.name,
            "assetModelType": "ASSET_MODEL",
            "assetModelDescription": model.description or model.name,
            "assetModelProperties": [_property_of(one) for one in wanted],
            "assetModelHierarchies": [
                {"id": id, "name": name, "childAssetModelId": child} for id, name, child in model.hierarchies
            ],
            "assetModelCreationDate": model.created,
            "assetModelLastUpdateDate": model.updated,
            "assetModelStatus": {"state": "ACTIVE"},
            "assetModelVersion": str(model.version),
        }

    def _list_asset_model_properties(self, request: Request) -> dict[str, Any]:
        model = self._model(request)
        page, token = self._page(request, model.properties)
        return {"assetModelPropertySummaries": [_property_of(one) for one in page], "nextToken": token}

    def _list_assets(self, request: Request) -> dict[str, Any]:
        below = {child for asset in self.assets.values() for some in asset.children.values() for child in some}
        if request.get("filter", "ALL") == "TOP_LEVEL":
            found = [one for one in self.assets.values() if one.id not in below]
        elif "assetModelId" not in request:
            raise Fault("InvalidRequestException", "assetModelId is required when filter is ALL")
        else:
            found = [one for one in self.assets.values() if one.model == self._model(request).id]
        page, token = self._page(request, found)
        return {"assetSummaries": [self._summary(one) for one in page], "nextToken": token}

    def _describe_asset(self, request: Request) -> dict[str, Any]:
        asset = self._asset(request)
        model = self.models[asset.model]
        wanted = [] if request.get("excludeProperties") else model.properties
        return {
            "assetId": asset.id,
            "assetArn": _arn("asset", asset.id),
            "assetName": asset.name,
            "assetModelId": asset.model,
            "assetDescription": asset.description or None,
            "assetProperties": [
                {
                    "id": one.id,
                    "name": one.name,
                    "dataType": one.data_type,
                    "unit": asset.units.get(one.id) or one.unit or None,
                    "alias": asset.aliases.get(one.id),
                    "path": [{"id": asset.id, "name": asset.name}, {"id": one.id, "name": one.name}],
                }
                for one in wanted
            ],
            "assetHierarchies": [{"id": id, "name": name} for id, name, _ in model.hierarchies],
            "assetCreationDate": asset.created,
            "assetLastUpdateDate": asset.updated,
            "assetStatus": {"state": "ACTIVE"},
        }

    def _list_associated_assets(self, request: Request) -> dict[str, Any]:
        asset = self._asset(request)
        if request.get("traversalDirection", "CHILD") == "PARENT":
            found = [one for one in self.assets.values() if any(asset.id in some for some in one.children.values())]
        elif "hierarchyId" not in request:
            found = [self.assets[id] for some in asset.children.values() for id in some]
        elif request["hierarchyId"] not in {id for id, _, _ in self.models[asset.model].hierarchies}:
            raise Fault("InvalidRequestException", "the asset has no such hierarchy")
        else:
            found = [self.assets[id] for id in asset.children.get(request["hierarchyId"], ())]
        page, token = self._page(request, found)
        return {"assetSummaries": [self._summary(one) for one in page], "nextToken": token}

    def _list_asset_properties(self, request: Request) -> dict[str, Any]:
        asset = self._asset(request)
        page, token = self._page(request, self.models[asset.model].properties)
        return {
            "assetPropertySummaries": [
                {
                    "id": one.id,
                    "alias": asset.aliases.get(one.id),
                    "unit": asset.units.get(one.id) or one.unit or None,
                    "path": [{"id": asset.id, "name": asset.name}, {"id": one.id, "name": one.name}],
                }
                for one in page
            ],
            "nextToken": token,
        }

    def _list_asset_relationships(self, request: Request) -> dict[str, Any]:
        chain, at = [], self._asset(request).id
        while (parent := self._parent(at)) is not None:
            info = {"parentAssetId": parent, "childAssetId": at}
            chain.append({"hierarchyInfo": info, "relationshipType": "HIERARCHY"})
            at = parent
        page, token = self._page(request, chain)
        return {"assetRelationshipSummaries": page, "nextToken": token}

    def _get_asset_property_value(self, request: Request) -> dict[str, Any]:
        values = self._values(request)
        return {"propertyValue": self._value(request, *values[-1]) if values else None}

    def _get_asset_property_value_history(self, request: Request) -> dict[str, Any]:
        begin = request["startDate"].timestamp() if "startDate" in request else 0.0
        end = request["endDate"].timestamp() if "endDate" in request else float("inf")
        found = [one for one in self._values(request) if begin < one[0] <= end]
        if request.get("timeOrdering", "ASCENDING") == "DESCENDING":
            found.reverse()
        page, token = self._page(request, found)
        history = [self._value(request, at, value) for at, value in page]
        return {"assetPropertyValueHistory": history, "nextToken": token}

    # --- looking up --------------------------------------------------------------------------------------------------

    def _model(self, request: Request) -> Model:
        found: Model = _found(self.models, request["assetModelId"], "asset model")
        return found

    def _asset(self, request: Request) -> Asset:
        found: Asset = _found(self.assets, request["assetId"], "asset")
        return found

    def _parent(self, asset: str) -> str | None:
        for one in self.assets.values():
            if any(asset in some for some in one.children.values()):
                return one.id
        return None

    def _values(self, request: Request) -> list[tuple[float, Any]]:
        if "assetId" not in request or "propertyId" not in request:
            raise Fault("InvalidRequestException", "assetId and propertyId are needed")
        asset = self._asset(request)
        _found({one.id: one for one in self.models[asset.model].properties}, request["propertyId"], "property")
        return asset.values.get(request["propertyId"], [])

    def _value(self, request: Request, at: float, value: Any) -> dict[str, Any]:
        types = {one.id: one.data_type for one in self.models[self._asset(request).model].properties}
        member = f"{types[request['propertyId']].lower()}Value"
        whole = int(at)
        stamp = {"timeInSeconds": whole, "offsetInNanos": round((at - whole) * 1e9)}
        return {"value": {member: value}, "timestamp": stamp, "quality": "GOOD"}

    def _summary(self, asset: Asset) -> dict[str, Any]:
        return {
            "id": asset.id,
            "arn": _arn("asset", asset.id),
            "name": asset.name,
            "assetModelId": asset.model,
            "creationDate": asset.created,
            "lastUpdateDate": asset.updated,
            "status": {"state": "ACTIVE"},
            "hierarchies": [{"id": id, "name": name} for id, name, _ in self.models[asset.model].hierarchies],
            "description": asset.description or None,
        }

    def _page(self, request: Request, things: Sequence[Any]) -> tuple[list[Any], str | None]:
        try:
            start = int(base64.b64decode(request.get("nextToken", ""), validate=True) or b"0")
        except ValueError:
            raise Fault("InvalidRequestException", "nextToken is not one of ours") from None
        size = min(request.get("maxResults", 50), self._page_size)
        token = base64.b64encode(str(start + size).encode()).decode() if start + size < len(things) else None
        return list(things[start : start + size]), token


OPERATIONS: Final = (
    "ListAssetModels", "DescribeAssetModel", "ListAssetModelProperties", "ListAssets", "DescribeAsset",
    "ListAssociatedAssets", "ListAssetProperties", "ListAssetRelationships", "GetAssetPropertyValue",
    "GetAssetPropertyValueHistory",
)  # fmt: skip


def _locked(lock: threading.RLock, work: Callable[[Request], dict[str, Any]]) -> Callable[[Request], dict[str, Any]]:
    def call(request: Request) -> dict[str, Any]:
        with lock:
            return work(request)

    return call


def _found(things: Any, id: str, what: str) -> Any:
    if id not in things:
        raise Fault("ResourceNotFoundException", f"There is no {what} {id}.")
    return things[id]


def _model_summary(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "arn": _arn("asset-model", model.id),
        "name": model.name,
        "assetModelType": "ASSET_MODEL",
        "description": model.description or model.name,
        "creationDate": model.created,
        "lastUpdateDate": model.updated,
        "status": {"state": "ACTIVE"},
        "version": str(model.version),
    }


def _property_of(one: Property) -> dict[str, Any]:
    kinds = {
        "attribute": {"defaultValue": "-"},
        "measurement": {},
        "transform": {"expression": "1", "variables": []},
        "metric": {"expression": "1", "variables": [], "window": {}},
    }
    return {
        "id": one.id,
        "name": one.name,
        "dataType": one.data_type,
        "unit": one.unit or None,
        "type": {one.kind: kinds[one.kind]},
    }


def _arn(what: str, id: str) -> str:
    return f"arn:aws:iotsitewise:{REGION}:{ACCOUNT}:{what}/{id}"


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).removeprefix("_")


class _Caller:
    def may(self, scope: Scope) -> bool:
        return True


def _secret_of(key_id: str) -> str | None:
    return SECRET if key_id == KEY_ID else None


def _caller_of(key_id: str, secret: str) -> _Caller:
    if (key_id, secret) != (KEY_ID, SECRET):
        raise Unauthorized("unknown")
    return _Caller()


Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def _answering(
    status: int, body: bytes, code: str = "", length: int | None = None
) -> Callable[[Send], Awaitable[None]]:
    async def answer(send: Send) -> None:
        media = "text/html" if body.startswith(b"<") else "application/json"
        headers = {"content-type": media, "content-length": str(len(body) if length is None else length)}
        if code:
            headers["x-amzn-errortype"] = code
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    return answer


def _stuck(send: Send) -> Send:
    """Every page says that the second one follows."""

    async def changed(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            body = {**json.loads(message["body"]), "nextToken": base64.b64encode(b"1").decode()}
            await _answering(200, json.dumps(body).encode())(send)

    return changed


_ANSWERS: Final[dict[str, Callable[[Send], Awaitable[None]]]] = {
    "error": _answering(500, b'{"message": "An internal error"}', "InternalFailureException"),
    "throttle": _answering(429, b'{"message": "Rate exceeded"}', "ThrottlingException"),
    "missing": _answering(404, b'{"message": "no such thing"}', "ResourceNotFoundException"),
    "denied": _answering(403, b'{"message": "not authorized"}', "AccessDeniedException"),
    "unavailable": _answering(503, b'{"message": "later"}', "ServiceUnavailableException"),
    "html": _answering(200, b"<html><body>Log in to the guest network</body></html>"),
    "empty": _answering(200, b"{}"),
    "cut": _answering(200, b'{"assetSummaries": [', length=4096),
}
