"""Every operation the dialects offer, by values made from the model: botocore writes the inputs, reads the outputs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dialects.aws.specified import ALL, KENDRA, TWINMAKER

from syncline.dialects.aws import check_response
from syncline.dialects.aws.faults import content_type
from syncline.dialects.aws.models import Service, Shape, load_service
from syncline.dialects.aws.parsing import load_json, parse_input
from syncline.dialects.aws.patterns import compile_pattern
from syncline.dialects.aws.routing import Router
from syncline.dialects.aws.validating import message, violations
from syncline.dialects.aws.writing import write_output
from syncline.testing import aws

EDGES = 40  # of an operation, in a run that is not slow


@cache
def botocores(service: str) -> ServiceModel:
    """botocore's own understanding of a service."""
    return botocore.session.get_session().get_service_model(service)  # type: ignore[no-any-return]


@cache
def router(service: str) -> Router:
    return Router(load_service(service), load_service(service).names)


def sent(service: str, operation: OperationModel, value: dict[str, Any]) -> dict[str, Any]:
    """What botocore makes of an input, without checking it."""
    protocol = botocores(service).metadata["protocol"]
    return create_serializer(protocol, include_validation=False).serialize_to_request(value, operation)  # type: ignore[no-any-return]


def understood(service: str, name: str, value: dict[str, Any]) -> dict[str, Any]:
    """What the wire makes of what botocore sends."""
    model = load_service(service)
    request = sent(service, botocores(service).operation_model(name), value)
    query = "&".join(f"{key}={item}" for key, item in _pairs(request["query_string"]))
    path = urlsplit("http://x" + request["url_path"]).path
    headers = {key.lower(): item for key, item in request["headers"].items()}
    found, labels = router(service).find(request["method"], path, headers.get("x-amz-target"))
    assert found == name
    body = load_json(_bytes(request["body"])) if request["body"] else {}
    return parse_input(model.operation(name), labels, query.encode(), headers, body)


def _pairs(query: Any) -> list[tuple[str, str]]:
    from urllib.parse import quote

    return [
        (quote(key, safe=""), quote(one, safe=""))
        for key, many in dict(query or {}).items()
        for one in (many if isinstance(many, list) else [many])
    ]


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else str(body).encode()


def without_zone(value: Any) -> Any:
    """To compare with what botocore has read: it keeps another time zone object and gives maps another order."""
    if isinstance(value, dict):
        return {key: without_zone(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_zone(one) for one in value]
    return value.timestamp() if hasattr(value, "timestamp") else value


def test_the_operations_are_those_of_the_specification() -> None:
    assert (len(KENDRA), len(TWINMAKER)) == (25, 24)
    for service, name in ALL:
        assert load_service(service).operation(name).name == name


@pytest.mark.parametrize(("service", "name"), ALL)
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_valid_inputs_arrive_as_they_were_sent(service: str, name: str, data: st.DataObject) -> None:
    value = data.draw(aws.inputs(service, name))
    parsed = understood(service, name, value)
    assert without_zone(parsed) == without_zone(value)
    assert violations(load_service(service).operation(name).input, parsed) == []


@pytest.mark.parametrize(("service", "name"), ALL)
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_valid_outputs_are_read_by_botocore_as_they_were_written(service: str, name: str, data: st.DataObject) -> None:
    operation = load_service(service).operation(name)
    value = data.draw(aws.outputs(service, name))
    status, headers, body = write_output(operation, value)
    headers |= {"x-amzn-requestid": "r", "content-type": content_type(load_service(service))}
    check_response(service, name, status, headers, body)
    parser = create_parser(botocores(service).metadata["protocol"])
    answer = {"status_code": status, "headers": headers, "body": body}
    read = parser.parse(answer, botocores(service).operation_model(name).output_shape)
    assert read.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert without_zone(read) == without_zone(value)


@pytest.mark.parametrize(("service", "name"), ALL)
def test_bounds_are_kept_to_the_letter(
    service: str, name: str, request: pytest.FixtureRequest, remark: Callable[[str], None]
) -> None:
    shape = load_service(service).operation(name).input
    generator = random.Random(f"{service}:{name}")
    edges = list(aws.edges(shape, aws.sample(shape, generator, 1.0), generator))
    if not request.config.getoption("--slow"):
        edges = generator.sample(edges, min(len(edges), EDGES))
    for edge in edges:
        found = violations(shape, edge.value)
        if edge.constraint is None:
            assert found == [], edge
        else:
            assert (edge.path, edge.constraint) in {(one.path, one.constraint) for one in found}, edge
            told = message(found)
            assert f" at '{edge.path}' failed to satisfy constraint: {edge.constraint}" in told
            assert told.startswith(f"{len(found)} validation error")
    if request.config.getoption("--slow"):
        remark(f"{service}:{name}: {len(edges)} values at and beyond bounds")


def reached(shape: Shape, known: set[Shape]) -> set[Shape]:
    """The shape and all within it."""
    if shape not in known:
        known.add(shape)
        for inner in [*(member.shape for member in shape.members.values()), *shape._parts.values()]:
            reached(inner, known)
    return known


@pytest.mark.parametrize("service", ["kendra", "iottwinmaker"])
def test_texts_are_found_for_all_patterns_and_lengths(service: str) -> None:
    model, generator = load_service(service), random.Random(7)
    shapes: set[Shape] = set()
    for offered, name in ALL:
        if offered == service:
            operation = model.operation(name)
            reached(operation.input, shapes)
            reached(operation.output or operation.input, shapes)
    texts = [shape for shape in shapes if shape.pattern is not None]
    assert len(texts) > 15
    for shape in texts:
        for length in {max(int(shape.low or 0), 1), int(shape.low or 0) + 3, min(int(shape.high or 9), 200)}:
            found = aws.text(shape, length, generator)
            if found is not None:
                assert len(found) == length
                assert shape.pattern is not None
                assert shape.pattern.fullmatch(found)


def test_every_served_shape_has_a_kind_and_every_pattern_is_understood(remark: Callable[[str], None]) -> None:
    count = 0
    for service in ("kendra", "iottwinmaker"):
        model = load_service(service)
        for name in model.names:
            model.operation(name)
        for shape in model._shapes.values():
            count += shape.pattern is not None
            if shape.scalar and shape.enum:
                assert violations(shape, shape.enum[0]) == []
    remark(f"aws wire: {count} shapes with a pattern, of all operations of both services")


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        (r"^\P{C}*$", ["", "a é 漢 😀"], ["a\nb", "\x00", "a\u200db", "\ue000"]),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", ["ä b_漢/٣", "a\u2003b"], ["a!", "😀", "a\tb"]),
        (r"/arn:[a-z]+/", ["arn:aws"], ["/arn:aws/", "arn:"]),
        (r"^[a-z]+$", ["abc"], ["abc\n", "ABC", ""]),
        (r"\d+", ["19"], ["٣", "1 "]),
        (r"[\[\]\\p{L}]+", ["[]", "\\", "p{L}"], ["é"]),
    ],
)
def test_patterns_mean_what_they_mean_to_java(pattern: str, matches: list[str], others: list[str]) -> None:
    compiled = compile_pattern(pattern)
    assert [text for text in matches if not compiled.fullmatch(text)] == []
    assert [text for text in others if compiled.fullmatch(text)] == []


def test_a_description_with_what_is_not_understood_is_refused_and_not_misread() -> None:
    shapes = {"In": {"type": "structure", "members": {"A": {"shape": "S"}}, "payload": "A"}, "S": {"type": "string"}}
    raw = {
        "metadata": {"endpointPrefix": "x", "protocol": "rest-json"},
        "operations": {"Do": {"http": {"requestUri": "/"}, "input": {"shape": "In"}}},
        "shapes": shapes,
    }
    with pytest.raises(ValueError, match="payload"):
        Service(raw).operation("Do")
    with pytest.raises(ValueError, match="rest-xml"):
        Service({**raw, "metadata": {"endpointPrefix": "x", "protocol": "rest-xml"}})


def test_both_descriptions_take_little_memory_and_never_import_botocore(remark: Callable[[str], None]) -> None:
    script = """
import sys, time
def rss(): return int(open('/proc/self/statm').read().split()[1]) * 4096 / 1e6
import syncline.dialects.aws
from syncline.dialects.aws.models import load_service
before, began = rss(), time.perf_counter()
services = [load_service(name) for name in ('kendra', 'iottwinmaker')]
took = time.perf_counter() - began
for service in services:
    for name in service.names: service.operation(name)
    for shape in service._shapes.values(): shape.pattern
assert 'botocore' not in sys.modules
print(f'{before:.1f} MB before, {rss() - before:.1f} MB more with both, read in {took * 1000:.0f} ms')
print(rss() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    told, more = done.stdout.splitlines()
    remark(f"aws wire: {told}")
    assert float(more) < 20
