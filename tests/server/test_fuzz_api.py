"""Every operation, asked a thousand things: no failure of the server, and no answer that its description does not tell.

The stream of all events is left out: it has no end.
"""

from __future__ import annotations

from collections import Counter
from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

LAWS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
ENDLESS = ("/v1/events", "/v1/jobs/{job}/events")


@pytest.fixture(scope="module")
def furnished(api):
    """A server with something in every drawer, so that not every question ends at "not found"."""
    api.folder("docs", {"a.md": "# A\n\nSome text.", "b.txt": "More text."})
    api.synced("docs")
    api.push_connector("pushed")
    api.ok("POST", "/v1/connectors/pushed/documents", 202, json={"documents": [{"id": "p", "text": "pushed"}]})
    nightly = {"expression": "0 3 * * *", "name": "nightly"}
    api.schedule = api.ok("POST", "/v1/connectors/docs/schedules", 201, json=nightly)["id"]
    return api


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_no_question_makes_the_server_fail_or_answer_what_it_does_not_describe(furnished, mode, request, remark):
    api = furnished
    schema = schemathesis.openapi.from_dict(api.anybody.get("/openapi.json").json())
    names = {
        "connector": [["docs", "pushed"]], "index": ["default"], "job": [["1", "2"]], "kind": ["folder"],
        ("documents", "id"): ["a.md"], ("schedules", "id"): [api.schedule],
    }  # fmt: skip
    wrong: dict[str, str] = {}
    statuses: Counter[int] = Counter()
    examples = 200 if request.config.getoption("--slow") else 20

    for operation in [result.ok() for result in schema.get_all_operations()]:
        if operation.path in ENDLESS:
            continue
        rules = settings(
            max_examples=examples, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        try:
            strategy = operation.as_strategy(generation_mode=mode)
        except Exception:  # nothing to get wrong
            if mode is GenerationMode.POSITIVE:
                raise
            continue

        @rules
        @given(case=strategy)
        def ask(case):
            _furnish(case, names)
            answer = case.call(base_url=api.url, headers={"authorization": api.client.headers["authorization"]})
            statuses[answer.status_code] += 1
            laws = [*LAWS, "negative_data_rejection"] if mode is GenerationMode.NEGATIVE else LAWS
            case.validate_response(answer, checks=CHECKS.get_by_names(list(laws)))

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:
            if type(error).__name__ != "Unsatisfiable":
                notes = "\n".join(getattr(error, "__notes__", ()))
                wrong[operation.label] = f"{type(error).__name__}: {error}\n{notes}"[:3000]

    remark(f"fuzzed {sum(statuses.values())} requests ({mode.value}): {dict(sorted(statuses.items()))}")
    assert not wrong, "\n\n".join(f"=== {label}\n{what}" for label, what in wrong.items())


def _furnish(case, names):
    """Most names are ones that exist."""
    told = crc32(repr((case.body, case.query)).encode("utf-8", "surrogatepass"))
    for name in case.path_parameters if case.method != "DELETE" else ():
        for choice in names.get((case.path.split("/")[2], name)) or names.get(name) or ():
            if told % 4:
                case.path_parameters[name] = choice[told % len(choice)] if isinstance(choice, list) else choice
