"""S3: a bucket. Its patterns are globs over whole keys, and exclusion wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncline.dialects.kendra.ground import invalid
from syncline.dialects.kendra.kinds.drawing import Drawn, Surroundings
from syncline.model.connectors import Connector

MAX_BYTES: Final = 50 << 20
GLOB: Final = "glob:"
MOST: Final = 250
MOST_CHARS: Final = 300


def drawn(said: Mapping[str, Any], around: Surroundings) -> Drawn:
    """An S3DataSourceConfiguration. Raises ValidationException."""
    metadata = said.get("DocumentsMetadataConfiguration", {})
    access = said.get("AccessControlListConfiguration", {})
    return Drawn(
        "s3",
        {
            **bucket(said["BucketName"], around, metadata.get("S3Prefix", ""), access.get("KeyPath", "")),
            "prefixes": list(said.get("InclusionPrefixes", [])),
            "include": [f"{GLOB}{one}" for one in said.get("InclusionPatterns", [])],
            "exclude": [f"{GLOB}{one}" for one in said.get("ExclusionPatterns", [])],
        },
    )


def bucket(name: str, around: Surroundings, metadata_prefix: str, access_file: str) -> dict[str, Any]:
    """The settings that do not depend on how patterns are written."""
    return {
        "bucket": name,
        "region": around.region,
        "metadata_files": True,
        "metadata_prefix": key_in(name, metadata_prefix),
        "acl_file": key_in(name, access_file),
        "max_bytes": MAX_BYTES,
    }


def key_in(bucket: str, path: str) -> str:
    """A key, also when it is written as s3://bucket/key. Raises ValidationException for another bucket."""
    if not path.startswith("s3://"):
        return path
    named, _, key = path.removeprefix("s3://").partition("/")
    if named != bucket:
        raise invalid(f"{path} is not in the bucket {bucket}.")
    return key


def shown(connector: Connector) -> dict[str, Any] | None:
    """As an S3DataSourceConfiguration; None when it is not one: another store, patterns that are no globs."""
    config = connector.config
    patterns = [*config.get("include", []), *config.get("exclude", []), *config.get("prefixes", [])]
    globs = all(_is_glob(one) for key in ("include", "exclude") for one in config.get(key, []))
    fits = len(patterns) <= MOST and all(0 < len(one.removeprefix(GLOB)) <= MOST_CHARS for one in patterns)
    if "://" in config["bucket"] or not globs or not fits or len(config["bucket"]) > 63:
        return None
    found: dict[str, Any] = {"BucketName": config["bucket"]}
    for member, name in (
        ("InclusionPrefixes", "prefixes"),
        ("InclusionPatterns", "include"),
        ("ExclusionPatterns", "exclude"),
    ):
        if config.get(name):
            found[member] = [one.removeprefix(GLOB) for one in config[name]]
    if config.get("metadata_prefix"):
        found["DocumentsMetadataConfiguration"] = {"S3Prefix": config["metadata_prefix"]}
    if config.get("acl_file"):
        found["AccessControlListConfiguration"] = {"KeyPath": config["acl_file"]}
    return found


def _is_glob(pattern: str) -> bool:
    return pattern.startswith(GLOB)
