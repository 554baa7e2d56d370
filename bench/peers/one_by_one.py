"""The scheduled script that EBS Backup replaces, as a peer for the benchmark: one region after another, one volume after
another, pages of five, boto3 as it comes.

For every volume that bears the tag key `Backup` it makes a snapshot; then it deletes the snapshots with that tag key that
are older than the retention. Three faults of the original are not rebuilt, since a comparison with them would be too easy:
its age arithmetic raised for any age over a day, so that it never purged; it ended at the first error; and it stopped after
1,000 volumes of a region. What remains of an error here is that it is counted.

boto3 finds the endpoint and the credentials in the environment; the region that is asked for the regions is AWS_REGION.
The result is one JSON object on standard output.
"""

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

TAG_KEY = "Backup"
PAGE_SIZE = 5
KEEP_DAYS = 7.0


@dataclass
class Tally:
    """What a run did. `failures` are calls that failed for good, after boto3's own retries."""

    regions: int = 0
    volumes: int = 0
    created: int = 0
    deleted: int = 0
    failure_codes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        self.regions += other.regions
        self.volumes += other.volumes
        self.created += other.created
        self.deleted += other.deleted
        self.failure_codes += other.failure_codes

    def attempt(self, call: Callable[..., Any], **parameters: Any) -> Any:
        """The answer of `call`, or None when it failed; the failure is counted by its code."""
        try:
            return call(**parameters)
        except ClientError as error:
            self.failure_codes[error.response["Error"]["Code"]] += 1
        except BotoCoreError as error:
            self.failure_codes[type(error).__name__] += 1
        return None

    def to_json(self) -> str:
        return json.dumps(
            {
                "regions": self.regions,
                "volumes": self.volumes,
                "created": self.created,
                "deleted": self.deleted,
                "failures": self.failure_codes.total(),
                "failure_codes": dict(self.failure_codes),
            }
        )


def ec2_client(region: str) -> Any:
    return boto3.client("ec2", region_name=region)


def list_regions(tally: Tally) -> list[str]:
    """The regions that are enabled in the account."""
    answer = tally.attempt(ec2_client(os.environ["AWS_REGION"]).describe_regions)
    return [region["RegionName"] for region in answer["Regions"]] if answer else []


def list_tagged(tally: Tally, describe: Callable[..., Any], items: str, **parameters: Any) -> list[dict[str, Any]]:
    """All that bears the tag key, page by page; when a page fails, what the pages before it had."""
    parameters |= {"Filters": [{"Name": "tag-key", "Values": [TAG_KEY]}], "MaxResults": PAGE_SIZE}
    found: list[dict[str, Any]] = []
    while page := tally.attempt(describe, **parameters):
        found += page[items]
        if not page.get("NextToken"):
            break
        parameters["NextToken"] = page["NextToken"]
    return found


def create_snapshots(client: Any, tally: Tally, volumes: Iterable[dict[str, Any]]) -> None:
    """A snapshot of each volume, named after the value of its tag, or else after its id."""
    for volume in volumes:
        volume_id = volume["VolumeId"]
        tags = {tag["Key"]: tag["Value"] for tag in volume["Tags"]}
        timestamp = datetime.now(timezone.utc).strftime("%Y%m%d%H%M%S")
        name = f"{tags[TAG_KEY] or volume_id}-{timestamp}"
        created = tally.attempt(
            client.create_snapshot,
            VolumeId=volume_id,
            Description=f"EBS-Volume-Snapshot-Backup-{volume_id}-{timestamp}",
            TagSpecifications=[
                {
                    "ResourceType": "snapshot",
                    "Tags": [{"Key": "Name", "Value": name}, {"Key": TAG_KEY, "Value": name}],
                }
            ],
        )
        tally.created += created is not None


def delete_snapshots(client: Any, tally: Tally, snapshots: Iterable[dict[str, Any]], keep_days: float) -> None:
    """Deletes the snapshots that were started more than `keep_days` ago."""
    threshold = datetime.now(timezone.utc) - timedelta(days=keep_days)
    for snapshot in snapshots:
        if snapshot["StartTime"] < threshold:
            deleted = tally.attempt(client.delete_snapshot, SnapshotId=snapshot["SnapshotId"])
            tally.deleted += deleted is not None


def back_up_region(client: Any, keep_days: float) -> Tally:
    """A region's night: snapshots of its volumes first, then the purge."""
    tally = Tally(regions=1)
    volumes = list_tagged(tally, client.describe_volumes, "Volumes")
    tally.volumes = len(volumes)
    create_snapshots(client, tally, volumes)
    snapshots = list_tagged(tally, client.describe_snapshots, "Snapshots", OwnerIds=["self"])
    delete_snapshots(client, tally, snapshots, keep_days)
    return tally


def parse_keep_days(description: str | None) -> float:
    """The retention from the command line, in days; below zero it deletes what was made just now, too."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep-days", type=float, default=KEEP_DAYS, help="retention in days (default: %(default)s)")
    return parser.parse_args().keep_days


def main() -> None:
    keep_days = parse_keep_days(__doc__)
    total = Tally()
    for region in list_regions(total):
        total.add(back_up_region(ec2_client(region), keep_days))
    print(total.to_json())


if __name__ == "__main__":
    main()
