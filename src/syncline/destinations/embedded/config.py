"""The settings of the embedded destination: there are none."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class EmbeddedConfig(BaseModel):
    """Documents in the data directory, with a text index beside them."""

    model_config = ConfigDict(extra="forbid")
