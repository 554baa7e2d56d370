//! Nothing to do.

use anyhow::Result;
use serde_json::json;

use crate::world::{calm, stormy};

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn an_account_with_nothing_to_back_up_is_green_and_quiet() -> Result<()> {
    let place = calm().await?;
    let night = place.night_of("idle", "idle").await?;
    assert!(night.outcome.succeeded(), "{}", night.says());
    let output = night.outcome.output.clone().unwrap_or_default();
    assert_eq!(json!([output["sent"], output["replayJobs"]]), json!([false, []]));
    // A report is sent before the execution ends: what has not come by now never will.
    assert_eq!(place.mails(&night)?, []);
    Ok(())
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn who_wants_to_hear_of_idle_nights_does() -> Result<()> {
    let (place, _alone) = stormy().await?;
    let night = place.night_of("idle", "idle").await?;
    assert!(night.outcome.succeeded(), "{}", night.says());
    let report = place.report(&night).await?;
    assert_eq!(report.mail.subject, "EBS Backup OK: stormy 444455556666, idle: nothing to do");
    assert_eq!(report.document["idleRegions"], json!(["eu-west-2"]));
    Ok(())
}
