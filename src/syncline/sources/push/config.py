"""The settings of a pushing connector: there are none."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class PushConfig(BaseModel):
    """Documents that are handed over: `POST /v1/connectors/{connector}/documents`."""

    model_config = ConfigDict(extra="forbid")
