//! Two accounts of one configuration.

use anyhow::Result;
use local_aws::fleet::{self, VolumeSpec};
use serde_json::json;

use crate::place::{Night, Place};
use crate::world::{calm, stormy};

const POLICY: &str = "shared";
const REGION: &str = "eu-west-1";

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn nothing_crosses_between_two_accounts() -> Result<()> {
    let one = calm().await?;
    let (other, _alone) = stormy().await?;
    for place in [one, other] {
        fleet::make(&place.ec2(REGION), REGION, &[VolumeSpec::new().tag("Shared", "a")]).await?;
    }

    let of_one = one.night_of(POLICY, "shared").await?;
    assert!(of_one.outcome.succeeded(), "{}", of_one.says());
    assert_eq!(other.snapshots(REGION, POLICY).await?, [], "nothing was made in the other");
    let made = one.snapshot_ids(REGION, POLICY).await?;
    assert_eq!(made.len(), 1);

    // The same run id is another run in another account; and each purges its own alone.
    for run_id in ["shared", "shared again"] {
        let of_other = other.night_of(POLICY, run_id).await?;
        assert!(of_other.outcome.succeeded(), "{}", of_other.says());
        reported_at_home_only(other, one, &of_other, "444455556666", "stormy", "storm@example.com").await?;
    }
    assert_eq!(other.snapshots(REGION, POLICY).await?.len(), 1);
    assert_eq!(one.snapshot_ids(REGION, POLICY).await?, made, "nothing came or went in the first");
    reported_at_home_only(one, other, &of_one, "111122223333", "calm", "operator@example.com").await
}

async fn reported_at_home_only(
    home: &Place,
    away: &Place,
    night: &Night,
    id: &str,
    name: &str,
    to: &str,
) -> Result<()> {
    let report = home.report(night).await?;
    assert_eq!(report.document["account"], json!({ "id": id, "name": name }));
    assert_eq!(report.mail.to, to);
    assert_eq!(report.document["totals"]["volumes"]["created"], 1);
    assert_eq!(away.mails(night)?, []);
    assert!(away.reports_so_far(night).await?.is_empty());
    Ok(())
}
