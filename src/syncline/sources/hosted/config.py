"""The settings of a connector whose documents are written from outside."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class HostedConfig(BaseModel):
    """Documents that clients write one by one, such as through the Elasticsearch API. Made by the first of them."""

    model_config = ConfigDict(extra="forbid")

    index: str = Field(description="The index they are written to.")
