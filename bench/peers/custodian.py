"""Cloud Custodian with the policies of `custodian/policies.yml`, as a peer for the benchmark.

It calls the function behind `custodian run`, with two settings that the command does not offer or defaults otherwise:

* the account's id is given, as c7n-org gives it, so that Custodian does not ask STS for it: the simulated AWS speaks EC2 only;
* no cache, since a listing kept from an earlier run would be the answer of another fleet.

boto3 finds the endpoint and the credentials in the environment. The result is one JSON object on standard output, with the
keys of `one_by_one.py`; Custodian's log goes to standard error. A failure is an error after which Custodian gave up on a
policy in a region, or on a set of 50 snapshots; what it then left undone shows in `created` and `deleted` only.
"""

import argparse
import json
import logging
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import yaml
from c7n.commands import run
from c7n.config import Config
from c7n.output import api_stats_outputs
from c7n.resources.aws import ApiStats

from one_by_one import KEEP_DAYS, Tally

POLICIES = Path(__file__).parent / "custodian" / "policies.yml"
ACCOUNT_ID = "111122223333"


@api_stats_outputs.register("aws")
class SucceededCalls(ApiStats):
    """Custodian's own statistics of API calls, which do not tell a call that failed from one that did not."""

    names: list[str] = []

    def _record(self, http_response: Any, parsed: Any, model: Any, **kwargs: Any) -> None:
        super()._record(http_response, parsed, model, **kwargs)
        if http_response.status_code < 300:
            self.names.append(model.name)


class Failures(logging.Handler):
    """Counts what Custodian gave up on by the code of the error. It reports that in its log, and nowhere else."""

    CODE = re.compile(r"An error occurred \(([^)]+)\)")

    def __init__(self, tally: Tally) -> None:
        super().__init__(logging.ERROR)
        self.tally = tally

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        # Each error of a policy is logged twice, by two loggers; this one is the last to hear of it.
        if record.name == "custodian.commands" and record.exc_info:
            error = record.exc_info[1]
            code = self.CODE.match(str(error))
            self.tally.failure_codes[code[1] if code else type(error).__name__] += 1
        elif message.startswith("Exception deleting snapshot set"):
            code = self.CODE.search(message)
            self.tally.failure_codes[code[1] if code else "Unknown"] += 1


def with_retention(keep_days: float, folder: Path) -> Path:
    """The policies with another retention; Custodian's variables can stand for text, but not for a number of days."""
    document = yaml.safe_load(POLICIES.read_text())
    for policy in document["policies"]:
        for rule in policy.get("filters", []):
            rule["days"] = keep_days
    changed = folder / POLICIES.name
    changed.write_text(yaml.safe_dump(document))
    return changed


def run_policies(policies: Path, regions: list[str], output: Path, tally: Tally) -> None:
    logging.getLogger("custodian").addHandler(Failures(tally))
    options = Config.empty(
        configs=[str(policies)],
        regions=regions,
        output_dir=f"{output}/{{region}}/{{policy_name}}",
        account_id=ACCOUNT_ID,
        debug=False,
    )
    try:
        run(options)
    except SystemExit as end:
        # Custodian's exit code for "some policies failed, all were tried"; those are counted.
        if end.code != 2:
            raise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--region", action="append", dest="regions", help="may be repeated (default: all enabled ones)")
    parser.add_argument("--keep-days", type=float, default=KEEP_DAYS, help="retention in days (default: %(default)s)")
    arguments = parser.parse_args()

    logging.basicConfig(level=logging.INFO, format="%(asctime)s: %(name)s:%(levelname)s %(message)s")
    for library in ("botocore", "urllib3"):
        logging.getLogger(library).setLevel(logging.ERROR)
    # Custodian asks for the regions in boto3's default region, and boto3 does not read AWS_REGION.
    os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])

    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        run_policies(with_retention(arguments.keep_days, Path(folder)), arguments.regions or ["all"], output, tally)
        listings = list(output.glob("*/create-snapshots/resources.json"))
        tally.regions = len(list(output.iterdir()))
        tally.volumes = sum(len(json.loads(listing.read_text())) for listing in listings)
    tally.created = SucceededCalls.names.count("CreateSnapshot")
    tally.deleted = SucceededCalls.names.count("DeleteSnapshot")
    print(tally.to_json())


if __name__ == "__main__":
    main()
