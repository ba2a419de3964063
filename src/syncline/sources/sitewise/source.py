"""SiteWise as a listing source."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from syncline.model.documents import Document
from syncline.model.news import Begin, Complete, Entry, Fetched, Gone, Listed, Page, Refused
from syncline.sources.s3.crew import Budget, Operation, in_parallel, watched
from syncline.sources.s3.objects import Halted
from syncline.sources.sitewise import documents, inventory, problems, values
from syncline.sources.sitewise.client import Client, NotThere, Patience, Settings, Trouble
from syncline.sources.sitewise.inventory import PREFIX, Asset, Inventory, Model

PAGE: Final = 1000
USUAL: Final = Patience()

T = TypeVar("T")
Operations = list[Operation]


class Config(Settings, inventory.Limits, Protocol):
    """All of the settings, as plain values."""

    sibling_names: str


class SiteWiseSource:
    """Assets and models of one account and region. The id of an asset is its own; that of a model has a prefix."""

    def __init__(
        self,
        config: Config,
        *,
        environ: Mapping[str, str] = os.environ,
        patience: Patience = USUAL,
        chance: Callable[[], float] = random.random,
        taken: Callable[[Collection[str]], Collection[str]] | None = None,
    ) -> None:
        """`taken` says which of some ids somebody else has; these assets fail. `chance` gives 0.0 to 1.0."""
        self._config = config
        self._taken = taken
        self._open = partial(Client, config, environ, chance=chance)
        self._patience = patience
        self._opened: Client | None = None
        self._lock = threading.Lock()
        self._running: set[Operation] = set()
        self._stops = 0
        self._models: dict[str, Model] = {}

    @property
    def client(self) -> Client:
        """Opened once. Raises ConfigInvalid and CredentialsInvalid."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open(self._patience)
            return self._opened

    def hasten(self, patience: Patience) -> None:
        """Wait only so long, where somebody waits for the answer. To be called before anything else."""
        self._patience = patience

    def check(self) -> None:
        """Raises ConfigInvalid, CredentialsInvalid or SourceUnavailable unless models and assets may be listed."""
        client = self.client
        self._watched(partial(inventory.look, client))

    def list(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Iterator[Listed]:
        """Every model and every asset, then Complete. Nothing is said before everything has been read. Raises what
        `check` raises when any part of it cannot be."""
        remembered = dict(memory or {})
        client, stops, running = self.client, self._stops, Operations()
        try:
            found = inventory.read(client, self._config, partial(self._stage, stops, running))
        except Halted:
            raise problems.interrupted(client.name) from None
        finally:
            self._running.difference_update(running)
        self._models = found.models
        yield from self._told(found, remembered)

    def _told(self, found: Inventory, remembered: dict[str, Any]) -> Iterator[Listed]:
        # Where there is nothing at all, nothing tells the account: what was held is not deleted unasked.
        anchor = f"{self.client.place}/{found.account}"
        names: Mapping[str, str] = {}
        if self._config.sibling_names == "unique":
            names = inventory.unique_names(found.assets, remembered.get("names") or {})
        yield Begin(anchor)
        entries = [Entry(PREFIX + model.id, model.version, model) for model in found.models.values()]
        entries += [
            Entry(asset.id, asset.version(found.models.get(asset.model)), asset) for asset in found.assets.values()
        ]
        for start in range(0, len(entries), PAGE):
            yield Page(entries[start : start + PAGE])
        yield Complete(anchor, {"names": names} if names else None)

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Fetched]:
        """What SiteWise says of each, in no order. Raises what concerns all of them: credentials, permission, no
        connection."""
        refused = {answer.id: answer for answer in self._refusals(entries)}
        yield from refused.values()
        wanted = [entry for entry in entries if entry.id not in refused]
        if not wanted:
            return
        client, operation = self.client, self._stage(self._stops, [])

        def work(entry: Entry, _: Budget) -> tuple[Fetched, int]:
            return self._fetched(client, entry, operation.halt), 0

        try:
            yield from in_parallel(wanted, work, self._config.parallel, 1, operation)
        except Halted:
            raise problems.interrupted(client.name) from None
        except Trouble as trouble:
            raise trouble.error from trouble
        finally:
            self._running.discard(operation)

    def interrupt(self) -> None:
        """Let go of everything under way, from another thread. What is begun later is not affected."""
        self._stops += 1
        for operation in tuple(self._running):
            operation.interrupt()

    # --- values ------------------------------------------------------------------------------------------------------

    def latest(self, asset: str, property: str) -> values.Moment | None:
        """The newest value; None when there is none. Raises NotThere for an unknown id, and what `check` raises."""
        return self._asked(partial(values.latest, self.client, asset, property))

    def history(self, asset: str, property: str, begin: datetime, end: datetime, **more: Any) -> values.Timeline:
        """A page of the values between two times; see `values.history`. Raises as `latest` does."""
        return self._asked(lambda halt: values.history(self.client, asset, property, begin, end, halt, **more))

    def _asked(self, work: Callable[[threading.Event], T]) -> T:
        try:
            return self._watched(work)
        except Trouble as trouble:
            raise trouble.error from trouble

    # --- one by one --------------------------------------------------------------------------------------------------

    def _refusals(self, entries: Sequence[Entry]) -> Iterator[Refused]:
        assets = {entry.id: entry.token for entry in entries if isinstance(entry.token, Asset)}
        taken = frozenset(self._taken(assets) if self._taken is not None and assets else ())
        for id, asset in assets.items():
            if id in taken:
                yield problems.id_taken(id)
            elif asset.name_holder:
                yield problems.name_taken(id, asset.name, asset.name_holder)

    def _fetched(self, client: Client, entry: Entry, halt: threading.Event) -> Fetched:
        try:
            if isinstance(entry.token, Model):
                return self._model(client, entry.token, entry, halt)
            return self._asset(client, entry.token, entry, halt)
        except NotThere:
            return Gone(entry.id)
        except Trouble as trouble:
            if not trouble.alone:
                raise
            return problems.refused(entry.id, trouble.error)
        except (KeyError, TypeError, AttributeError) as error:
            return problems.refused(entry.id, problems.damaged(client.name, f"its description lacks {error}"))

    def _asset(self, client: Client, asset: Asset, entry: Entry, halt: threading.Event) -> Document:
        described = client.call("describe_asset", halt, needs="assetProperties", assetId=asset.id)
        model = self._models.get(asset.model)
        return documents.of_asset(asset, entry.version or "", model, described, _link(client, f"assets/{asset.id}"))

    def _model(self, client: Client, model: Model, entry: Entry, halt: threading.Event) -> Document:
        described = client.call(
            "describe_asset_model", halt, needs="assetModelHierarchies", assetModelId=model.id, excludeProperties=True
        )
        pages = client.pages(
            "list_asset_model_properties", "assetModelPropertySummaries", halt, assetModelId=model.id, filter="ALL"
        )
        listed = [one for page in pages for one in page]
        return documents.of_model(model, entry.version or "", described, listed, _link(client, f"models/{model.id}"))

    # --- under way ---------------------------------------------------------------------------------------------------

    def _stage(self, stops: int, running: Operations) -> Operation:
        """An operation that `interrupt` reaches; at once, when it was called since `stops` was read."""
        operation = Operation()
        running.append(operation)
        self._running.add(operation)
        if self._stops != stops:
            operation.interrupt()
        return operation

    def _watched(self, work: Callable[[threading.Event], T]) -> T:
        operation = self._stage(self._stops, [])
        try:
            return watched(work, operation)
        except Halted:
            raise problems.interrupted(self.client.name) from None
        finally:
            self._running.discard(operation)


def _link(client: Client, what: str) -> str:
    """Where the console of AWS shows it; "" for what is not at AWS."""
    if not client.name.startswith("SiteWise in"):
        return ""
    return f"https://{client.region}.console.aws.amazon.com/iotsitewise/home?region={client.region}#/{what}"
