//! A purge that is too large to be believed.

use anyhow::{Context, Result};
use local_aws::fleet::{self, VolumeSpec};
use serde_json::{Value, json};

use crate::place::{Night, Place, days_ago};
use crate::world::calm;

const POLICY: &str = "guarded";
const REGION: &str = "ca-central-1";

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s8_a_purge_that_is_too_large_waits_for_an_approval() -> Result<()> {
    let place = calm().await?;
    let ec2 = place.ec2(REGION);
    let volume = fleet::make(&ec2, REGION, &[VolumeSpec::new().tag("Guarded", "a")]).await?.remove(0);
    let past = async |days: i64| {
        let run = format!("guarded {days}");
        let ours = [("ebs-backup:policy", POLICY), ("ebs-backup:run", &run), ("ebs-backup:volume", &volume)];
        fleet::past_snapshot(&ec2, &volume, &ours, &days_ago(days), "completed").await
    };
    for days in 30..54 {
        past(days).await?;
    }

    // The plan is of the moment at which the run started: tonight's snapshot is not in it, and the newest of before stays.
    let night = place.night_of(POLICY, "guarded").await?;
    let approval = held(place, &night, 23, 25).await?;
    assert_eq!(approval["runId"], "guarded");

    // An approval of another plan is none, and one more snapshot makes it another plan, still of the same moment.
    past(54).await?;
    let late = place.night(&approval).await?;
    let approval = held(place, &late, 24, 26).await?;

    let approved = place.night(&approval).await?;
    assert!(approved.outcome.succeeded(), "{}", approved.says());
    let report = place.report(&approved).await?;
    let region = report.region(REGION)?;
    assert_eq!(
        json!([region["snapshots"]["deleted"], region["volumes"]["existing"], region["approveInput"]]),
        json!([24, 1, null])
    );
    assert_eq!(place.snapshots(REGION, POLICY).await?.len(), 2);
    Ok(())
}

/// Checks that the purge of a night was held, and gives the input that the report offers to approve it.
async fn held(place: &Place, night: &Night, deletions: usize, managed: usize) -> Result<Value> {
    assert!(night.outcome.succeeded(), "{}", night.says());
    assert_eq!(place.snapshots(REGION, POLICY).await?.len(), managed, "nothing was deleted");
    let report = place.report(night).await?;
    assert!(report.mail.subject.starts_with("EBS Backup OK, PURGE HELD: calm"), "{}", report.mail.subject);
    let words = format!("{REGION}: {deletions} of {managed} snapshots would go, more than 50 %");
    assert!(report.mail.text.contains(&words), "{}", report.mail.text);
    let mut inputs = report.inputs()?;
    assert_eq!(inputs.len(), 1, "{}", report.mail.text);
    let input = inputs.pop().context("no input")?;
    assert_eq!(report.region(REGION)?["approveInput"], input);
    Ok(input)
}
