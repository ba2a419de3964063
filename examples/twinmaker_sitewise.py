"""A factory, followed through boto3's client of AWS IoT TwinMaker: `pip install boto3`, and a server that runs.

export AWS_REGION=eu-central-1          # where your assets are
syncline serve &
export SYNCLINE_KEY_ID=$(cut -d: -f1 .syncline/root.key) SYNCLINE_KEY=$(cut -d: -f2- .syncline/root.key)
python examples/twinmaker_sitewise.py http://127.0.0.1:8484/twinmaker factory

Without AWS, this script can be SiteWise, and start the server beside it:

python examples/twinmaker_sitewise.py
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::123456789012:role/twinmaker"  # looked at and kept; the server reads with its own credentials
JOB = {"syncSource": "SITEWISE"}
SECRET = secrets.token_urlsafe()  # of a server of our own


def client(url: str) -> Any:
    """Of boto3; the names it would put before the host do not lead anywhere here."""
    return boto3.client(
        "iottwinmaker",
        endpoint_url=url,
        region_name=os.environ.get("AWS_REGION", "eu-central-1"),
        aws_access_key_id=os.environ["SYNCLINE_KEY_ID"],
        aws_secret_access_key=os.environ["SYNCLINE_KEY"],
        config=Config(inject_host_prefix=False),
    )


def until(done: Callable[[], Any]) -> Any:
    """Look again until there is something."""
    while not (found := done()):
        time.sleep(0.1)
    return found


def tree(twin: Any, workspace: str, parent: str = "$ROOT", indent: str = "") -> None:
    """Print the entities below one."""
    below = [{"parentEntityId": parent}]
    for entity in twin.list_entities(workspaceId=workspace, filters=below, maxResults=200)["entitySummaries"]:
        print(f"{indent}{entity['entityName']}")
        tree(twin, workspace, entity["entityId"], indent + "  ")


def follow(twin: Any, workspace: str) -> None:
    """Make a workspace that follows SiteWise, and show it."""
    twin.create_workspace(workspaceId=workspace)
    twin.create_sync_job(workspaceId=workspace, syncRole=ROLE, **JOB)
    until(lambda: twin.get_sync_job(workspaceId=workspace, **JOB)["status"]["state"] == "ACTIVE")
    tree(twin, workspace)
    failed = twin.list_sync_resources(workspaceId=workspace, filters=[{"state": "ERROR"}], **JOB)["syncResources"]
    print(f"{len(failed)} resources could not be taken")


def unfollow(twin: Any, workspace: str) -> None:
    """Remove all of it."""
    twin.delete_sync_job(workspaceId=workspace, **JOB)
    until(lambda: not twin.list_sync_jobs(workspaceId=workspace)["syncJobSummaries"])
    twin.delete_workspace(workspaceId=workspace)


def alone() -> None:
    """With a SiteWise of our own, and a server that lives as long as this."""
    from syncline.testing.sitewise import SiteWise

    with SiteWise() as sitewise, tempfile.TemporaryDirectory() as folder:
        pump = sitewise.add_model("Pump", [("Speed", "DOUBLE", "rpm")])
        line = sitewise.add_model("Line", [("Output", "INTEGER")], [("pumps", pump)])
        first, second = (sitewise.add_asset(name, line) for name in ("Bottling", "Packing"))
        moved, *_ = (sitewise.add_asset(f"Pump {n}", pump, first) for n in (1, 2, 3))
        sitewise.put_value(moved, speed := sitewise.property_id(pump, "Speed"), 1450.0)
        environ = {"SYNCLINE_TWINMAKER_INTERVAL_S": "0.2", "SYNCLINE_ROOT_KEY": f"me:{SECRET}", **sitewise.environ}
        command = [sys.executable, "-m", "syncline.cli", "serve", "--port", "0", "--json", "--data-dir", folder]
        server = subprocess.Popen(
            command, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            assert server.stdout is not None
            os.environ |= {"SYNCLINE_KEY_ID": "me", "SYNCLINE_KEY": SECRET}
            twin = client(json.loads(server.stdout.readline())["url"] + "/twinmaker")
            follow(twin, "factory")
            asked = {"workspaceId": "factory", "entityId": moved}
            value = twin.get_property_value(
                **asked, componentName="sitewiseBase", selectedProperties=[f"Property_{speed}"]
            )
            print("speed of Pump 1:", value["propertyValues"][f"Property_{speed}"]["propertyValue"]["doubleValue"])
            sitewise.move(moved, second)
            until(lambda: twin.get_entity(**asked)["parentEntityId"] == second)
            print("after it was moved in SiteWise:")
            tree(twin, "factory")
            unfollow(twin, "factory")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        follow(client(sys.argv[1]), sys.argv[2])
    else:
        alone()
