//! More failures than a report can list.

use anyhow::{Context, Result};
use contract::limits::{SNS_MESSAGE_BYTES, SNS_SUBJECT_CHARS};
use local_aws::deny;
use local_aws::fleet::{self, VolumeSpec};

use crate::place::{Night, Place, days_ago};
use crate::world::stormy;

const POLICY: &str = "many";
const PER_REGION: usize = 6;
/// One region has more than the others, and old snapshots too.
const WORST: &str = "eu-west-3";
const IN_WORST: usize = 60;

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s4_s6_more_failures_than_a_report_can_list_are_counted() -> Result<()> {
    let (place, _alone) = stormy().await?;
    let account = &place.stack.account;
    let all = account.regions().await?;
    for region in &all {
        let count = if region == WORST { IN_WORST } else { PER_REGION };
        fleet::make(&place.ec2(region), region, &vec![VolumeSpec::new().tag("Many", "x"); count]).await?;
    }
    let ec2 = place.ec2(WORST);
    let volume = fleet::make(&ec2, WORST, &[VolumeSpec::new().tag("Many", "old")]).await?.remove(0);
    for days in 20..30 {
        let run = format!("many {days}");
        let ours = [("ebs-backup:policy", POLICY), ("ebs-backup:run", &run), ("ebs-backup:volume", &volume)];
        fleet::past_snapshot(&ec2, &volume, &ours, &days_ago(days), "completed").await?;
    }

    let denial = deny::actions(account, "create-snapshots", &["ec2:CreateSnapshot"], &[]).await?;
    let night = place.night_of(POLICY, "many").await;
    denial.lift().await?;
    check(place, &all, &night?).await
}

async fn check(place: &Place, all: &[String], night: &Night) -> Result<()> {
    assert!(night.is_red(), "{}", night.says());
    let volumes = (all.len() - 1) * PER_REGION + IN_WORST + 1;
    let report = place.report(night).await?;
    let (mail, document) = (&report.mail, &report.document);
    assert_eq!(
        mail.subject,
        format!("EBS Backup INCOMPLETE: stormy 444455556666, many: {volumes} volumes without a snapshot")
    );
    assert!(mail.subject.is_ascii() && mail.subject.len() <= SNS_SUBJECT_CHARS);
    let size = mail.text.len() + document.to_string().len();
    assert!(size < SNS_MESSAGE_BYTES, "{size} bytes");

    // Counts are exact, in all and in each region.
    assert_eq!(document["totals"]["volumes"]["failed"], volumes);
    assert_eq!(document["totals"]["regionsIncomplete"], all.len());
    assert_eq!(document["totals"]["regionsFailed"], 0);
    for region in all {
        let failed = if region == WORST { IN_WORST + 1 } else { PER_REGION };
        let entry = report.region(region)?;
        assert_eq!((&entry["status"], &entry["volumes"]["failed"]), (&"INCOMPLETE".into(), &failed.into()), "{region}");
        let tally = &entry["tally"];
        assert_eq!(tally["errors"]["UnauthorizedOperation"], failed, "{region}");
        let shown = tally["failures"]["first"].as_array().context("failures")?.len();
        assert!((1..failed).contains(&shown), "{shown} of {failed} shown");
        assert_eq!(tally["failures"]["more"], failed - shown, "{region}: what is not shown is counted");
    }
    let words = format!("{WORST}: {n} of {n} volumes got no snapshot: UnauthorizedOperation {n}", n = IN_WORST + 1);
    assert!(mail.text.contains(&words), "{}", mail.text);
    assert!(mail.text.contains("    and 57 more\n"), "{}", mail.text);
    assert_eq!(document["replayInput"]["regions"].as_array().context("regions")?.len(), all.len());

    // S4: nothing of a volume without a snapshot of this run is purged; what should have gone is told, and counted.
    assert_eq!(place.snapshots(WORST, POLICY).await?.len(), 10);
    let entry = report.region(WORST)?;
    assert_eq!((&entry["snapshots"]["overdue"], &entry["snapshots"]["deleted"]), (&9.into(), &0.into()), "{entry}");
    assert!(mail.text.contains("its volume has no snapshot of this run"), "{}", mail.text);
    Ok(())
}
