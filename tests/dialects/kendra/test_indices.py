"""Indexes: made, told, their fields, their tags."""

from __future__ import annotations

from typing import Any

import pytest
from tests.dialects.kendra.desk import NOBODY, REGION, ROLE, Desk, document, name, refused, until

RESERVED = 15


def test_what_was_said_is_told(desk: Desk) -> None:
    said = {
        "Name": name("Whole"),
        "Edition": "DEVELOPER_EDITION",
        "RoleArn": ROLE,
        "ServerSideEncryptionConfiguration": {"KmsKeyId": "a-key"},
        "Description": "All of it",
        "UserContextPolicy": "USER_TOKEN",
        "UserTokenConfigurations": [
            {"JsonTokenTypeConfiguration": {"UserNameAttributeField": "user", "GroupAttributeField": "groups"}}
        ],
    }
    index = desk.kendra.create_index(**said)["Id"]
    assert len(index) == 36
    told = desk.kendra.describe_index(Id=index)
    assert {key: told[key] for key in said} == said
    assert (told["Id"], told["Status"]) == (index, "ACTIVE")
    assert told["CapacityUnits"] == {"StorageCapacityUnits": 0, "QueryCapacityUnits": 0}
    assert told["IndexStatistics"]["TextDocumentStatistics"] == {"IndexedTextDocumentsCount": 0, "IndexedTextBytes": 0}
    assert len(told["DocumentMetadataConfigurations"]) == RESERVED
    change = {
        "Name": "renamed",
        "Description": "",
        "CapacityUnits": {"StorageCapacityUnits": 1, "QueryCapacityUnits": 2},
    }
    answer = desk.kendra.update_index(Id=index, **change)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"
    after = desk.kendra.describe_index(Id=index)
    assert {key: after[key] for key in change} == change
    assert after["Edition"] == "DEVELOPER_EDITION"
    assert after["CreatedAt"] == told["CreatedAt"]
    assert after["UpdatedAt"] > told["UpdatedAt"]


def test_names_may_be_equal_and_odd(desk: Desk) -> None:
    odd = "A_" + "x" * 900
    ids = {desk.kendra.create_index(Name=odd, RoleArn=ROLE)["Id"] for _ in range(3)}
    assert len(ids) == 3
    assert {desk.kendra.describe_index(Id=id)["Name"] for id in ids} == {odd}
    assert len({desk.index_name(id) for id in ids}) == 3


def test_statistics_count_what_is_there(desk: Desk) -> None:
    index = desk.index()
    desk.put(index, document("a", "12345"), document("b", "é"))
    until(lambda: desk.status(index, "a", "b") == ["INDEXED", "INDEXED"])

    def counted() -> tuple[int, int]:
        found = desk.kendra.describe_index(Id=index)["IndexStatistics"]["TextDocumentStatistics"]
        return found["IndexedTextDocumentsCount"], found["IndexedTextBytes"]

    assert counted() == (2, 7)
    desk.kendra.batch_delete_document(IndexId=index, DocumentIdList=["a"])
    until(lambda: desk.status(index, "a") == ["NOT_FOUND"])
    assert counted() == (1, 2)


def fields(desk: Desk, index: str) -> dict[str, dict[str, Any]]:
    told = desk.kendra.describe_index(Id=index)["DocumentMetadataConfigurations"]
    return {one["Name"]: one for one in told}


def test_fields_are_added_and_altered(desk: Desk) -> None:
    index = desk.index()
    update = desk.kendra.update_index
    team = {"Name": "Team", "Type": "STRING_VALUE", "Search": {"Facetable": True}}
    size = {"Name": "Size", "Type": "LONG_VALUE", "Relevance": {"Importance": 3, "RankOrder": "DESCENDING"}}
    update(Id=index, DocumentMetadataConfigurationUpdates=[team, size])
    update(
        Id=index,
        DocumentMetadataConfigurationUpdates=[
            {"Name": "Team", "Type": "STRING_VALUE", "Search": {"Sortable": True}},
            {"Name": "_category", "Type": "STRING_VALUE", "Search": {"Facetable": True}},
        ],
    )
    told = fields(desk, index)
    assert len(told) == RESERVED + 2
    assert told["Team"]["Search"] == {"Facetable": True, "Searchable": True, "Displayable": True, "Sortable": True}
    assert told["Size"]["Search"] == {"Facetable": False, "Searchable": False, "Displayable": True, "Sortable": False}
    assert told["Size"]["Relevance"] == size["Relevance"]
    assert told["_category"]["Search"]["Facetable"] is True
    assert told["_category"]["Search"]["Sortable"] is True


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ({"Name": "Held", "Type": "LONG_VALUE"}, "STRING_VALUE"),
        ({"Name": "_category", "Type": "LONG_VALUE"}, "_category"),
        ({"Name": "_own", "Type": "LONG_VALUE"}, "underscore"),
        ({"Name": "with space", "Type": "LONG_VALUE"}, "with space"),
        ({"Name": "New", "Type": "STRING_VALUE", "Relevance": {"Freshness": True}}, "Freshness"),
        ({"Name": "New", "Type": "STRING_VALUE", "Relevance": {"RankOrder": "ASCENDING"}}, "RankOrder"),
        ({"Name": "New", "Type": "LONG_VALUE", "Relevance": {"Duration": "5s"}}, "Duration"),
        ({"Name": "New", "Type": "LONG_VALUE", "Relevance": {"ValueImportanceMap": {"a": 1}}}, "ValueImportanceMap"),
    ],
)
def test_fields_keep_their_rules(desk: Desk, field: dict[str, Any], word: str) -> None:
    index = desk.index()
    update = desk.kendra.update_index
    update(Id=index, DocumentMetadataConfigurationUpdates=[{"Name": "Held", "Type": "STRING_VALUE"}])
    before = fields(desk, index)
    with refused("ValidationException", word):
        update(Id=index, DocumentMetadataConfigurationUpdates=[{"Name": "Good", "Type": "DATE_VALUE"}, field])
    assert fields(desk, index) == before  # all of it or nothing


def test_there_are_at_most_500_fields(desk: Desk) -> None:
    index = desk.index()
    many = [{"Name": f"f{n}", "Type": "LONG_VALUE"} for n in range(500)]
    with refused("ValidationException", "500"):
        desk.kendra.update_index(Id=index, DocumentMetadataConfigurationUpdates=many)
    desk.kendra.update_index(Id=index, DocumentMetadataConfigurationUpdates=many[: 500 - RESERVED])
    assert len(fields(desk, index)) == 500
    with refused("ValidationException", "twice"):
        desk.kendra.update_index(Id=index, DocumentMetadataConfigurationUpdates=[many[0], many[0]])


def test_groups_of_a_directory_are_refused(desk: Desk) -> None:
    with refused("ValidationException", "AWS_SSO"):
        desk.index(UserGroupResolutionConfiguration={"UserGroupResolutionMode": "AWS_SSO"})


def test_all_indexes_are_listed_in_pages(desk: Desk) -> None:
    made = [desk.index() for _ in range(3)]
    found, token = [], None
    while True:
        answer = desk.kendra.list_indices(MaxResults=2, **({"NextToken": token} if token else {}))
        found += [one["Id"] for one in answer["IndexConfigurationSummaryItems"]]
        token = answer.get("NextToken")
        if token is None:
            break
    assert [id for id in found if id in made] == made
    assert len(found) == len(set(found))


def test_tags(desk: Desk) -> None:
    index = desk.index(Tags=[{"Key": "Team", "Value": "blue"}])
    source = desk.custom(index)
    arn = f"arn:aws:kendra:{REGION}:123456789012:index/{index}"
    kendra = desk.kendra
    for of, before in ((arn, {"Team": "blue"}), (f"{arn}/data-source/{source}", {})):

        def tags(resource: str = of) -> dict[str, str]:
            told = kendra.list_tags_for_resource(ResourceARN=resource)["Tags"]
            return {one["Key"]: one["Value"] for one in told}

        assert tags() == before
        kendra.tag_resource(ResourceARN=of, Tags=[{"Key": "team", "Value": "red"}, {"Key": "x", "Value": ""}])
        assert tags() == {"team": "red", "x": ""}  # keys that differ in case are one
        kendra.untag_resource(ResourceARN=of, TagKeys=["TEAM", "never there"])
        assert tags() == {"x": ""}
        many = [{"Key": f"k{n}", "Value": "v"} for n in range(200)]
        with refused("ValidationException", "200"):
            kendra.tag_resource(ResourceARN=of, Tags=many)
    for unknown in (f"arn:aws:kendra:{REGION}:1:index/{NOBODY}", f"{arn}/data-source/nothing"):
        for call, more in (
            (kendra.tag_resource, {"Tags": []}),
            (kendra.untag_resource, {"TagKeys": []}),
            (kendra.list_tags_for_resource, {}),
        ):
            with refused("ResourceUnavailableException", unknown):
                call(ResourceARN=unknown, **more)
    with refused("ValidationException", "ARN"):
        kendra.list_tags_for_resource(ResourceARN="not an arn")
