"""Assets and asset models of AWS IoT SiteWise.

    models ─▶ assets of each model ─▶ children of each asset     read to the end first: the inventory
    inventory ─▶ Page (id, version)                              applied afterwards
    entries ─▶ DescribeAsset, DescribeAssetModel ─▶ Document     one for each that is new or has changed

The promises between the arrows: nothing is told before the whole inventory has been read, so a page that fails is
never taken for an empty one; a version changes with the asset, its model, its parent and its children; whoever is told
to slow down slows down the others.
"""

from __future__ import annotations

from syncline.sources.kinds import SourceKind

KIND = SourceKind(
    name="sitewise",
    title="AWS IoT SiteWise",
    config="syncline.sources.sitewise.config:SiteWiseConfig",
    open="syncline.sources.sitewise.source:SiteWiseSource",
    identity=("endpoint_url", "region"),
)

__all__ = ["KIND"]
