"""When SiteWise fails: nothing looks empty that is not, and what can be tried again is."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from tests.sources.sitewise.opened import opened
from tests.sources.sitewise.test_sitewise_listing import Plant, plant  # noqa: F401

from syncline.model.documents import Document
from syncline.model.errors import ConfigInvalid, CredentialsInvalid, SourceUnavailable, SynclineError
from syncline.model.news import Complete, Gone, Page, Refused
from syncline.sources.sitewise.client import Pace
from syncline.sources.sitewise.source import SiteWiseSource
from syncline.testing.reading import answers_of, read_all

# ruff: noqa: F811  fixtures are taken as arguments

LISTINGS = ["ListAssetModels", "ListAssets", "ListAssociatedAssets"]
LASTING = ["error", "unavailable", "html", "empty", "cut", "throttle", "denied", "same page"]


def news_of(source: SiteWiseSource) -> tuple[list[Any], SynclineError | None]:
    news: list[Any] = []
    try:
        news.extend(source.list(None, None))
    except SynclineError as error:
        return news, error
    return news, None


@pytest.mark.parametrize(
    ("operation", "trouble"),
    [*((operation, "error") for operation in LISTINGS), *(("ListAssets", trouble) for trouble in LASTING[1:])],
)
def test_a_listing_with_a_page_that_fails_says_nothing_at_all(plant: Plant, operation: str, trouble: Any) -> None:
    for n in range(8):
        plant.sitewise.add_model(f"Model {n}")
        plant.sitewise.add_asset(f"Spare {n}", plant.pump, plant.lines[0])
    plant.sitewise.fail(operation, trouble, after=1)
    source = opened(plant.sitewise)
    news, error = news_of(source)
    assert news == []
    assert isinstance(error, SourceUnavailable)
    plant.sitewise.heal()
    news, error = news_of(source)
    assert error is None
    assert sum(len(one.entries) for one in news if isinstance(one, Page)) == 3 + 10 + 16
    assert isinstance(news[-1], Complete)


@pytest.mark.parametrize(
    ("operation", "trouble"),
    [
        *((one, "error") for one in (*LISTINGS, "DescribeAsset", "DescribeAssetModel", "ListAssetModelProperties")),
        *(("ListAssets", trouble) for trouble in ("unavailable", "throttle", "cut", "html", "empty")),
    ],
)
def test_what_passes_is_waited_for(plant: Plant, operation: str, trouble: Any) -> None:
    plant.sitewise.fail(operation, trouble, after=1, times=2)
    source = opened(plant.sitewise, parallel=1)
    answers = answers_of(source, read_all(source).entries())
    assert len(answers) == 13
    assert all(isinstance(one, Document) for one in answers)


def test_nobody_calls_while_one_is_told_to_slow_down() -> None:
    now = [100.0]
    pace = Pace(10.0, lambda: now[0])
    calm, stop = threading.Event(), threading.Event()
    for _ in range(40):
        pace.wait(calm)  # four seconds' worth at once
    pace.slow_down(0.01)
    waited: list[float] = []
    stop.wait = lambda timeout=None: waited.append(timeout) or False  # type: ignore[method-assign,assignment,func-returns-value]
    pace.wait(stop)
    assert waited == [pytest.approx(0.1)]
    now[0] += 60.0
    for _ in range(40):
        pace.wait(calm)


def test_an_asset_that_cannot_be_described_fails_alone(plant: Plant) -> None:
    source = opened(plant.sitewise, parallel=1)
    entries = read_all(source).entries()
    plant.sitewise.fail("DescribeAsset", "error", after=2, times=3)  # as often as it is tried
    answers = answers_of(source, entries)
    refused = [one for one in answers if isinstance(one, Refused)]
    assert len(answers) == 13
    assert [one.error.code for one in refused] == ["document.unreadable"]


@pytest.mark.parametrize("trouble", ["html", "empty"])
def test_a_description_that_is_none_fails_alone(plant: Plant, trouble: Any) -> None:
    source = opened(plant.sitewise, parallel=1)
    entries = read_all(source).entries()
    plant.sitewise.fail("DescribeAsset", trouble, times=3)  # as often as it is tried
    answers = answers_of(source, entries)
    assert sum(isinstance(one, Refused) for one in answers) == 1
    assert sum(isinstance(one, Document) for one in answers) == 12


def test_a_server_that_is_gone_ends_the_fetch(plant: Plant) -> None:
    source = opened(plant.sitewise)
    entries = read_all(source).entries()
    plant.sitewise.stop()
    try:
        with pytest.raises(SourceUnavailable, match="no proper answer") as caught:
            list(source.fetch(entries))
        assert caught.value.code == "source.unreachable"
        assert news_of(opened(plant.sitewise))[0] == []
    finally:
        plant.sitewise.start()
    assert all(isinstance(one, Document) for one in answers_of(source, entries))


def test_what_was_deleted_between_two_answers_is_gone(plant: Plant) -> None:
    source = opened(plant.sitewise)
    entries = read_all(source).entries()
    plant.sitewise.remove(plant.alone)
    assert [one.id for one in answers_of(source, entries) if isinstance(one, Gone)] == [plant.alone]


def test_assets_that_are_not_there_though_their_model_is_are_not_taken_for_deleted(plant: Plant) -> None:
    plant.sitewise.fail("ListAssets", "missing", after=1)
    news, error = news_of(opened(plant.sitewise, parallel=1))
    assert news == []
    assert "and the model is" in str(error)


def test_a_model_that_was_deleted_while_it_was_listed_is_no_trouble(plant: Plant) -> None:
    plant.sitewise.fail("ListAssets", "missing", times=3)
    plant.sitewise.fail("DescribeAssetModel", "missing", times=3)
    news, error = news_of(opened(plant.sitewise))
    assert (error, isinstance(news[-1], Complete)) == (None, True)


def test_an_asset_that_only_its_parent_names_is_listed_with_all_below_it(plant: Plant) -> None:
    """It was made while its page had been read already."""
    source, hidden = opened(plant.sitewise, parallel=1), {plant.lines[0], *plant.pumps[:3]}
    listed = plant.sitewise._list_assets
    summaries = {id: plant.sitewise._summary(asset) for id, asset in plant.sitewise.assets.items()}

    def without(request: Any) -> Any:
        answer = listed(request)
        answer["assetSummaries"] = [one for one in answer["assetSummaries"] if one["id"] not in hidden]
        return answer

    plant.sitewise.wire._operations["ListAssets"] = without
    try:
        found = read_all(source).versions()
    finally:
        plant.sitewise.wire._operations["ListAssets"] = listed
    assert found.keys() == read_all(opened(plant.sitewise)).versions().keys()
    assert summaries.keys() <= found.keys()


@pytest.mark.parametrize("settings", [{"access_key_id": "AKIAUNKNOWN0000000001"}, {"secret_access_key": "wrong"}])
def test_wrong_credentials_are_told_and_not_repeated(plant: Plant, settings: dict[str, str]) -> None:
    with pytest.raises(CredentialsInvalid) as caught:
        opened(plant.sitewise, **settings).check()
    assert "wrong" not in caught.value.message
    assert "AKIAUNKNOWN" not in caught.value.message


def test_a_role_that_may_not_list_is_told_what_it_needs(plant: Plant) -> None:
    plant.sitewise.fail("ListAssets", "denied")
    with pytest.raises(SourceUnavailable, match="ListAssets on") as caught:
        opened(plant.sitewise).check()
    assert caught.value.code == "permission.denied"
    assert "ListAssociatedAssets" in caught.value.remedy


def test_more_assets_than_allowed_are_not_read_in_part(plant: Plant) -> None:
    with pytest.raises(ConfigInvalid, match="more than 5 assets"):
        read_all(opened(plant.sitewise, max_assets=5))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"endpoint_url": "http://sitewise.example"}, "not encrypted"),
        ({"endpoint_url": "ftp://sitewise.example"}, "begins with https"),
        ({"region": "Mars!"}, "is no region"),
        ({"access_key_id": ""}, "given together"),
        ({"calls_per_second": 0}, "more than 0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(plant: Plant, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigInvalid, match=told):
        opened(plant.sitewise, **settings)


def test_an_interrupt_ends_a_listing_that_hangs(plant: Plant) -> None:
    plant.sitewise.fail("ListAssets", "slow", seconds=1.5)
    source, ended = opened(plant.sitewise), threading.Event()

    def listing() -> None:
        with pytest.raises(SourceUnavailable, match="interrupted"):
            list(source.list(None, None))
        ended.set()

    thread = threading.Thread(target=listing)
    thread.start()
    while not plant.sitewise.calls["ListAssets"]:
        time.sleep(0.005)
    source.interrupt()
    thread.join()
    assert ended.is_set()
    plant.sitewise.heal()
    assert len(read_all(source).ids()) == 13  # what is begun later is not affected
