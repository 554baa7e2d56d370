//! A region that is taken away, as a service control policy would, and both ways to replay it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use local_aws::deny;
use local_aws::fleet::{self, VolumeSpec};
use local_aws::run::RegionProgress;
use serde_json::json;

use crate::place::{Place, failed, total};
use crate::world::stormy;

const POLICY: &str = "denied";
const LOST: &str = "eu-north-1";
const OTHERS: [&str; 2] = ["ap-south-1", "eu-west-1"];

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s5_s7_a_denied_region_is_replayed_both_ways() -> Result<()> {
    let (place, _alone) = stormy().await?;
    for region in [LOST, OTHERS[0], OTHERS[1]] {
        let specs = ["a", "b"].map(|name| VolumeSpec::new().tag("Denied", name));
        fleet::make(&place.ec2(region), region, &specs).await?;
    }
    redriven_twice(place).await?;
    started_anew(place).await
}

async fn redriven_twice(place: &Place) -> Result<()> {
    let account = &place.stack.account;
    deny::take_away(account, LOST).await?;
    let night = place.night_of(POLICY, "denied 1").await?;
    assert!(night.is_red(), "{}", night.says());
    let regions = night.regions().await?;
    assert_eq!(failed(&regions), [LOST]);
    assert_eq!(regions.len(), 3);
    assert_eq!(total(&regions, |region| region.tally.volumes.created), 4, "S7: the others finished");
    let report = place.report(&night).await?;
    assert!(report.mail.subject.starts_with("EBS Backup FAILED: stormy 444455556666"), "{}", report.mail.subject);
    assert!(report.mail.text.contains(&format!("UnauthorizedOperation in {LOST}")), "{}", report.mail.text);
    assert_eq!(report.region(LOST)?["error"], "UnauthorizedOperation");
    assert_eq!(report.region(OTHERS[0])?["status"], "OK");
    let made = of_others(place).await?;

    let night = night.redriven(place).await?;
    assert!(night.is_red(), "still down: {}", night.says());
    assert_eq!(night.outcome.redrive_count, 1);
    assert_eq!(ran(&night.run.passes().await?), [vec![OTHERS[0], LOST, OTHERS[1]], vec![LOST]]);
    assert_eq!(place.reports(&night, 2).await?[1].document["run"]["replay"], 1);

    deny::give_back(account, LOST).await?;
    let night = night.redriven(place).await?;
    assert!(night.outcome.succeeded(), "up again: {}", night.says());
    assert_eq!(night.outcome.redrive_count, 2);
    assert_eq!(ran(&night.run.passes().await?)[2], [LOST]);
    let last = place.reports(&night, 3).await?.pop().context("the third report")?;
    assert_eq!(last.mail.subject, "EBS Backup REPLAY 2 OK: stormy 444455556666, denied: 2 snapshots made");
    assert_eq!(of_others(place).await?, made, "S5: nothing came or went in the other regions");
    each_volume_has_one(place, "denied 1").await?;

    // The backstop speaks for runs without a report; when it has spoken for a later one, it had its say on this.
    let refused = place.night_of("no-such-policy", "denied 1").await?;
    assert!(refused.outcome.failed_with("InvalidInput"), "{}", refused.says());
    place.backstop(&refused).await?;
    assert_eq!(place.mails(&night)?.len(), 3, "the backstop is silent on RegionsFailed, which had its report");
    Ok(())
}

async fn started_anew(place: &Place) -> Result<()> {
    let account = &place.stack.account;
    deny::take_away(account, LOST).await?;
    let night = place.night_of(POLICY, "denied 2").await?;
    deny::give_back(account, LOST).await?;
    assert!(night.is_red(), "{}", night.says());
    let report = place.report(&night).await?;
    let input = json!({ "runId": "denied 2", "policy": POLICY, "regions": [LOST] });
    let pasted = report.inputs()?;
    let [pasted] = pasted.as_slice() else { bail!("not one input to paste in\n{}", report.mail.text) };
    assert_eq!((pasted, &report.document["replayInput"]), (&input, &input));
    let made = of_others(place).await?;

    let replay = place.night(pasted).await?;
    assert!(replay.outcome.succeeded(), "{}", replay.says());
    assert_eq!(ran(&replay.run.passes().await?), [[LOST]]);
    assert_eq!(of_others(place).await?, made);
    each_volume_has_one(place, "denied 2").await?;

    // And once more, as a nervous operator would.
    let again = place.night(pasted).await?;
    assert!(again.outcome.succeeded(), "{}", again.says());
    assert_eq!(total(&again.regions().await?, |region| region.tally.volumes.existing), 2);
    each_volume_has_one(place, "denied 2").await
}

fn ran(passes: &[Vec<RegionProgress>]) -> Vec<Vec<&str>> {
    passes.iter().map(|pass| pass.iter().map(|region| region.region.as_str()).collect()).collect()
}

async fn of_others(place: &Place) -> Result<BTreeMap<&'static str, BTreeSet<String>>> {
    let mut ids = BTreeMap::new();
    for region in OTHERS {
        ids.insert(region, place.snapshot_ids(region, POLICY).await?);
    }
    Ok(ids)
}

async fn each_volume_has_one(place: &Place, run_id: &str) -> Result<()> {
    for region in [LOST, OTHERS[0], OTHERS[1]] {
        let counts: Vec<usize> = place.per_volume(region, POLICY, run_id).await?.into_values().collect();
        assert_eq!(counts, [1, 1], "S5: {region}, {run_id}");
    }
    Ok(())
}
