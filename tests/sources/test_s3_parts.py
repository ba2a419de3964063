"""The parts of the object store source, each by itself."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Theirs
from hypothesis import given
from hypothesis import strategies as st
from tests.sources import s3lab

from syncline.model.errors import ConfigInvalid, CredentialsInvalid
from syncline.sources.folder.globs import NeverMatches
from syncline.sources.registry import available, secret_fields
from syncline.sources.s3 import signing
from syncline.sources.s3.addressing import Address
from syncline.sources.s3.credentials import provider
from syncline.sources.s3.objects import Found
from syncline.sources.s3.pages import Damaged, parse_page
from syncline.sources.s3.pairing import SUFFIX, Paired, apart, beside
from syncline.sources.s3.selection import glob_regex
from syncline.sources.s3.stores import targets, uses_own_credentials

# --- metadata files find their documents -----------------------------------------------------------------------------

KEYS = st.sets(st.text("ab.-/", max_size=5).map(lambda key: f"k{key}"), max_size=12)
CHAINS = st.sets(st.integers(0, 6).map(lambda n: "k" + "a" * n), max_size=6)  # each begins with the one before


def found(keys):
    return [Found(key, 1, "e", 0) for key in sorted(keys)]


def pairs_of(news):
    return {pair.found.key: pair.sidecar and pair.sidecar.key for pair in news if isinstance(pair, Paired)}


@given(KEYS | CHAINS, st.data())
def test_every_object_is_told_once_with_the_metadata_file_of_its_name(keys, data):
    described = data.draw(st.sets(st.sampled_from(sorted(keys)))) if keys else set()
    stray = data.draw(KEYS)
    names = {key + SUFFIX for key in described | (stray - keys)}
    expected = {key: key + SUFFIX if key in described else None for key in keys}
    assert pairs_of(beside(found(keys | names))) == expected
    under = {f"meta/{name}" for name in names}
    assert pairs_of(apart(found(keys), found(under), "meta/")) == {
        key: value and f"meta/{value}" for key, value in expected.items()
    }


# --- signatures ------------------------------------------------------------------------------------------------------


@given(
    key=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
    query=st.dictionaries(st.sampled_from(["prefix", "list-type", "start-after"]), st.text(max_size=10)),
    token=st.sampled_from(["", "TOKEN"]),
)
def test_signatures_are_those_that_botocore_makes(key, query, token):
    path, asked = signing.encoded_path("/bucket/" + key), signing.encoded_query(list(query.items()))
    ours = signing.signed(
        "example.com:9000", path, asked, {"x-amz-request-payer": "requester"},
        signing.Credentials("AKID", "secret", token), "eu-west-1", 1_800_000_000.0,
    )  # fmt: skip
    request = AWSRequest("GET", f"https://example.com:9000{path}" + (f"?{asked}" if asked else ""))
    for name in ("host", "x-amz-request-payer", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"):
        if name in ours:
            request.headers[name] = ours[name]
    theirs = S3SigV4Auth(Theirs("AKID", "secret", token or None), "s3", "eu-west-1")
    request.context["timestamp"] = ours["x-amz-date"]
    text = theirs.string_to_sign(request, theirs.canonical_request(request))
    assert ours["authorization"].endswith(f"Signature={theirs.signature(text, request)}")


def test_credentials_do_not_show_their_secret():
    assert "hush" not in repr(signing.Credentials("AKID", "hush", "hush"))


# --- pages -----------------------------------------------------------------------------------------------------------


def page(rows, truncated="false", more=""):
    contents = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in rows)
    return f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{contents}</ListBucketResult>".encode()


DAMAGED = {
    "out of order": page(["b", "a"]),
    "twice": page(["a", "a"]),
    "seen before": page(["0"]),
    "another prefix": page(["a", "zz"]),
    "no size": page(["a"]).replace(b"<Size>1</Size>", b""),
    "an error": b"<Error><Code>InternalError</Code></Error>",
    "a bomb": b'<!DOCTYPE a [<!ENTITY x "xxx">]><ListBucketResult>&x;</ListBucketResult>',
    "no key": page([""]),
    "half": page(["a"])[:-9],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_page_that_cannot_be_right_is_not_taken(name):
    prefix = "a" if name == "another prefix" else ""
    with pytest.raises(Damaged):
        parse_page(DAMAGED[name], prefix, "0", "")


def test_a_page_that_answers_another_question_is_not_taken():
    echo = "<ContinuationToken>other</ContinuationToken>"
    with pytest.raises(Damaged):
        parse_page(page(["a"], more=echo), "", "", "mine")
    assert parse_page(page(["a"], more=echo), "", "", "other").found[0].key == "a"


@given(st.binary(max_size=200))
def test_no_answer_at_all_is_worse_than_damaged(content):
    with suppress(Damaged):
        parse_page(content, "", "", "")


# --- globs -----------------------------------------------------------------------------------------------------------

GLOBS = [
    ("**/*.png", ["a.png", "x/a.png", "x/y/a.png"], ["a.jpg", "x/a.png/b"]),
    ("*.{png,jpg}", ["a.png", "a.jpg"], ["x/a.png", "a.{png,jpg}"]),
    ("docs/**", ["docs/a", "docs/a/b"], ["docs", "other/docs/a"]),
    ("a?c", ["abc"], ["a/c", "ac"]),
    ("[a-c]x", ["ax", "cx"], ["dx", "-x"]),
    ("[!a-c]x", ["dx"], ["ax", "/x"]),
    (r"\*", ["*"], ["a"]),
    ("a{b,c{d,e}}f", ["abf", "acdf", "acef"], ["acf"]),
    ("a,b}", ["a,b}"], ["a"]),
    ("(x)+.$", ["(x)+.$"], ["xx"]),
]


@pytest.mark.parametrize(("glob", "takes", "leaves"), GLOBS)
def test_globs_over_whole_keys(glob, takes, leaves):
    regex = re.compile(glob_regex(glob), re.DOTALL)
    assert [key for key in takes + leaves if regex.fullmatch(key)] == takes


@pytest.mark.parametrize("glob", ["{a", "[a", "a\\"])
def test_a_glob_that_matches_nothing_says_so(glob):
    with pytest.raises(NeverMatches):
        glob_regex(glob)


# --- settings --------------------------------------------------------------------------------------------------------


def test_the_kind_is_listed_with_its_secrets():
    assert [kind.problem for kind in available() if kind.name == "s3"] == [""]
    expected = {"secret_access_key", "session_token", "azure_key", "google_service_account", "sse_customer_key"}
    assert set(secret_fields("s3")) == expected


def test_a_url_becomes_a_bucket_and_a_prefix():
    values = s3lab.values("s3://bucket/a/b", prefixes=["c/", "a/b/c/"])
    assert (values["bucket"], values["prefixes"]) == ("bucket", ["a/b/", "c/"])
    assert s3lab.values(**{k: values[k] for k in ("bucket", "prefixes")}) == values
    assert s3lab.values("gs://bucket/x/")["bucket"] == "gs://bucket"


WRONG = [
    {"bucket": "ab"}, {"bucket": "a/b"}, {"bucket": "ftp://bucket"}, {"bucket": "bucket.evil.com#"}, {"bucket": "a..b"},
    {"bucket": "bucket\n"}, {"region": "evil.com/"}, {"region": "eu-west-1\n"}, {"endpoint_url": "ftp://x"},
    {"endpoint_url": "https://user:pw@x"}, {"endpoint_url": "https://x/?a"}, {"endpoint_url": "https://x:99999"},
    {"endpoint_url": "http://minio.example"}, {"endpoint_url": "http://127.0.0.1.evil.com"}, {"include": ["[a"]},
    {"exclude": ["regex:("]}, {"include": ["glob:{"]}, {"sse_customer_key": "short"}, {"secret_access_key": ""},
    {"max_bytes": 0}, {"parallel": 0}, {"bucket_owner": "me"}, {"strange": 1}, {"prefixes": ["\0"]},
]  # fmt: skip


@pytest.mark.parametrize("settings", WRONG, ids=str)
def test_wrong_settings_are_refused_by_name(settings):
    with pytest.raises(ConfigInvalid) as caught:
        s3lab.values(**{"bucket": "bucket", **settings})
    assert s3lab.SECRET not in repr(caught.value.as_dict())


def test_http_is_for_this_machine_or_on_demand():
    for url in ("http://127.0.0.1:5000", "http://localhost:9000", "http://[::1]:9000"):
        assert s3lab.values("bucket", endpoint_url=url)["endpoint_url"] == url
    assert s3lab.values("bucket", endpoint_url="http://minio:9000", allow_http=True)["allow_http"] is True


def test_what_the_settings_have_called_can_be_asked():
    assert targets(s3lab.values("bucket")) == []
    assert targets(s3lab.values("bucket", endpoint_url="http://127.0.0.1:1/")) == ["http://127.0.0.1:1"]
    own = [
        uses_own_credentials(s3lab.values("bucket", **settings))
        for settings in ({}, {"access_key_id": None}, {"access_key_id": None, "anonymous": True})
    ]
    assert own == [True, False, True]


ADDRESSES = [
    ("bucket", "", "eu-west-1", "auto", "https://bucket.s3.eu-west-1.amazonaws.com/a%20b"),
    ("bucket", "", "cn-north-1", "auto", "https://bucket.s3.cn-north-1.amazonaws.com.cn/a%20b"),
    ("with.dots", "", "us-east-1", "auto", "https://s3.us-east-1.amazonaws.com/with.dots/a%20b"),
    ("bucket", "", "us-east-1", "path", "https://s3.us-east-1.amazonaws.com/bucket/a%20b"),
    ("bucket", "https://minio:9000/s3", "", "auto", "https://minio:9000/s3/bucket/a%20b"),
    ("bucket", "https://minio:443", "", "virtual", "https://bucket.minio/a%20b"),
    ("bucket", "http://[::1]:9000", "", "auto", "http://[::1]:9000/bucket/a%20b"),
]


@pytest.mark.parametrize(("bucket", "endpoint", "region", "addressing", "url"), ADDRESSES)
def test_addresses(bucket, endpoint, region, addressing, url):
    config = SimpleNamespace(bucket=bucket, region="", endpoint_url="", addressing=addressing)
    address = Address.of(config, endpoint, region)
    assert address.base + address.path("a b") == url


# --- credentials -----------------------------------------------------------------------------------------------------


def keys(environ, **settings):
    usual = {"anonymous": False, "access_key_id": "", "secret_access_key": "", "session_token": "", "profile": ""}
    return provider(SimpleNamespace(**{**usual, **settings}), environ, "s3://bucket")()


ENVIRON = {"AWS_ACCESS_KEY_ID": "env", "AWS_SECRET_ACCESS_KEY": "e", "AWS_SESSION_TOKEN": "t"}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A machine without credentials but these files."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    program = f"{sys.executable} {tmp_path / 'give.py'}"
    (tmp_path / "give.py").write_text(
        'print(\'{"Version": 1, "AccessKeyId": "made", "SecretAccessKey": "m", "SessionToken": "n"}\')'
    )
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = file\naws_secret_access_key = f\n[other]\naws_access_key_id = o\n"
        f"aws_secret_access_key = p\n[program]\ncredential_process = {program}\n"
    )
    return tmp_path


def test_credentials_come_from_the_first_place_that_has_them(files):
    assert keys(ENVIRON, access_key_id="own", secret_access_key="s") == ("own", "s", "")
    assert keys(ENVIRON, anonymous=True) is None
    assert keys(ENVIRON) == ("env", "e", "t")
    assert keys({}) == ("file", "f", "")
    assert keys(ENVIRON, profile="other") == ("o", "p", "")
    assert keys({}, profile="program") == ("made", "m", "n")


def test_without_any_credentials_it_says_so(files):
    (files / "credentials").write_text("")
    for settings in ({}, {"profile": "nobody"}):
        with pytest.raises(CredentialsInvalid) as caught:
            keys({}, **settings)
        assert (caught.value.code, bool(caught.value.remedy)) == ("credentials.missing", True)


MISSING = """
import sys
from contextlib import suppress
from types import SimpleNamespace
for name in ("botocore", "botocore.session", "obstore"):
    sys.modules[name] = None
from syncline.model.errors import ConfigInvalid
from syncline.sources.registry import available, open_source, validate
assert [kind.problem for kind in available() if kind.name == "s3"] == [""]
for bucket in ("s3://bucket", "gs://bucket"):
    try:
        open_source("s3", validate("s3", {"bucket": bucket}), environ={}).check()
    except ConfigInvalid as error:
        print(error.code, error.remedy)
with_keys = {"bucket": "bucket", "access_key_id": "a", "secret_access_key": "b", "endpoint_url": "http://127.0.0.1:9"}
open_source("s3", validate("s3", with_keys))
"""


def test_without_the_extra_what_needs_it_says_what_to_install():
    told = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["source.extra_missing pip install 'syncline[s3]'"] * 2
