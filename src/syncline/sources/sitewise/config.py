"""The settings of a SiteWise connector. The only module here that needs pydantic."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from syncline.sources.s3.addressing import REGION, is_loopback


class SiteWiseConfig(BaseModel):
    """Assets and asset models of AWS IoT SiteWise, in one account and region. Needs the extra aws."""

    model_config = ConfigDict(extra="forbid")

    region: str = Field(
        default="",
        examples=["eu-central-1"],
        description="Region of the assets. Empty: AWS_REGION or AWS_DEFAULT_REGION, else that of the profile.",
    )
    endpoint_url: str = Field(
        default="",
        examples=["https://sitewise.example:9000"],
        description="Where to call instead of AWS. Empty: AWS_ENDPOINT_URL_IOTSITEWISE or AWS_ENDPOINT_URL, else AWS.",
    )
    allow_http: bool = Field(
        default=False,
        description="Allow an endpoint_url without encryption on another machine.",
        json_schema_extra={"advanced": True},
    )
    access_key_id: str = Field(
        default="",
        description="Access key to sign with. Empty: the environment, then the usual files and roles, as the AWS "
        "command line does.",
    )
    secret_access_key: SecretStr = Field(default=SecretStr(""), description="Secret of the access key.")
    session_token: SecretStr = Field(default=SecretStr(""), description="Token of temporary credentials.")
    profile: str = Field(default="", description="Profile in the AWS files to take the credentials from.")
    sibling_names: Literal["any", "unique"] = Field(
        default="any",
        description="What becomes of two assets of one name below one parent: both are taken (any), or the second "
        "fails until one of them is renamed (unique), as in IoT TwinMaker.",
        json_schema_extra={"advanced": True},
    )
    max_assets: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="Most assets that are read, at about 1 KB of memory each. With more of them the job fails.",
        json_schema_extra={"advanced": True},
    )
    calls_per_second: float = Field(
        default=25.0,
        gt=0.0,
        le=1000.0,
        description="Calls a second on average. The first four seconds' worth may be made at once.",
        json_schema_extra={"advanced": True},
    )
    parallel: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Calls under way at the same time.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("region")
    @classmethod
    def _region(cls, value: str) -> str:
        if value and not REGION.fullmatch(value):
            raise ValueError("is no region")
        return value

    @field_validator("endpoint_url")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("begins with https:// or http://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _together(self) -> SiteWiseConfig:
        if bool(self.access_key_id) != bool(self.secret_access_key.get_secret_value()):
            raise ValueError("access_key_id and secret_access_key are given together")
        if self.endpoint_url.startswith("http:") and not (self.allow_http or is_loopback(self.endpoint_url)):
            raise ValueError("endpoint_url is not encrypted: use https, or set allow_http")
        return self
