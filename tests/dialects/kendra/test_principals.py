"""Principal mappings: groups, subgroups, data sources, ordering ids, and what users find because of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.dialects.kendra.desk import Desk, document, name, refused, until

from syncline.dialects.kendra.members import Group, Mappings, Member
from syncline.store.relational.records import Records
from syncline.wiring import Installation


def group(name: str) -> dict[str, str]:
    return {"Name": name, "Type": "GROUP", "Access": "ALLOW"}


def users(*names: str) -> dict[str, Any]:
    return {"MemberUsers": [{"UserId": one} for one in names]}


def groups(*names: str, **more: str) -> dict[str, Any]:
    return {"MemberGroups": [{"GroupId": one, **more} for one in names]}


class Company:
    """An index with documents for groups; one of them comes from a data source."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.index = desk.index()
        self.source = desk.custom(self.index)
        documents = [{**document(id), "AccessControlList": [group(id)]} for id in ("staff", "sales", "board")]
        documents.append({**document("sourced", source=self.source), "AccessControlList": [group("sales")]})
        assert desk.put(self.index, *documents) == []
        until(lambda: len(desk.search(self.index, "")) == 4)

    def put(self, name: str, members: dict[str, Any], **more: Any) -> None:
        self.desk.kendra.put_principal_mapping(IndexId=self.index, GroupId=name, GroupMembers=members, **more)

    def delete(self, name: str, **more: Any) -> None:
        self.desk.kendra.delete_principal_mapping(IndexId=self.index, GroupId=name, **more)

    def describe(self, name: str, **more: Any) -> list[dict[str, Any]]:
        answer = self.desk.kendra.describe_principal_mapping(IndexId=self.index, GroupId=name, **more)
        assert (answer["IndexId"], answer["GroupId"]) == (self.index, name)
        assert answer.get("DataSourceId") == more.get("DataSourceId")
        found: list[dict[str, Any]] = answer["GroupOrderingIdSummaries"]
        return found

    def older(self, ordering: int, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.desk.kendra.list_groups_older_than_ordering_id(
            IndexId=self.index, OrderingId=ordering, **more
        )
        return found

    def seen(self, user: str, **more: Any) -> list[str]:
        found = self.desk.kendra.query(IndexId=self.index, UserContext={"UserId": user, **more})["ResultItems"]
        return sorted(one["DocumentId"] for one in found)


@pytest.fixture
def company(desk: Desk) -> Company:
    return Company(desk)


def test_members_find_what_their_group_may_see_and_are_replaced(company: Company) -> None:
    assert company.seen("ann") == []
    company.put("staff", users("ann", "bob"))
    assert company.seen("ann") == company.seen("bob") == ["staff"]
    company.put("staff", users("bob", "carl"))
    assert (company.seen("ann"), company.seen("bob"), company.seen("carl")) == ([], ["staff"], ["staff"])
    company.delete("staff")
    assert company.seen("bob") == []


def test_groups_in_groups(company: Company) -> None:
    company.put("staff", {**groups("sales", "board"), **users("zoe")})
    company.put("sales", users("ann"))
    company.put("board", groups("owners"))
    company.put("owners", {**users("otto"), **groups("staff")})  # a circle
    assert company.seen("ann") == ["board", "sales", "sourced", "staff"]
    assert company.seen("otto") == ["board", "staff"]
    assert company.seen("zoe") == ["board", "staff"]
    assert company.seen("nobody", Groups=["sales"]) == company.seen("ann"), "groups that are named are in groups, too"


def test_a_group_of_a_data_source_counts_there_only(company: Company) -> None:
    here = {"DataSourceId": company.source}
    company.put("sales", users("ann"), **here)
    assert company.seen("ann") == ["sourced"]
    company.put("sales", groups("inner"), **here)
    company.put("inner", users("bob"), **here)
    assert (company.seen("ann"), company.seen("bob")) == ([], ["sourced"])
    company.put("staff", groups("inner", **here))
    assert company.seen("bob") == ["sourced", "staff"]
    company.put("board", groups("inner"))  # the one of the whole index, which nobody is in
    assert company.seen("bob") == ["sourced", "staff"]
    company.delete("inner", **here)
    assert company.seen("bob") == []


def test_what_is_earlier_has_no_effect(company: Company) -> None:
    company.put("staff", users("new"), OrderingId=200)
    company.put("staff", users("old"), OrderingId=100)
    company.delete("staff", OrderingId=150)
    assert (company.seen("new"), company.seen("old")) == (["staff"], [])
    company.delete("staff", OrderingId=300)
    company.put("staff", users("late"), OrderingId=250)
    assert company.seen("late") == []
    company.put("staff", users("last"), OrderingId=300)
    assert company.seen("last") == ["staff"]
    shown = [(one["OrderingId"], one["Status"]) for one in company.describe("staff")]
    assert shown == [(300, "SUCCEEDED"), (300, "DELETED"), (200, "SUCCEEDED")]


def test_without_an_ordering_id_the_time_counts(company: Company) -> None:
    company.put("staff", users("ann"))
    (summary,) = company.describe("staff")
    assert summary["OrderingId"] == pytest.approx(summary["ReceivedAt"].timestamp() * 1000, abs=1000)
    company.put("staff", users("bob"), OrderingId=1)
    assert company.seen("bob") == []


def test_ten_summaries_are_kept(company: Company) -> None:
    for ordering in range(1, 13):
        company.put("staff", users("ann"), OrderingId=ordering)
    assert [one["OrderingId"] for one in company.describe("staff")] == list(range(12, 2, -1))
    with refused("ResourceNotFoundException", "nobody"):
        company.describe("nobody")


def test_groups_that_nobody_has_renewed_are_listed_in_pages(company: Company) -> None:
    for number in range(25):
        company.put(f"g{number}", users("ann"), OrderingId=number)
    company.delete("g3", OrderingId=4)
    company.put("elsewhere", users("ann"), OrderingId=1, DataSourceId=company.source)
    found, more = [], {}
    while True:
        answer = company.older(20, MaxResults=7, **more)
        found.append(answer["GroupsSummaries"])
        if "NextToken" not in answer:
            break
        more = {"NextToken": answer["NextToken"]}
    assert [len(page) for page in found] == [7, 7, 5]
    assert [(one["GroupId"], one["OrderingId"]) for page in found for one in page] == [
        (f"g{number}", number) for number in range(20) if number != 3
    ]
    here = company.older(20, DataSourceId=company.source)["GroupsSummaries"]
    assert here == [{"GroupId": "elsewhere", "OrderingId": 1}]
    for other in ({"OrderingId": 21}, {"OrderingId": 20, "DataSourceId": company.source}):
        with refused("ValidationException"):
            company.desk.kendra.list_groups_older_than_ordering_id(
                IndexId=company.index, **{"MaxResults": 7, **more, **other}
            )


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "USER", "id": "ann"}, {"type": "GROUP", "id": "inner"}],
        {"groupMembers": [{"Type": "USER", "Id": "ann"}, {"Type": "GROUP", "Id": "inner", "DataSourceId": None}]},
        {"MemberUsers": [{"UserId": "ann"}], "MemberGroups": [{"GroupId": "inner"}]},
    ],
)
def test_members_may_lie_in_a_bucket(company: Company, s3: Any, content: Any) -> None:
    bucket = company.desk.bucket(s3, {"members.json": json.dumps(content)})
    company.put("inner", users("bob"))
    company.put("staff", {"S3PathforGroupMembers": {"Bucket": bucket, "Key": "members.json"}})
    assert (company.seen("ann"), company.seen("bob")) == (["staff"], ["staff"])


def test_a_file_that_cannot_be_used_is_refused_and_changes_nothing(company: Company, s3: Any) -> None:
    company.put("staff", users("ann"))
    bucket = company.desk.bucket(s3, {"text": "no JSON", "list": '[{"type": "ROBOT", "id": "x"}]', "numbers": "[1, 2]"})
    for key in ("text", "list", "numbers", "absent"):
        with refused("ValidationException", bucket):
            company.put("staff", {"S3PathforGroupMembers": {"Bucket": bucket, "Key": key}})
    writer = company.desk.key("write")
    with refused("ValidationException", bucket):
        writer.put_principal_mapping(
            IndexId=company.index,
            GroupId="staff",
            GroupMembers={"S3PathforGroupMembers": {"Bucket": bucket, "Key": "list"}},
        )
    assert company.seen("ann") == ["staff"]


def test_what_is_not_there_is_refused(company: Company) -> None:
    with refused("ValidationException", "GroupMembers"):
        company.put("staff", {})
    for call in (
        lambda: company.put("staff", users("ann"), DataSourceId="another"),
        lambda: company.delete("staff", DataSourceId="another"),
        lambda: company.describe("staff", DataSourceId="another"),
        lambda: company.older(1, DataSourceId="another"),
    ):
        with refused("ResourceNotFoundException", "another"):
            call()
    company.delete("never-seen")
    assert [one["Status"] for one in company.describe("never-seen")] == ["DELETED"]


def test_an_index_takes_its_groups_with_it(tmp_path: Any) -> None:
    installation = Installation(str(tmp_path / "state"))
    records = Records(installation.control(), "kendra")
    kept, gone = (Mappings(records, name("index")) for _ in range(2))
    for one in (kept, gone):
        one.put(Group("", "staff"), 1, [Member("user", "ann"), Member("group", "inner")], 0.0)
        one.put(Group("source", "inner"), 1, [Member("user", "bob")], 0.0)
    gone.forget()
    assert gone.groups_of("ann", []) == set()
    assert kept.groups_of("ann", []) == {Group("", "staff")}
    assert (records.count("group"), records.count("member")) == (2, 3)
    kept.forget("source")
    assert (records.count("group"), records.count("member")) == (1, 2)
    installation.close()
