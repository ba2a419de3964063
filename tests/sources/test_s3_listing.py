"""What is in a bucket becomes documents: keys of every kind, filters, metadata files, access lists."""

from __future__ import annotations

import base64
import gzip
import json
from types import SimpleNamespace

import pytest
from tests.sources import s3lab
from tests.sources.s3lab import Answer, proxy, store  # noqa: F401

from syncline.model.documents import Document
from syncline.model.errors import ConfigInvalid, SourceUnavailable
from syncline.model.news import Refused
from syncline.sources.registry import open_source

# ruff: noqa: F811  fixtures are taken as arguments


@pytest.fixture
def place(store, proxy):
    bucket = store.bucket()

    def put(key, body="text", **more):
        body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        store.client.put_object(Bucket=bucket, Key=key, Body=body.encode() if isinstance(body, str) else body, **more)

    def open(**settings):
        return s3lab.opened(bucket, endpoint_url=proxy.url, options=settings.pop("options", None), **settings)

    return SimpleNamespace(
        bucket=bucket, put=put, open=open, client=store.client, proxy=proxy,
        listed=lambda **settings: s3lab.listed(open(**settings)),
        fetched=lambda **settings: s3lab.fetched(open(**settings)),
    )  # fmt: skip


# --- keys ------------------------------------------------------------------------------------------------------------

ODD = [
    "plain.txt", "with space.txt", "plus+and%20percent%", "a//b", "a/../b", "../up", "./here", "/leading", "tail/x",
    "ünïcödé/漢字 🍒.txt", "amp&lt<gt>\"'", "question?mark=1&x", "hash#tag", "semi;colon:@,$!*()[]{}|\\^`~",
    "tab\tin it", "line\nin it", "return\rin it", "x" * 1024, "é", "e\u0301", "\ufeffbom", "\U0010ffff",
]  # fmt: skip


class Shelf:
    """A server of the S3 kind for keys that moto's web framework changes on the way: it lists and gives what is in
    `objects`, by the published rules."""

    def __init__(self, objects):
        self.objects = dict(objects)

    def __call__(self, request, forward, handler):
        if "list-type" not in request.query:
            if request.key not in self.objects:
                return s3lab.error(404, "NoSuchKey")
            return Answer(status=200, headers={"ETag": f'"{hash(request.key):x}"'}, body=self.objects[request.key])
        return Answer(status=200, headers={}, body=self.page(request.query).encode())

    def page(self, query):
        from urllib.parse import quote_plus

        after = query.get("continuation-token") or query.get("start-after", "")
        under = [key for key in sorted(self.objects, key=str.encode) if key.startswith(query.get("prefix", ""))]
        rest = [key for key in under if key > after]
        size = int(query["max-keys"])
        rows = "".join(
            f"<Contents><Key>{quote_plus(key)}</Key><LastModified>2026-11-22T00:00:00.000Z</LastModified>"
            f'<ETag>"{hash(key):x}"</ETag><Size>{len(self.objects[key])}</Size></Contents>'
            for key in rest[:size]
        )
        from xml.sax.saxutils import escape

        more = f"<NextContinuationToken>{escape(rest[size - 1])}</NextContinuationToken>" if len(rest) > size else ""
        truncated = str(len(rest) > size).lower()
        return (
            f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>'
            f"<KeyCount>{len(rest[:size])}</KeyCount><IsTruncated>{truncated}</IsTruncated>{more}{rows}</ListBucketResult>"
        )


def test_every_key_is_listed_and_read_as_it_is(place):
    place.proxy.act = Shelf({key: key.encode() for key in ODD})
    source = place.open()
    listing = s3lab.listed(source)
    assert listing.keys == sorted(ODD)
    answers = s3lab.fetched(source, listing.entries)
    assert {id: answer.content for id, answer in answers.items()} == {key: key.encode() for key in ODD}


@pytest.mark.parametrize(
    "key", ["with space+plus%20.txt", "ünïcödé 漢字 🍒", "amp&lt<", "a/../b", "a//b", "./c", "/lead"]
)
def test_keys_pass_a_real_server(place, key):
    place.put(key, "hello")
    answer = place.fetched()[key]
    assert isinstance(answer, Document)
    assert answer.content == b"hello"


def test_a_key_that_cannot_be_an_id_is_named_and_the_rest_goes_on(place):
    place.proxy.act = Shelf({"a": b"1", "b\0c": b"2", "d": b"3"})
    listing = place.listed()
    assert (listing.keys, listing.unlisted) == (["a", "d"], {"b": "source.key_unusable"})


def test_objects_that_stand_for_folders_are_left_out_and_named(place):
    place.put("docs/", b"")
    place.put("docs/a", b"")
    place.put("real/", b"with content")
    listing = place.listed()
    assert listing.keys == ["docs/a", "real/"]
    assert listing.skipped["docs/"][1] == "filtered.folder_marker"


def test_objects_that_are_too_large_are_left_out_and_named(place):
    place.put("small", b"x" * 100)
    place.put("large", b"x" * 101)
    listing = place.listed(max_bytes=100)
    assert (listing.keys, listing.skipped["large"][1]) == (["small"], "filtered.too_large")


# --- what is asked for -----------------------------------------------------------------------------------------------


def test_only_the_prefixes_are_listed_and_nested_ones_once(place):
    for key in ("a/1", "a/b/2", "ab", "c/3", "d/4"):
        place.put(key)
    assert place.listed(prefixes=["c/", "a/b/", "a/"]).keys == ["a/1", "a/b/2", "c/3"]
    assert [request.query["prefix"] for request in place.proxy.listings] == ["a/", "c/"]


def test_a_path_in_the_url_is_a_prefix(place):
    for key in ("docs/1", "docs-2", "other"):
        place.put(key)
    source = open_source("s3", s3lab.values(f"s3://{place.bucket}/docs", endpoint_url=place.proxy.url))
    assert s3lab.listed(source).keys == ["docs/1"]


SELECTIONS = {
    "as in gitignore": ({"include": ["*.md"]}, ["a.md", "docs/b.md", "docs/deep/c.md"]),
    "a folder": ({"include": ["/docs/"]}, ["docs/b.md", "docs/deep/c.md", "docs/deep/d.png"]),
    "all but a folder": ({"exclude": ["deep/"]}, ["a.md", "docs/b.md", "img/e.jpg"]),
    "all but one kind of file": ({"exclude": ["*.png", "*.jpg"]}, ["a.md", "docs/b.md", "docs/deep/c.md"]),
    "taken in again": ({"exclude": ["*", "!*.md", "!*/"]}, ["a.md", "docs/b.md", "docs/deep/c.md"]),
    "a glob": ({"include": ["glob:**/*.{png,jpg}"]}, ["docs/deep/d.png", "img/e.jpg"]),
    "a glob at the top": ({"include": ["glob:*.md"]}, ["a.md"]),
    "a regular expression": ({"include": ["regex:docs/[^/]+\\.md"]}, ["docs/b.md"]),
    "exclusion wins": ({"include": ["glob:docs/**"], "exclude": ["regex:.*/d\\.png"]}, ["docs/b.md", "docs/deep/c.md"]),
    "either kind of pattern": ({"include": ["a.md", "glob:img/*"]}, ["a.md", "img/e.jpg"]),
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_patterns_choose_documents(place, name):
    settings, expected = SELECTIONS[name]
    place.proxy.act = Shelf(
        dict.fromkeys(["a.md", "docs/b.md", "docs/deep/c.md", "docs/deep/d.png", "img/e.jpg"], b"x")
    )
    listing = place.listed(**settings)
    assert listing.keys == expected
    assert set(listing.keys) | set(listing.skipped) == {
        "a.md",
        "docs/b.md",
        "docs/deep/c.md",
        "docs/deep/d.png",
        "img/e.jpg",
    }
    assert all(rule for rule, _ in listing.skipped.values())


# --- bodies ----------------------------------------------------------------------------------------------------------


def test_a_document_tells_what_the_object_tells(place):
    place.put("docs/report.PDF", b"%PDF", ContentType="application/pdf; x=y", Metadata={"team": "sales", "n": "a%20b"})
    document = place.fetched()["docs/report.PDF"]
    assert document.media_type == "application/pdf"
    assert document.metadata == {"folder": "docs", "extension": "pdf", "team": "sales", "n": "a b"}
    assert document.url == f"{place.proxy.url}/{place.bucket}/docs/report.PDF"
    assert (document.allow, document.deny) == ((), ())


def test_a_type_that_says_nothing_is_left_to_be_guessed(place):
    place.put("a.md", "x")
    assert place.fetched()["a.md"].media_type == ""


def test_what_is_stored_packed_is_unpacked(place):
    place.put("good.txt", gzip.compress(b"hello"), ContentEncoding="gzip")
    place.put("bad.txt", b"no gzip", ContentEncoding="gzip")
    place.put("half.txt", gzip.compress(b"hello" * 100)[:-9], ContentEncoding="gzip")
    place.put("bomb.txt", gzip.compress(b"0" * 5_000_000), ContentEncoding="gzip")
    answers = place.fetched(max_bytes=1_000_000)
    assert answers["good.txt"].content == b"hello"
    codes = {id: answer.error.code for id, answer in answers.items() if isinstance(answer, Refused)}
    assert codes == {
        "bad.txt": "document.unreadable", "half.txt": "document.unreadable", "bomb.txt": "document.too_large",
    }  # fmt: skip


def test_writing_an_object_again_changes_its_version_even_if_only_its_metadata_changed(place):
    place.put("a", "same", Metadata={"x": "1"})
    shelf = place.listed().versions["a"]
    place.proxy.act = lambda request, forward, handler: (
        answer := forward(),
        answer.with_body(answer.body.replace(b"<LastModified>20", b"<LastModified>19")),
    )[1]
    assert place.listed().versions["a"] != shelf


def test_a_versioned_bucket_gives_what_is_current(place):
    place.client.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in ("one", "two"):
        place.put("kept", body)
        place.put("gone", body)
    place.client.delete_object(Bucket=place.bucket, Key="gone")
    answers = place.fetched()
    assert {id: answer.content for id, answer in answers.items()} == {"kept": b"two"}


def test_headers_that_the_settings_ask_for_go_along(place):
    key = base64.b64encode(b"k" * 32).decode()
    place.put("a", "x", SSECustomerAlgorithm="AES256", SSECustomerKey=b"k" * 32)
    source = place.open(requester_pays=True, bucket_owner="123456789012", sse_customer_key=key)
    assert s3lab.fetched(source)["a"].content == b"x"
    for request in place.proxy.requests:
        assert request.headers["x-amz-request-payer"] == "requester"
        assert request.headers["x-amz-expected-bucket-owner"] == "123456789012"
        assert ("x-amz-server-side-encryption-customer-key" in request.headers) == (request.key == "a")


# --- metadata files --------------------------------------------------------------------------------------------------

SIDECAR = {
    "DocumentId": "handbook-1",
    "Title": "The handbook",
    "ContentType": "PLAIN_TEXT",
    "Attributes": {"_category": "hr", "_source_uri": "https://example.com/h", "pages": 3, "tags": ["a", "b"]},
    "AccessControlList": [
        {"Name": "ann", "Type": "USER", "Access": "ALLOW"},
        {"Name": "interns", "Type": "GROUP", "Access": "DENY"},
    ],
}


@pytest.mark.parametrize("prefix", ["", "metadata/", "docs/meta-"])
def test_a_metadata_file_tells_of_its_document(place, prefix):
    place.put("docs/a.bin", "text")
    place.put("docs/a.bin-b", "text")
    place.put(f"{prefix}docs/a.bin.metadata.json", SIDECAR)
    place.put(f"{prefix}docs/stray.metadata.json", SIDECAR)
    source = place.open(metadata_files=True, metadata_prefix=prefix)
    answers = s3lab.fetched(source)
    assert set(answers) == {"docs/a.bin", "docs/a.bin-b"}
    document = answers["docs/a.bin"]
    assert (document.title, document.media_type, document.url) == (
        "The handbook",
        "text/plain",
        "https://example.com/h",
    )
    assert document.metadata["document_id"] == "handbook-1"
    assert (document.metadata["pages"], document.metadata["tags"]) == (3, ["a", "b"])
    assert (document.allow, document.deny) == (("user:ann",), ("group:interns",))
    assert (answers["docs/a.bin-b"].title, answers["docs/a.bin-b"].allow) == ("", ())


@pytest.mark.parametrize("prefix", ["", "metadata/"])
def test_a_change_of_the_metadata_file_changes_that_document_and_no_other(place, prefix):
    settings = {"metadata_files": True, "metadata_prefix": prefix}
    for key in ("a", "b"):
        place.put(key)
    versions = [place.listed(**settings).versions]
    for title in ("One", "Two"):
        place.put(f"{prefix}a.metadata.json", {"Title": title})
        versions.append(place.listed(**settings).versions)
    place.client.delete_object(Bucket=place.bucket, Key=f"{prefix}a.metadata.json")
    assert len({version["a"] for version in versions}) == 3
    assert len({version["b"] for version in versions}) == 1
    assert place.listed(**settings).versions == versions[0]


BAD = {
    "no JSON": b"{",
    "no UTF-8": b'{"Title": "\xff"}',
    "a list": [1],
    "a title that is no text": {"Title": 1},
    "an attribute that is no value": {"Attributes": {"a": {"b": 1}}},
    "no access list": {"AccessControlList": "everybody"},
    "an entry without a name": {"AccessControlList": [{"Type": "USER", "Access": "ALLOW"}]},
    "an access of neither kind": {"AccessControlList": [{"Name": "a", "Type": "USER", "Access": "MAYBE"}]},
}


@pytest.mark.parametrize("name", BAD)
def test_a_metadata_file_that_makes_no_sense_fails_its_document_alone(place, name):
    for key in ("a", "b"):
        place.put(key)
    place.put("a.metadata.json", BAD[name])
    answers = place.fetched(metadata_files=True)
    assert answers["a"].error.code == "document.metadata_invalid"
    assert "a.metadata.json" in answers["a"].error.message
    assert isinstance(answers["b"], Document)


def test_without_the_setting_a_metadata_file_is_a_document(place):
    place.put("a")
    place.put("a.metadata.json", SIDECAR)
    assert place.listed().keys == ["a", "a.metadata.json"]


@pytest.mark.parametrize("prefix", ["", "m/"])
def test_a_listing_that_is_gone_on_with_pairs_as_the_whole_one_does(place, prefix):
    keys = [f"k{n:02}" for n in range(40)]
    shelf = dict.fromkeys(keys, b"x")
    shelf |= {f"{prefix}{key}.metadata.json": b"{}" for key in keys[::3]}
    place.proxy.act = Shelf(shelf)
    settings = {"metadata_files": True, "metadata_prefix": prefix, "options": {"page_size": 4, "checkpoint_every": 5}}
    whole = place.listed(**settings)
    cursors = [item.cursor for item in whole.news if type(item).__name__ == "Checkpoint"]
    assert cursors
    for cursor in cursors:
        rest = s3lab.listed(place.open(**settings), cursor)
        assert rest.versions == {key: whole.versions[key] for key in whole.keys if key > json.loads(cursor)[1]}


# --- access lists ----------------------------------------------------------------------------------------------------


def entry(name, kind="USER", access="ALLOW"):
    return {"Name": name, "Type": kind, "Access": access}


def test_an_access_file_says_who_may_see_what_and_the_longest_prefix_decides(place):
    for key in ("hr/pay", "hr/open/menu", "public", "own"):
        place.put(key)
    place.put("own.metadata.json", {"AccessControlList": [entry("eve")]})
    place.put(
        "access.json",
        [
            {"keyPrefix": f"s3://{place.bucket}/hr/", "aclEntries": [entry("hr", "GROUP")]},
            {
                "keyPrefix": f"s3://{place.bucket}/hr/open/",
                "aclEntries": [entry("all", "GROUP"), entry("bob", access="DENY")],
            },
            {"keyPrefix": f"s3://{place.bucket}/own", "aclEntries": [entry("nobody")]},
            {"keyPrefix": "s3://another-bucket/", "aclEntries": [entry("them")]},
        ],
    )
    answers = place.fetched(acl_file="access.json", metadata_files=True)
    assert {id: (answer.allow, answer.deny) for id, answer in answers.items()} == {
        "hr/pay": (("group:hr",), ()),
        "hr/open/menu": (("group:all",), ("user:bob",)),
        "public": ((), ()),
        "own": (("user:eve",), ()),
    }


def test_a_change_of_the_access_file_changes_the_documents_it_speaks_of(place):
    for key in ("hr/pay", "public"):
        place.put(key)

    def versions(*entries):
        place.put("access.json", [{"keyPrefix": f"s3://{place.bucket}/hr/", "aclEntries": list(entries)}])
        return place.listed(acl_file="access.json").versions

    before, same, after = versions(entry("ann")), versions(entry("ann")), versions(entry("ann"), entry("bob"))
    assert before == same
    assert (before["hr/pay"] != after["hr/pay"], before["public"] == after["public"]) == (True, True)


@pytest.mark.parametrize(
    "content", [None, b"", b"{}", b'[{"keyPrefix": "hr/"}]', b'[{"keyPrefix": "s3://b/"}]', b"[1]"]
)
def test_without_a_whole_access_file_nothing_is_taken(place, content):
    place.put("a")
    if content is not None:
        place.put("access.json", content)
    source = place.open(acl_file="access.json")
    for act in (source.check, lambda: s3lab.listed(source)):
        with pytest.raises(SourceUnavailable) as caught:
            act()
        assert caught.value.code == "source.access_list_unusable"


# --- other stores ----------------------------------------------------------------------------------------------------


@pytest.fixture
def google(store, proxy):
    """A bucket that anybody may read, asked for in the words of Google's XML interface, which are those of S3."""
    bucket = store.bucket()
    store.client.put_bucket_acl(Bucket=bucket, ACL="public-read")

    def put(key, body=b"text"):
        store.client.put_object(Bucket=bucket, Key=key, Body=body, ACL="public-read", Metadata={"team": "sales"})

    def open(**settings):
        values = {"access_key_id": None, "anonymous": True, "endpoint_url": proxy.url, **settings}
        return s3lab.opened(f"gs://{bucket}", **values)

    return SimpleNamespace(put=put, open=open, bucket=bucket, proxy=proxy, client=store.client)


def test_a_google_bucket_is_read_through_obstore(google):
    for key in ("docs-old/x.txt", "docs/a b.txt", "docs/c.md", "other"):
        google.put(key)
    google.put("docs/", b"")  # comes as "docs", out of order
    source = google.open(prefixes=["docs"], include=["*.txt"])
    listing = s3lab.listed(source)
    assert (listing.keys, listing.anchor) == (
        ["docs-old/x.txt", "docs/a b.txt"],
        f"gs://{google.bucket} {google.proxy.url}",
    )
    document = s3lab.fetched(source, listing.entries)["docs/a b.txt"]
    assert (document.content, document.version) == (b"text", listing.versions["docs/a b.txt"])
    assert document.metadata["folder"] == "docs"


def test_a_google_bucket_with_a_key_that_obstore_cannot_name_is_not_believed_to_be_without_it(google):
    google.put("a//b")
    google.put("c")
    with pytest.raises(SourceUnavailable) as caught:
        s3lab.listed(google.open())
    assert caught.value.code == "source.key_unusable"


def test_a_google_bucket_that_fails_says_how(google):
    google.put("a")
    source = google.open()
    entries = s3lab.listed(source).entries
    for status, code in ((403, "permission.denied"), (404, "source.bucket_missing"), (500, "source.unreachable")):
        google.proxy.act = lambda *_, status=status: s3lab.error(status, "Odd")
        with pytest.raises(SourceUnavailable) as caught:
            source.check()
        assert caught.value.code == code
        assert s3lab.SECRET not in repr(caught.value.as_dict())
    google.proxy.act = lambda *_: s3lab.error(403, "AccessDenied")
    assert isinstance(s3lab.fetched(source, entries)["a"], Refused)


def test_an_azure_container_without_an_account_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ConfigInvalid) as caught:
        s3lab.opened("az://container", access_key_id=None).check()
    assert "account" in caught.value.remedy
