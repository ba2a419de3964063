"""Data sources: made, told, changed, scheduled, deleted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from tests.dialects.kendra.desk import NOBODY, REGION, ROLE, Desk, document, name, refused, until
from tests.dialects.kendra.sites import page, serving
from tests.dialects.kendra.test_runs import crawler

S3 = {"S3Configuration": {"BucketName": "some-bucket"}}
CRON = "cron(0 18 ? * MON-FRI *)"


def test_what_was_said_is_told(desk: Desk) -> None:
    index = desk.index()
    configuration = {
        "S3Configuration": {
            "BucketName": "some-bucket",
            "InclusionPrefixes": ["docs/"],
            "InclusionPatterns": ["**/*.{md,txt}"],
            "ExclusionPatterns": ["**/drafts/*"],
            "DocumentsMetadataConfiguration": {"S3Prefix": "metadata/"},
            "AccessControlListConfiguration": {"KeyPath": "s3://some-bucket/acl.json"},
        }
    }
    vpc = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    source = desk.source(
        *(index, "S3", configuration),
        Description="A bucket",
        Schedule=CRON,
        LanguageCode="de",
        VpcConfiguration=vpc,
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    told = desk.kendra.describe_data_source(Id=source, IndexId=index)
    assert told["Configuration"] == configuration
    expected = {
        "Id": source,
        "IndexId": index,
        "Type": "S3",
        "Status": "ACTIVE",
        "Description": "A bucket",
        "Schedule": CRON,
        "LanguageCode": "de",
        "VpcConfiguration": vpc,
        "RoleArn": ROLE,
    }
    assert {key: told[key] for key in expected} == expected
    with desk.served.client() as http:
        connector = http.get(f"/v1/connectors/{source}").json()
        assert http.get(f"/v1/connectors/{source}/schedules").json()["items"][0]["expression"] == CRON
    settings = connector["settings"]
    assert connector["kind"] == "s3"
    assert (settings["prefixes"], settings["acl_file"]) == (["docs/"], "acl.json")
    assert (settings["include"], settings["exclude"]) == (["glob:**/*.{md,txt}"], ["glob:**/drafts/*"])
    assert settings["metadata_prefix"] == "metadata/"
    arn = f"arn:aws:kendra:{REGION}:123456789012:index/{index}/data-source/{source}"
    assert desk.kendra.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_a_name_may_be_used_again(desk: Desk) -> None:
    index = desk.index()
    same = name("same")
    made = [
        desk.kendra.create_data_source(Name=same, IndexId=index, Type="CUSTOM", Description=str(n))["Id"]
        for n in range(3)
    ]
    assert len(set(made)) == 3
    listed = desk.kendra.list_data_sources(IndexId=index)["SummaryItems"]
    assert [(one["Id"], one["Name"], one["Type"]) for one in listed] == [(id, same, "CUSTOM") for id in made]


def test_a_token_makes_one_thing(desk: Desk) -> None:
    index, other = desk.index(), desk.index()
    said = {"Name": "once", "Type": "CUSTOM", "ClientToken": name("token")}
    first = desk.kendra.create_data_source(IndexId=index, **said)["Id"]
    assert desk.kendra.create_data_source(IndexId=index, **said)["Id"] == first
    assert desk.kendra.create_data_source(IndexId=other, **said)["Id"] != first
    assert len(desk.kendra.list_data_sources(IndexId=index)["SummaryItems"]) == 1
    desk.kendra.delete_data_source(Id=first, IndexId=index)
    assert desk.kendra.create_data_source(IndexId=index, **said)["Id"] != first
    whole = {"Name": name("index"), "RoleArn": ROLE, "ClientToken": name("token")}
    assert desk.kendra.create_index(**whole)["Id"] == desk.kendra.create_index(**whole)["Id"]


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"Type": "CUSTOM", "RoleArn": ROLE}, "RoleArn"),
        ({"Type": "CUSTOM", "Configuration": S3}, "Configuration"),
        ({"Type": "CUSTOM", "Schedule": CRON}, "Schedule"),
        ({"Type": "S3", "RoleArn": ROLE}, "Configuration"),
        ({"Type": "S3", "Configuration": S3}, "RoleArn"),
        ({"Type": "S3", "RoleArn": ROLE, "Configuration": {}}, "S3Configuration"),
        ({"Type": "WEBCRAWLER", "RoleArn": ROLE, "Configuration": S3}, "WebCrawlerConfiguration"),
        (
            {
                "Type": "S3",
                "RoleArn": ROLE,
                "Configuration": {**S3, "TemplateConfiguration": {"Template": {}}},
            },
            "TemplateConfiguration",
        ),
        ({"Type": "S3", "RoleArn": ROLE, "Configuration": S3, "Schedule": "rate(5 minutes)"}, "rate()"),
        ({"Type": "S3", "RoleArn": ROLE, "Configuration": S3, "Schedule": "cron(61 * * * ? *)"}, "61"),
        ({"Type": "S3", "RoleArn": ROLE, "Configuration": S3, "Schedule": "0 18 * * *"}, "cron"),
        ({"Type": "SHAREPOINT", "RoleArn": ROLE, "Configuration": S3}, "SHAREPOINT"),
        ({"Type": "GITHUB"}, "GITHUB"),
        (
            {
                "Type": "S3",
                "RoleArn": ROLE,
                "Configuration": S3,
                "CustomDocumentEnrichmentConfiguration": {"RoleArn": ROLE},
            },
            "CustomDocumentEnrichmentConfiguration",
        ),
        ({"Type": "CUSTOM", "Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]}, "twice"),
        ({"Type": "CUSTOM", "Tags": [{"Key": "aws:a", "Value": ""}]}, "reserved"),
        (
            {
                "Type": "S3",
                "RoleArn": ROLE,
                "Configuration": {"S3Configuration": {"BucketName": "abc", "InclusionPatterns": ["{a"]}},
            },
            "matches nothing",
        ),
        (
            {
                "Type": "S3",
                "RoleArn": ROLE,
                "Configuration": {
                    "S3Configuration": {
                        "BucketName": "abc",
                        "AccessControlListConfiguration": {"KeyPath": "s3://other/acl.json"},
                    }
                },
            },
            "s3://other/acl.json",
        ),
    ],
)
def test_what_cannot_be_run_as_meant_is_refused(desk: Desk, said: dict[str, Any], word: str) -> None:
    index = desk.index()
    with refused("ValidationException", word):
        desk.kendra.create_data_source(Name="refused", IndexId=index, **said)
    assert desk.kendra.list_data_sources(IndexId=index)["SummaryItems"] == []


def test_a_change_changes_what_is_given(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {"a/1.txt": "first", "b/2.txt": "second"})
    source = desk.s3_source(index, bucket, InclusionPrefixes=["a/"])
    desk.run(index, source)
    before = desk.kendra.describe_data_source(Id=source, IndexId=index)
    update = desk.kendra.update_data_source
    answer = update(Id=source, IndexId=index, Name="renamed", Description="other", Schedule=CRON)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"
    after = desk.kendra.describe_data_source(Id=source, IndexId=index)
    assert (after["Name"], after["Description"], after["Schedule"]) == ("renamed", "other", CRON)
    assert after["Configuration"] == before["Configuration"]
    assert after["CreatedAt"] == before["CreatedAt"]
    assert after["UpdatedAt"] > before["UpdatedAt"]
    assert after["Status"] == "ACTIVE"
    update(Id=source, IndexId=index, Schedule="cron(0 6 * * ? *)")
    assert desk.kendra.describe_data_source(Id=source, IndexId=index)["Schedule"] == "cron(0 6 * * ? *)"
    update(Id=source, IndexId=index, Schedule="", Configuration={"S3Configuration": {"BucketName": bucket}})
    after = desk.kendra.describe_data_source(Id=source, IndexId=index)
    assert (after["Schedule"], after["Configuration"]) == ("", {"S3Configuration": {"BucketName": bucket}})
    assert desk.run(index, source)["Metrics"]["DocumentsAdded"] == "1"
    with refused("ValidationException", "S3Configuration"):
        update(Id=source, IndexId=index, Configuration={"TemplateConfiguration": {"Template": {}}})
    custom = desk.custom(index)
    for said in ({"RoleArn": ROLE}, {"Schedule": CRON}, {"Configuration": S3}):
        with refused("ValidationException", "CUSTOM"):
            update(Id=custom, IndexId=index, **said)


def test_a_schedule_starts_jobs(desk: Desk, s3: Any) -> None:
    index = desk.index()
    source = desk.source(
        index,
        "S3",
        {"S3Configuration": {"BucketName": desk.bucket(s3, {"a.txt": "words"})}},
        Schedule="cron(* * * * ? *)",
    )
    with desk.served.client() as http:
        told = http.get(f"/v1/connectors/{source}/schedules").json()["items"]
    assert [(one["dialect"], one["zone"], one["enabled"]) for one in told] == [("aws", "UTC", True)]


def test_deleting_stops_the_job_and_takes_the_documents(desk: Desk, remark: Callable[[str], None]) -> None:
    index = desk.index()
    kept = desk.custom(index)
    desk.put(index, document("kept", "kangaroo kept", kept))
    with serving({"/": page("Home", "kangaroo gone", "/hangs")}) as site:
        source = desk.source(index, "WEBCRAWLER", crawler(site))
        desk.start(index, source)
        until(lambda: "/hangs" in site.asked)
        began = time.monotonic()
        desk.kendra.delete_data_source(Id=source, IndexId=index)
        remark(f"kendra: DeleteDataSource while a crawl hangs: {time.monotonic() - began:.2f} s")
        for call in ("describe_data_source", "start_data_source_sync_job", "list_data_source_sync_jobs"):
            with refused("ResourceNotFoundException"):
                getattr(desk.kendra, call)(Id=source, IndexId=index)
        with refused("ResourceNotFoundException"):
            desk.kendra.delete_data_source(Id=source, IndexId=index)
    until(lambda: desk.search(index, "kangaroo") == ["kept"])
    assert [one["Id"] for one in desk.kendra.list_data_sources(IndexId=index)["SummaryItems"]] == [kept]


def test_a_deleted_index_is_gone_with_everything(desk: Desk) -> None:
    index = desk.index()
    source = desk.custom(index)
    desk.start(index, source)
    desk.put(index, document("a"), document("b", source=source))
    desk.kendra.delete_index(Id=index)
    with refused("ResourceNotFoundException", index):
        desk.kendra.describe_index(Id=index)
    with refused("ResourceNotFoundException", index):
        desk.kendra.list_data_sources(IndexId=index)
    listed = desk.kendra.list_indices(MaxResults=100)["IndexConfigurationSummaryItems"]
    assert index not in [one["Id"] for one in listed]


def test_lists_are_paged(desk: Desk) -> None:
    index = desk.index()
    made = [desk.custom(index) for _ in range(5)]
    found, token = [], None
    while True:
        answer = desk.kendra.list_data_sources(IndexId=index, MaxResults=2, **({"NextToken": token} if token else {}))
        found += [one["Id"] for one in answer["SummaryItems"]]
        token = answer.get("NextToken")
        if token is None:
            break
    assert found == made
    with refused("ValidationException", "NextToken"):
        desk.kendra.list_data_sources(IndexId=desk.index(), NextToken="bm90IG91cnM=")


def test_unknown_things_are_not_found(desk: Desk) -> None:
    index, other = desk.index(), desk.index()
    source = desk.custom(index)
    for call in ("describe_data_source", "update_data_source", "delete_data_source"):
        for id, where in ((source, NOBODY), ("nothing", index), (source, other)):
            with refused("ResourceNotFoundException"):
                getattr(desk.kendra, call)(Id=id, IndexId=where)
    with refused("ResourceNotFoundException", NOBODY):
        desk.kendra.create_data_source(Name="n", IndexId=NOBODY, Type="CUSTOM")


def test_what_is_deleted_leaves_nothing_behind(desk: Desk) -> None:
    index = desk.index()
    source = desk.custom(index)
    desk.put(index, document("a"), document("b", source=source))
    members = {"MemberUsers": [{"UserId": "ann"}]}
    desk.kendra.put_principal_mapping(IndexId=index, GroupId="all", GroupMembers=members)
    desk.kendra.put_principal_mapping(IndexId=index, GroupId="own", DataSourceId=source, GroupMembers=members)

    def kept() -> list[str]:
        with closing(sqlite3.connect(f"file:{desk.served.data_dir}/control.db?mode=ro", uri=True)) as db:
            rows = db.execute(
                "select kind, id, parent, body from records where kind not in ('counting', 'open', 'execution')"
            )
            return ["/".join(row) for row in rows if index in repr(row) or source in repr(row)]

    before = kept()
    desk.kendra.delete_data_source(Id=source, IndexId=index)
    assert 0 < len(kept()) < len(before)
    desk.kendra.delete_index(Id=index)
    assert until(lambda: kept() == [])
