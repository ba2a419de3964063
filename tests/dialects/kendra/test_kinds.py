"""Types of data sources, run for real: S3 with everything beside the documents, templates, web sites, databases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.dialects.kendra.desk import SECRETS, Desk, refused
from tests.dialects.kendra.sites import page, serving


def documents(desk: Desk, index: str) -> dict[str, dict[str, Any]]:
    """What the index holds, by our ids."""
    with desk.served.client() as http:
        found = http.get(f"/v1/documents/{desk.index_name(index)}", params={"limit": 500}).raise_for_status().json()
    return {one["id"]: one for one in found["items"]}


# --- S3 --------------------------------------------------------------------------------------------------------------


def test_a_bucket_with_patterns_metadata_and_access_lists(desk: Desk, s3: Any) -> None:
    index = desk.index()
    metadata = {
        "DocumentId": "handbook/first",
        "Title": "The first",
        "ContentType": "PLAIN_TEXT",
        "Attributes": {"_category": "rules", "_source_uri": "https://example.com/first", "Team": "blue"},
        "AccessControlList": [{"Name": "ann", "Type": "USER", "Access": "ALLOW"}],
    }
    bucket = desk.bucket(
        s3,
        {
            "docs/first": "about wombats",
            "docs/second.md": "# Second\n\nabout wombats",
            "docs/draft.tmp": "about wombats",
            "docs/deep/er/third.txt": "about wombats",
            "other/fourth.md": "about wombats",
            "meta/docs/first.metadata.json": json.dumps(metadata),
        },
    )
    acl = [
        {
            "keyPrefix": f"s3://{bucket}/docs/deep/",
            "aclEntries": [{"Name": "sales", "Type": "GROUP", "Access": "ALLOW"}],
        }
    ]
    s3.put_object(Bucket=bucket, Key="acl.json", Body=json.dumps(acl))
    source = desk.s3_source(
        index,
        bucket,
        InclusionPrefixes=["docs/"],
        ExclusionPatterns=["**/*.tmp"],
        DocumentsMetadataConfiguration={"S3Prefix": "meta/"},
        AccessControlListConfiguration={"KeyPath": "acl.json"},
    )
    assert desk.run(index, source)["Status"] == "SUCCEEDED"
    found = documents(desk, index)
    assert sorted(found) == ["docs/deep/er/third.txt", "docs/first", "docs/second.md"]
    first = found["docs/first"]
    assert (first["title"], first["url"], first["allow"]) == ("The first", "https://example.com/first", ["user:ann"])
    assert first["metadata"]["_category"] == "rules"
    assert found["docs/deep/er/third.txt"]["allow"] == ["group:sales"]
    ids = ("handbook/first", f"s3://{bucket}/docs/second.md", f"s3://{bucket}/docs/draft.tmp")
    assert desk.status(index, *ids) == ["INDEXED", "INDEXED", "NOT_FOUND"]
    metadata["Title"] = "Renamed"  # the metadata file alone changes
    s3.put_object(Bucket=bucket, Key="meta/docs/first.metadata.json", Body=json.dumps(metadata))
    assert desk.run(index, source)["Metrics"]["DocumentsModified"] == "1"


# --- TEMPLATE --------------------------------------------------------------------------------------------------------


def template(**more: Any) -> dict[str, Any]:
    """A template of the type S3."""
    return {
        "connectionConfiguration": {"repositoryEndpointMetadata": {"BucketName": "some-bucket"}},
        "repositoryConfigurations": {"document": {"fieldMappings": []}},
        "additionalProperties": {},
        "syncMode": "FULL_CRAWL",
        "type": "S3",
        "version": "1.0.0",
        **more,
    }


def test_a_template_reads_a_bucket_by_regular_expressions(desk: Desk, s3: Any) -> None:
    index = desk.index()
    bucket = desk.bucket(s3, {f"{folder}/{n}.txt": "x" for folder in ("in", "out", "in/no") for n in range(3)})
    said = template(
        connectionConfiguration={"repositoryEndpointMetadata": {"BucketName": bucket}},
        additionalProperties={
            "inclusionPatterns": [r".*/[01]\.txt"],
            "exclusionPatterns": [".*/1.*"],
            "inclusionPrefixes": ["in/"],
            "exclusionPrefixes": ["in/no/"],
        },
        nothing=None,
    )
    source = desk.source(index, "TEMPLATE", {"TemplateConfiguration": {"Template": said}})
    assert desk.kendra.describe_data_source(Id=source, IndexId=index)["Configuration"] == {
        "TemplateConfiguration": {"Template": said}  # also its nulls
    }
    assert desk.run(index, source)["Metrics"]["DocumentsAdded"] == "1"
    assert list(documents(desk, index)) == ["in/0.txt"]


def mapping(source: str, target: str) -> dict[str, Any]:
    entry = {"dataSourceFieldName": source, "indexFieldName": target, "indexFieldType": "STRING"}
    return {"repositoryConfigurations": {"document": {"fieldMappings": [entry]}}}


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("not an object", "JSON object"),
        (template(syncMode="CHANGE_LOG"), "CHANGE_LOG"),
        (template(syncMode="SOMETIMES"), "FULL_CRAWL"),
        (template(syncMode=None), "syncMode"),
        (template(type="SHAREPOINTV2"), "SHAREPOINTV2"),
        (template(connectionConfiguration={}), "repositoryEndpointMetadata"),
        (template(connectionConfiguration={"repositoryEndpointMetadata": {"BucketName": "A!"}}), "BucketName"),
        (template(additionalProperties={"fileSize": 4}), "fileSize"),
        (template(enableIdentityCrawler=True), "enableIdentityCrawler"),
        (template(additionalProperties={"inclusionPatterns": ["("]}), "regular expression"),
        (template(additionalProperties={"inclusionPatterns": "x"}), "list"),
        (template(**mapping("Team", "Team")), "no field Team"),
        (template(**mapping("one", "_category")), "rename"),
    ],
)
def test_templates_that_cannot_be_run(desk: Desk, said: Any, word: str) -> None:
    index = desk.index()
    with refused("ValidationException", word):
        desk.source(index, "TEMPLATE", {"TemplateConfiguration": {"Template": said}})


# --- WEBCRAWLER ------------------------------------------------------------------------------------------------------


def crawler(**more: Any) -> dict[str, Any]:
    return {"WebCrawlerConfiguration": more}


def test_a_site_to_its_depth(desk: Desk) -> None:
    pages = {
        "/": page("Home", "bilby zero", "/one", "/skip/me", "/private"),
        "/one": page("One", "bilby one", "/two"),
        "/two": page("Two", "bilby two"),
        "/skip/me": page("Skip", "bilby skip"),
        "/private": page("Private", "bilby private"),
        "/robots.txt": "User-agent: *\nDisallow: /private\n",
    }
    with serving(pages) as site:
        seeds = {"SeedUrlConfiguration": {"SeedUrls": [f"{site.url}/"], "WebCrawlerMode": "HOST_ONLY"}}
        runs = []
        for depth, expected in ((0, ["/"]), (1, ["/"]), (2, ["/", "/one"]), (3, ["/", "/one", "/two"])):
            index = desk.index()
            configuration = crawler(Urls=seeds, CrawlDepth=depth, UrlExclusionPatterns=[r".*/skip/.*"])
            source = desk.source(index, "WEBCRAWLER", configuration)
            runs.append((index, source, desk.start(index, source), [site.url + path for path in expected]))
        for index, source, execution, urls in runs:
            assert desk.ended(index, source, execution)["Status"] == "SUCCEEDED"
            assert sorted(documents(desk, index)) == urls
            assert set(desk.status(index, *urls)) == {"INDEXED"}
        assert "/private" not in site.asked


def test_a_site_map_lists_what_is_wanted(desk: Desk) -> None:
    index = desk.index()
    urls = "".join(f"<url><loc>SITE/{n}</loc></url>" for n in "ab")
    namespace = "http://www.sitemaps.org/schemas/sitemap/0.9"
    pages = {
        "/a": page("A", "numbat a", "/c"),
        "/b": page("B", "numbat b"),
        "/c": page("C", "numbat c"),
        "/map.xml": f'<?xml version="1.0"?><urlset xmlns="{namespace}">{urls}</urlset>',
    }
    with serving(pages) as site:
        maps = {"SiteMapsConfiguration": {"SiteMaps": [f"{site.url}/map.xml"]}}
        source = desk.source(index, "WEBCRAWLER", crawler(Urls=maps))
        assert desk.run(index, source)["Status"] == "SUCCEEDED"
        assert sorted(documents(desk, index)) == [f"{site.url}/a", f"{site.url}/b"]


def test_a_site_that_asks_who_one_is(desk: Desk) -> None:
    index = desk.index()
    with serving({"/": page("Home", "quoll")}) as site:
        host, _, port = site.url.removeprefix("http://").partition(":")
        seeds = {"SeedUrlConfiguration": {"SeedUrls": [f"{site.url}/"]}}

        def entry(host: str, port: int, secret: str) -> dict[str, Any]:
            return {"BasicAuthentication": [{"Host": host, "Port": port, "Credentials": f"{SECRETS}{secret}"}]}

        configuration = crawler(Urls=seeds, AuthenticationConfiguration=entry(host, int(port), "local/site-123456"))
        source = desk.source(index, "WEBCRAWLER", configuration)
        assert desk.run(index, source)["Status"] == "SUCCEEDED"
        assert site.headers["authorization"].startswith("Basic ")
        with desk.served.client() as http:
            told = http.get(f"/v1/connectors/{source}").text
        assert "of the site" not in told
        for wrong, word in (
            (entry("other.example", int(port), "local/site-123456"), "host and port"),
            (entry(host, int(port), "unknown-123456"), "SYNCLINE_AWS_SECRETS"),
            ({"BasicAuthentication": entry(host, 1, "x-123456")["BasicAuthentication"] * 2}, "more than one"),
        ):
            with refused("ValidationException", word):
                desk.source(index, "WEBCRAWLER", crawler(Urls=seeds, AuthenticationConfiguration=wrong))
    with refused("ValidationException", "SeedUrls"):
        desk.source(index, "WEBCRAWLER", crawler(Urls={}))
    with refused("ValidationException", "regular expression"):
        desk.source(index, "WEBCRAWLER", crawler(Urls=seeds, UrlInclusionPatterns=["("]))


# --- DATABASE --------------------------------------------------------------------------------------------------------


def database(port: int, table: str, secret: str = "local/postgres-AbCdEf", **more: Any) -> dict[str, Any]:
    columns = {
        "DocumentIdColumnName": "Number",
        "DocumentDataColumnName": "Body",
        "DocumentTitleColumnName": "Subject",
        "ChangeDetectingColumns": ["Changed"],
        "FieldMappings": [{"DataSourceFieldName": "dept", "IndexFieldName": "Department"}],
    }
    return {
        "DatabaseConfiguration": {
            "DatabaseEngineType": "RDS_POSTGRESQL",
            "ConnectionConfiguration": {
                "DatabaseHost": "127.0.0.1",
                "DatabasePort": port,
                "DatabaseName": "postgres",
                "TableName": table,
                "SecretArn": f"{SECRETS}{secret}",
            },
            "ColumnConfiguration": {**columns, **more.pop("ColumnConfiguration", {})},
            "AclConfiguration": {"AllowedGroupsColumnName": "allowed"},
            **more,
        }
    }


def declare(desk: Desk, index: str) -> None:
    field = {"Name": "Department", "Type": "STRING_VALUE"}
    desk.kendra.update_index(Id=index, DocumentMetadataConfigurationUpdates=[field])


def test_a_table_with_groups(desk: Desk, admin: Any, postgres_port: int) -> None:
    index, table = desk.index(), "kendra_articles"
    declare(desk, index)
    admin.execute(f"drop table if exists {table}")
    admin.execute(
        f"create table {table} (number int primary key, subject text, body text, dept text, allowed text, changed int)"
    )
    admin.execute(
        f"insert into {table} values (1, 'First', 'a dingo', 'pets', 'staff; sales', 0), "
        "(2, 'Second', 'a dingo', null, null, 0)"
    )
    try:
        # Not quoted, a name is taken in lower case, as PostgreSQL does it.
        source = desk.source(index, "DATABASE", database(postgres_port, table.upper()))
        row = desk.run(index, source)
        assert row["Status"] == "SUCCEEDED", row
        found = documents(desk, index)
        assert (found["1"]["title"], found["1"]["metadata"]) == ("First", {"Department": "pets"})
        assert found["1"]["allow"] == ["group:sales", "group:staff"]
        assert found["2"]["allow"] == ["group:"]  # no group: nobody
        assert desk.search(index, "dingo")
        admin.execute(f"update {table} set body = 'an emu' where number = 2")
        assert desk.run(index, source)["Metrics"]["DocumentsModified"] == "1"
        with desk.served.client() as http:
            assert "unused" not in http.get(f"/v1/connectors/{source}").text
        quoted = database(
            postgres_port, table.upper(), SqlConfiguration={"QueryIdentifiersEnclosingOption": "DOUBLE_QUOTES"}
        )
        row = desk.run(index, desk.source(index, "DATABASE", quoted))
        assert row["Status"] == "FAILED"
        assert table.upper() in row["ErrorMessage"]
    finally:
        admin.execute(f"drop table {table}")


def test_databases_that_cannot_be_run(desk: Desk) -> None:
    index = desk.index()

    def refuse(word: str, configuration: dict[str, Any]) -> None:
        with refused("ValidationException", word):
            desk.source(index, "DATABASE", configuration)

    refuse("no field Department", database(5432, "t"))
    declare(desk, index)
    refuse("prod/nothing", database(5432, "t", "prod/nothing-AbCdEf"))
    refuse("another host", database(5432, "t", "prod/articles-AbCdEf"))  # it is bound to its own
    refuse("password", database(5432, "t", "prod/broken"))
    dated = {"DataSourceFieldName": "d", "IndexFieldName": "_created_at", "DateFieldFormat": "dd/MM/yyyy"}
    refuse("DateFieldFormat", database(5432, "t", ColumnConfiguration={"FieldMappings": [dated]}))
    socket = database(5432, "t", "prod/open-AbCdEf")
    socket["DatabaseConfiguration"]["ConnectionConfiguration"]["DatabaseHost"] = "/run/postgresql"
    refuse("DatabaseHost", socket)
    mysql = database(3306, "t", "prod/open-AbCdEf", DatabaseEngineType="RDS_AURORA_MYSQL")
    source = desk.source(index, "DATABASE", mysql)
    with desk.served.client() as http:
        told = http.get(f"/v1/connectors/{source}").json()
    assert (told["kind"], told["settings"]["table"], told["settings"]["id"]) == ("mysql", "t", ["Number"])
    with refused("ValidationException", "kind"):
        postgres = database(5432, "t", "prod/open-AbCdEf")
        desk.kendra.update_data_source(Id=source, IndexId=index, Configuration=postgres)
