"""The operations that the dialects offer."""

from __future__ import annotations

KENDRA = (
    *("CreateIndex", "DescribeIndex", "UpdateIndex", "ListIndices", "DeleteIndex"),
    *("CreateDataSource", "DescribeDataSource", "UpdateDataSource", "ListDataSources", "DeleteDataSource"),
    *("StartDataSourceSyncJob", "StopDataSourceSyncJob", "ListDataSourceSyncJobs"),
    *("BatchPutDocument", "BatchDeleteDocument", "BatchGetDocumentStatus", "Query", "Retrieve"),
    *("TagResource", "UntagResource", "ListTagsForResource", "PutPrincipalMapping", "DeletePrincipalMapping"),
    *("DescribePrincipalMapping", "ListGroupsOlderThanOrderingId"),
)
TWINMAKER = (
    *("CreateWorkspace", "GetWorkspace", "UpdateWorkspace", "ListWorkspaces", "DeleteWorkspace"),
    *("CreateSyncJob", "GetSyncJob", "ListSyncJobs", "DeleteSyncJob", "ListSyncResources"),
    *("CreateComponentType", "GetComponentType", "ListComponentTypes", "DeleteComponentType"),
    *("CreateEntity", "GetEntity", "ListEntities", "UpdateEntity", "DeleteEntity"),
    *("GetPropertyValue", "GetPropertyValueHistory", "TagResource", "UntagResource", "ListTagsForResource"),
)
ALL = [("kendra", name) for name in KENDRA] + [("iottwinmaker", name) for name in TWINMAKER]
