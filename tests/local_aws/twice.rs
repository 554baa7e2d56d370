//! The schedule delivers at least once.

use anyhow::{Context, Result};
use local_aws::fleet::{self, VolumeSpec};
use local_aws::run::Run;
use serde_json::json;

use crate::place::{Place, id, total};
use crate::world::calm;

const POLICY: &str = "twice";
const REGIONS: [&str; 2] = ["eu-west-2", "us-east-2"];

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s5_the_same_run_twice_makes_nothing_twice() -> Result<()> {
    let place = calm().await?;
    for region in REGIONS {
        let specs = ["a", "b", "c"].map(|name| VolumeSpec::new().tag("Twice", name));
        fleet::make(&place.ec2(region), region, &specs).await?;
    }

    let first = place.night_of(POLICY, "twice 1").await?;
    assert!(first.outcome.succeeded(), "{}", first.says());
    let again = place.night_of(POLICY, "twice 1").await?;
    assert!(again.outcome.succeeded(), "{}", again.says());
    let regions = again.regions().await?;
    assert_eq!(total(&regions, |region| region.tally.volumes.created), 0);
    assert_eq!(total(&regions, |region| region.tally.volumes.existing), 6);
    one_each(place, "twice 1").await?;

    // Side by side, where one cannot see what the other is about to make. The next purge removes a twin.
    let input = json!({ "policy": POLICY, "runId": "twice 2" });
    let runs = tokio::try_join!(
        Run::start(&place.stack, None, &input),
        Run::start(&place.stack, None, &input),
        Run::start(&place.stack, None, &input),
    )?;
    for run in [runs.0, runs.1, runs.2] {
        let night = place.follow(run).await?;
        assert!(night.outcome.succeeded(), "{}", night.says());
    }
    // What EC2's late listing can do however careful the run was: a twin that nobody saw.
    let region = REGIONS[0];
    let original = place.snapshots(region, POLICY).await?.pop().context("no snapshot of the run")?;
    let tags: Vec<(&str, &str)> =
        original.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))).collect();
    let volume = original.volume_id().unwrap_or_default();
    let twin = fleet::foreign_snapshot(&place.ec2(region), volume, &tags).await?;

    let next = place.night_of(POLICY, "twice 3").await?;
    assert!(next.outcome.succeeded(), "{}", next.says());
    one_each(place, "twice 2").await?;
    one_each(place, "twice 3").await?;
    let ids = place.snapshot_ids(region, POLICY).await?;
    assert!(ids.contains(&twin) && !ids.contains(&id(&original)), "of twins the newer stays");
    let report = place.report(&next).await?;
    assert!(report.mail.text.contains(&format!("duplicate of {twin} in run twice 2")), "{}", report.mail.text);
    Ok(())
}

async fn one_each(place: &Place, run_id: &str) -> Result<()> {
    for region in REGIONS {
        let counts: Vec<usize> = place.per_volume(region, POLICY, run_id).await?.into_values().collect();
        assert_eq!(counts, [1, 1, 1], "{region}, {run_id}");
    }
    Ok(())
}
