"""Rules of documents that are written directly, as workers write them: what must stay true of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncline.dialects.elastic import blank, fields, indices, merging, sealing, words
from syncline.dialects.elastic.parsing import Misfit
from syncline.dialects.elastic.refusals import Refused, against_rule, illegal
from syncline.dialects.elastic.stamps import seconds

PRIMARY_TERM: Final = 1

Doc = dict[str, Any]

NO_RULES: Final = (
    "Sync rules are not applied to connectors that Syncline runs: choose documents with the settings of the source."
)


def rules_in(rules: Mapping[str, Any]) -> list[str]:
    """Ids of everything in a set of rules that would choose documents: rules, and "advanced_snippet"."""
    ids = [str(one.get("id")) for one in rules.get("rules") or () if not _takes_all(one)]
    snippet = rules.get("advanced_snippet")
    return [*ids, "advanced_snippet"] if isinstance(snippet, Mapping) and snippet.get("value") else ids


def _takes_all(rule: Any) -> bool:
    return isinstance(rule, Mapping) and rule.get("id") == blank.DEFAULT_RULE and rule.get("policy") == "include"


def check_rules(doc: Doc) -> None:
    """Raises Refused when rules would have to be applied to a connector that Syncline runs."""
    if any(rules_in(one["active"]) for one in doc["filtering"]):
        raise against_rule(NO_RULES)


def missing(id: str) -> Refused:
    """What a blind update says of an id that there is not."""
    return Refused(404, "document_missing_exception", f"[{id}]: document missing")


def run_here(id: str) -> Refused:
    """A job of ours is nobody else's."""
    return against_rule(f"Sync job [{id}] is run by Syncline itself and cannot be changed by a worker.")


def check_seq_no(id: str, current: int, wanted: int | None) -> None:
    """Raises Refused (409) unless it is the one that is wanted."""
    if wanted is not None and wanted != current:
        raise Refused(
            409,
            "version_conflict_engine_exception",
            f"[{id}]: version conflict, required seqNo [{wanted}], primary term [{PRIMARY_TERM}]. current document has "
            f"seqNo [{current}] and primary term [{PRIMARY_TERM}]",
        )


def secrets_kept(partial: Mapping[str, Any], before: Doc) -> Doc:
    """The partial document with the secrets that are there wherever asterisks are given."""
    given = dict(partial)
    if isinstance(given.get("configuration"), Mapping):
        held = before.get("configuration", {})
        full = merging.merged(held, given["configuration"])
        kept = sealing.unmasked(full, held)
        given["configuration"] = {name: kept[name] for name in given["configuration"]}
    return given


def touched_by(partial: Mapping[str, Any]) -> tuple[str, ...]:
    """What a partial document sets by hand."""
    sync = any(name.startswith("last_") and name != "last_seen" for name in partial)
    state = bool(partial.keys() & {"status", "error"})
    return tuple(name for name, given in (("sync", sync), ("state", state)) if given)


def check_document(doc: Doc) -> None:
    """Raises Refused for what cannot be a connector's document: everybody else relies on these."""
    for name, kind in _SHAPES.items():
        if not isinstance(doc.get(name), kind):
            raise illegal(f"[{name}] of a connector cannot be {doc.get(name)!r:.100}")
    for name in ("index_name", "service_type", "description"):
        if not isinstance(doc.get(name), str | None):
            raise illegal(f"[{name}] of a connector must be a string")
    fault = None if doc.get("index_name") is None else indices.fault_of(doc["index_name"])
    if fault is not None:
        raise illegal(f"Invalid index name [{doc['index_name']:.300}], {fault}")
    if not all(isinstance(one, Mapping) for one in doc["configuration"].values()):
        raise illegal("every field of [configuration] must be an object")
    if not all(_is_domain(one) for one in doc["filtering"]):
        raise illegal("every element of [filtering] must have [active] and [draft]")
    for name in blank.SCHEDULES:
        if not _is_slot(doc["scheduling"].get(name)):
            raise illegal(f"[scheduling.{name}] must have [enabled] and [interval]")


_SHAPES: Final[Mapping[str, type]] = {
    "configuration": dict, "scheduling": dict, "filtering": list, "name": str, "status": str,
}  # fmt: skip


def _is_domain(one: Any) -> bool:
    return isinstance(one, Mapping) and all(isinstance(one.get(name), Mapping) for name in ("active", "draft"))


def _is_slot(one: Any) -> bool:
    if not isinstance(one, Mapping) or not isinstance(one.get("enabled"), bool):
        return False
    try:
        fields.interval(one.get("interval"))
    except Misfit:
        return False
    return True


def check_task(doc: Doc) -> None:
    """The same for a sync job."""
    if doc.get("status") not in words.JOB_STATES:
        raise illegal(f"[{doc.get('status')!r:.100}] is no status of a sync job")
    if doc.get("job_type") not in words.JOB_TYPES or not isinstance(doc.get("metadata"), Mapping):
        raise illegal("a sync job has a [job_type] and [metadata]")
    if not isinstance(doc.get("connector"), Mapping) or seconds(doc.get("last_seen")) is None:
        raise illegal("a sync job has a [connector] and [last_seen]")
