"""A bucket keeps the laws of every source."""

from __future__ import annotations

import pytest
from tests.sources import s3lab
from tests.sources.s3lab import store  # noqa: F401

from syncline.testing.suites import SourceSuite

# ruff: noqa: F811  fixtures are taken as arguments


class BucketLab:
    """A bucket of moto's."""

    def __init__(self, store, **settings):
        self.store = store
        self.settings = settings
        self.bucket = store.bucket()
        self.edits = 0

    def open(self, bucket=None):
        options = {"page_size": 7, "checkpoint_every": 7}
        return s3lab.opened(bucket or self.bucket, endpoint_url=self.store.url, options=options, **self.settings)

    def broken(self):
        return self.open("no-such-bucket")

    def put(self, id_hint, content):
        self.store.client.put_object(Bucket=self.bucket, Key=id_hint, Body=content.encode())
        return id_hint

    def change(self, id):
        self.edits += 1
        self.put(id, f"Edit {self.edits}")

    def remove(self, id):
        self.store.client.delete_object(Bucket=self.bucket, Key=id)


class TestBucket(SourceSuite):
    @pytest.fixture
    def lab(self, store):
        return BucketLab(store)
