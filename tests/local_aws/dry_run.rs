//! A dry run.

use anyhow::{Context, Result};
use local_aws::deny;
use local_aws::fleet::{self, VolumeSpec};
use serde_json::json;

use crate::place::{Place, days_ago};
use crate::world::{calm, stormy};

const POLICY: &str = "dry";
const REGION: &str = "eu-north-1";

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s9_a_dry_run_writes_nothing() -> Result<()> {
    let place = calm().await?;
    let ec2 = place.ec2(REGION);
    let volumes = fleet::make(&ec2, REGION, &["a", "b"].map(|name| VolumeSpec::new().tag("Dry", name))).await?;
    for days in [3, 2, 1] {
        let run = format!("dry {days}");
        let ours = [("ebs-backup:policy", POLICY), ("ebs-backup:run", &run), ("ebs-backup:volume", &volumes[0])];
        fleet::past_snapshot(&ec2, &volumes[0], &ours, &days_ago(days), "completed").await?;
    }

    let before = all_there_is(place).await?;
    let dry = place.night(&json!({ "policy": POLICY, "runId": "dry", "dryRun": true })).await?;
    assert!(dry.outcome.succeeded(), "{}", dry.says());
    assert_eq!(all_there_is(place).await?, before);
    let report = place.report(&dry).await?;
    assert_eq!(report.mail.subject, "EBS Backup DRY RUN OK: calm 111122223333, dry: 2 snapshots to make");
    assert!(report.mail.text.contains("This was a dry run: nothing was written."), "{}", report.mail.text);
    let region = report.region(REGION)?;
    assert_eq!(report.document["run"]["dryRun"], true);
    assert_eq!(
        json!([
            region["volumes"]["planned"],
            region["volumes"]["created"],
            region["snapshots"]["expired"],
            region["snapshots"]["deleted"]
        ]),
        json!([2, 0, 2, 0])
    );

    // The same without the word: what was only said before is done now.
    let wet = place.night(&json!({ "policy": POLICY, "runId": "dry" })).await?;
    assert!(wet.outcome.succeeded(), "{}", wet.says());
    let report = place.report(&wet).await?;
    let region = report.region(REGION)?;
    assert_eq!(json!([region["volumes"]["created"], region["snapshots"]["deleted"]]), json!([2, 3]));
    Ok(())
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s9_a_dry_run_does_not_even_try_to_write() -> Result<()> {
    let (place, _alone) = stormy().await?;
    let ec2 = place.ec2(REGION);
    let volume = fleet::make(&ec2, REGION, &[VolumeSpec::new().tag("Dry", "a")]).await?.remove(0);
    for days in [2, 1] {
        let run = format!("dry {days}");
        let ours = [("ebs-backup:policy", POLICY), ("ebs-backup:run", &run), ("ebs-backup:volume", &volume)];
        fleet::past_snapshot(&ec2, &volume, &ours, &days_ago(days), "completed").await?;
    }

    // Who tried would be refused, and the report would say so.
    let account = &place.stack.account;
    let creates = deny::actions(account, "create-snapshots", &["ec2:CreateSnapshot", "ec2:CreateTags"], &[]).await?;
    let deletes = deny::actions(account, "delete-snapshots", &["ec2:DeleteSnapshot"], &[]).await?;
    let dry = place.night(&json!({ "policy": POLICY, "dryRun": true })).await;
    creates.lift().await?;
    deletes.lift().await?;
    let dry = dry?;
    assert!(dry.outcome.succeeded(), "{}", dry.says());
    let report = place.report(&dry).await?;
    let region = report.region(REGION)?;
    assert_eq!(
        json!([
            region["status"],
            region["volumes"]["planned"],
            region["snapshots"]["expired"],
            region["snapshots"]["overdue"]
        ]),
        json!(["OK", 1, 1, 0])
    );
    Ok(())
}

/// Everything in EC2 that a run could write to.
async fn all_there_is(place: &Place) -> Result<Vec<String>> {
    let ec2 = place.ec2(REGION);
    let volumes = ec2.describe_volumes().send().await.context("DescribeVolumes")?;
    let snapshots = fleet::snapshots(&ec2).await?;
    let volumes = volumes.volumes().iter().map(|volume| format!("{volume:?}"));
    let mut all: Vec<String> = volumes.chain(snapshots.iter().map(|snapshot| format!("{snapshot:?}"))).collect();
    all.sort();
    Ok(all)
}
