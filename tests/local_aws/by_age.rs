//! Retention by age, with snapshots of the last month.

use anyhow::{Context, Result};
use local_aws::fleet::{self, VolumeSpec};

use crate::place::{days_ago, id};
use crate::world::calm;

const POLICY: &str = "aged";
const REGION: &str = "eu-west-3";

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s1_s2_s3_s12_what_must_not_be_purged_survives() -> Result<()> {
    let place = calm().await?;
    let ec2 = place.ec2(REGION);
    let specs = ["live", "orphan"].map(|name| VolumeSpec::new().tag("Aged", name));
    let volumes = fleet::make(&ec2, REGION, &specs).await?;
    let [live, orphan] = volumes.as_slice() else { anyhow::bail!("two volumes") };
    let past = async |volume: &str, days: i64, state: &str, extra: &[(&str, &str)]| {
        let run = format!("{days} days ago");
        let ours =
            [("Aged", "x"), ("ebs-backup:policy", POLICY), ("ebs-backup:run", &run), ("ebs-backup:volume", volume)];
        fleet::past_snapshot(&ec2, volume, &[&ours, extra].concat(), &days_ago(days), state).await
    };
    let expired = past(live, 20, "completed", &[]).await?;
    let failed = past(live, 3, "error", &[]).await?;
    let young = past(live, 6, "completed", &[]).await?;
    let held = past(live, 21, "completed", &[("ebs-backup:keep", "audit")]).await?;
    let pending = past(live, 22, "pending", &[]).await?;
    let of_orphan = past(orphan, 30, "completed", &[]).await?;
    let last_of_orphan = past(orphan, 25, "completed", &[]).await?;
    // Younger than the last completed one, and no restore point.
    let pending_of_orphan = past(orphan, 24, "pending", &[]).await?;
    let foreign = fleet::past_snapshot(&ec2, live, &[("Aged", "x")], &days_ago(40), "completed").await?;
    let others = [("Aged", "x"), ("ebs-backup:policy", "another")];
    let of_another_policy = fleet::past_snapshot(&ec2, live, &others, &days_ago(40), "completed").await?;
    ec2.delete_volume().volume_id(orphan).send().await.context("DeleteVolume")?;

    let night = place.night_of(POLICY, "aged").await?;
    assert!(night.outcome.succeeded(), "{}", night.says());
    let left: Vec<String> = fleet::snapshots(&ec2).await?.iter().map(id).collect();
    let is_left = |snapshot: &String| left.contains(snapshot);
    for (snapshot, what) in [
        (&foreign, "S1: one that others made, with the backup tag"),
        (&of_another_policy, "S1: one of another policy"),
        (&last_of_orphan, "S2: the newest completed one of a volume that is gone"),
        (&young, "S3: one that keepWithin wants"),
        (&held, "S3: a held one"),
        (&pending, "S12: a pending one"),
        (&pending_of_orphan, "S12: a pending one of a volume that is gone"),
    ] {
        assert!(is_left(snapshot), "{what} was deleted");
    }
    for (snapshot, what) in [
        (&expired, "an expired one"),
        (&failed, "S12: one in state error for more than a day"),
        (&of_orphan, "an older one of a volume that is gone"),
    ] {
        assert!(!is_left(snapshot), "{what} is still there");
    }
    let report = place.report(&night).await?;
    let snapshots = &report.region(REGION)?["snapshots"];
    assert_eq!((&snapshots["managed"], &snapshots["deleted"]), (&9.into(), &3.into()));
    // The report shows the first two of the three, by their ids, each with its reason.
    let reasons =
        ["in state error for more than a day", "no rule wants it (20 days old)", "no rule wants it (30 days old)"];
    let shown = reasons.iter().filter(|reason| report.mail.text.contains(**reason)).count();
    assert!(shown == 2 && report.mail.text.contains("and 1 more"), "{}", report.mail.text);
    Ok(())
}
