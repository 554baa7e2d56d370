//! That no function has a right it does not need: without any single one of them, the night is visibly not clean.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use local_aws::artefacts::stems;
use local_aws::deny;
use local_aws::fleet::{self, VolumeSpec};
use serde_json::json;

use crate::place::{Night, Place, failed};
use crate::world::stormy;

const POLICY: &str = "least";
/// Where all is well.
const GOOD: &str = "eu-central-1";
/// Denied to all functions throughout.
const BAD: &str = "us-west-2";

/// Actions of the roles that the local AWS never asks IAM about, and why. What they are good for is proved elsewhere:
/// the production template's policies are simulated in `infra/test`.
const NOT_EVALUATED: [(&str, &str); 7] = [
    (
        "ec2:CreateTags",
        "tags given to CreateSnapshot are not checked as a CreateTags, and nobody asks for adoption here",
    ),
    ("kms:Decrypt", "a topic's key is not used: messages are not encrypted"),
    ("kms:GenerateDataKey", "a topic's key is not used: messages are not encrypted"),
    ("logs:CreateLogStream", "the server itself writes the functions' logs"),
    ("logs:PutLogEvents", "the server itself writes the functions' logs"),
    ("xray:PutTelemetryRecords", "there is no daemon that would send traces"),
    ("xray:PutTraceSegments", "there is no daemon that would send traces"),
];

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s1_without_any_one_action_of_a_role_the_night_is_not_clean() -> Result<()> {
    let (place, _alone) = stormy().await?;
    for region in [GOOD, BAD] {
        fleet::make(&place.ec2(region), region, &[VolumeSpec::new().tag("Least", "a")]).await?;
    }
    // Every later night has one to delete.
    assert!(place.night_of(POLICY, "least").await?.outcome.succeeded());
    deny::take_away(&place.stack.account, BAD).await?;
    let unnoticed = unnoticed(place).await;
    deny::give_back(&place.stack.account, BAD).await?;
    assert_eq!(unnoticed?, Vec::<String>::new(), "nobody needs these");
    Ok(())
}

/// The actions that can be taken away without anybody noticing.
async fn unnoticed(place: &Place) -> Result<Vec<String>> {
    let account = &place.stack.account;
    let mut nights = Nights { place, count: 0 };
    if let Some(wrong) = nights.anything_wrong().await? {
        bail!("with all rights: {wrong}");
    }
    let excepted: BTreeSet<&str> = NOT_EVALUATED.iter().map(|(action, _)| *action).collect();
    let mut met = BTreeSet::new();
    let mut unnoticed = Vec::new();
    for stem in stems().0 {
        let allowed = deny::allowed_actions(account, stem).await?;
        let (not_evaluated, evaluated): (Vec<&str>, Vec<&str>) =
            allowed.iter().map(String::as_str).partition(|action| excepted.contains(action));
        ensure!(!evaluated.is_empty(), "{stem} has no right that could be tested");
        for action in evaluated {
            let denial = deny::actions(account, stem, &[action], &[]).await?;
            let wrong = nights.anything_wrong().await;
            denial.lift().await?;
            match wrong? {
                Some(wrong) => println!("{stem} without {action}: {wrong}"),
                None => unnoticed.push(format!("{stem}: {action}")),
            }
        }
        // The exceptions are none of the tests' making: should the local AWS ever evaluate them, they have to go.
        let denial = deny::actions(account, stem, &not_evaluated, &[]).await?;
        let wrong = nights.anything_wrong().await;
        denial.lift().await?;
        if let Some(wrong) = wrong? {
            bail!("{stem} without one of {not_evaluated:?}: {wrong}. It is evaluated after all, so no exception");
        }
        met.extend(not_evaluated.into_iter().map(str::to_owned));
    }
    let unmet: Vec<&str> = excepted.into_iter().filter(|action| !met.contains(*action)).collect();
    ensure!(unmet.is_empty(), "exceptions that no role has: {unmet:?}");
    // With all rights back all is well again, so each of them was missed on its own.
    if let Some(wrong) = nights.anything_wrong().await? {
        bail!("with all rights again: {wrong}");
    }
    Ok(unnoticed)
}

struct Nights<'a> {
    place: &'a Place,
    count: usize,
}

impl Nights<'_> {
    /// What an operator would see is wrong, first in a night that should be good, then in one with a failed region.
    async fn anything_wrong(&mut self) -> Result<Option<String>> {
        let good = self.night(&[GOOD]).await?;
        if let Some(wrong) = self.wrong_in_good(&good).await? {
            return Ok(Some(wrong));
        }
        let bad = self.night(&[GOOD, BAD]).await?;
        self.wrong_in_bad(&bad).await
    }

    async fn night(&mut self, regions: &[&str]) -> Result<Night> {
        self.count += 1;
        let run_id = format!("least {}", self.count);
        self.place.night(&json!({ "policy": POLICY, "runId": run_id, "regions": regions })).await
    }

    async fn wrong_in_good(&self, night: &Night) -> Result<Option<String>> {
        if !night.outcome.succeeded() {
            return Ok(Some(night.says()));
        }
        let reports = self.place.reports_so_far(night).await?;
        let Some(report) = reports.first() else { return Ok(Some("no report".to_owned())) };
        let totals = &report.document["totals"];
        let seen = json!([
            report.document["status"],
            totals["volumes"]["created"],
            totals["snapshots"]["overdue"],
            totals["snapshots"]["deleted"].as_u64().context("deleted")? > 0,
        ]);
        Ok((seen != json!(["OK", 1, 0, true])).then(|| format!("status, created, overdue, purged: {seen}")))
    }

    async fn wrong_in_bad(&self, night: &Night) -> Result<Option<String>> {
        if !night.is_red() {
            return Ok(Some(night.says()));
        }
        if night.outcome.cause.as_deref().unwrap_or_default().contains("could not be read") {
            return Ok(Some(night.says()));
        }
        if self.place.reports_so_far(night).await?.len() != 1 {
            return Ok(Some("no report".to_owned()));
        }
        let regions = night.regions().await?;
        Ok((failed(&regions) != [BAD]).then(|| format!("failed: {:?}", failed(&regions))))
    }
}
