//! A report that cannot be sent.

use anyhow::Result;
use local_aws::deny;
use local_aws::fleet::{self, VolumeSpec};

use crate::world::stormy;

const POLICY: &str = "mute";
const REGION: &str = "eu-west-2";

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s7_where_no_report_can_be_sent_the_backstop_speaks_and_a_redrive_reports() -> Result<()> {
    let (place, _alone) = stormy().await?;
    fleet::make(&place.ec2(REGION), REGION, &[VolumeSpec::new().tag("Mute", "a")]).await?;
    let denial = deny::actions(&place.stack.account, "notify", &["sns:Publish"], &[]).await?;
    let night = place.night_of(POLICY, "mute").await;
    denial.lift().await?;
    let night = night?;
    assert!(night.outcome.failed_with("ReportRefused"), "{}", night.says());
    let backstop = place.backstop(&night).await?;
    assert!(backstop.text.contains("ReportRefused") && backstop.text.contains("FAILED"), "{}", backstop.text);
    let made = place.snapshot_ids(REGION, POLICY).await?;
    assert_eq!(made.len(), 1, "the night itself was good");

    // It goes on where it stopped: with the report.
    let night = night.redriven(place).await?;
    assert!(night.outcome.succeeded(), "{}", night.says());
    assert_eq!(night.run.passes().await?.len(), 1, "no region ran again");
    assert_eq!(place.snapshot_ids(REGION, POLICY).await?, made);
    assert_eq!(place.reports_so_far(&night).await?.len(), 1);
    let reports = place.mails(&night)?.into_iter().filter(|mail| mail.subject.starts_with("EBS Backup OK"));
    assert_eq!(reports.count(), 1);
    Ok(())
}
