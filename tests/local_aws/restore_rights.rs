//! That no function of a restore has a right it does not need: without any single one of them, a restore is visibly not well.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use local_aws::artefacts::stems;
use local_aws::deny;
use local_aws::fleet::{self, VolumeSpec};
use serde_json::{Value, json};

use crate::place::Place;
use crate::world::stormy;

const POLICY: &str = "restore";
const HOME: &str = "eu-central-2";

/// Actions of the roles that the local AWS never asks IAM about, and why; those of keys and tags are proved by simulation of the
/// production template in `infra/test`.
const NOT_EVALUATED: [(&str, &str); 12] = [
    ("ec2:CreateTags", "tags given to a create call are not checked as a CreateTags"),
    ("kms:CreateGrant", "a volume's key is not used"),
    ("kms:Decrypt", "neither a volume's key nor a topic's is used"),
    ("kms:DescribeKey", "a volume's key is not used"),
    ("kms:GenerateDataKey", "a topic's key is not used"),
    ("kms:GenerateDataKeyWithoutPlaintext", "a volume's key is not used"),
    ("kms:ReEncryptFrom", "a volume's key is not used"),
    ("kms:ReEncryptTo", "a volume's key is not used"),
    ("logs:CreateLogStream", "the server itself writes the functions' logs"),
    ("logs:PutLogEvents", "the server itself writes the functions' logs"),
    ("xray:PutTelemetryRecords", "there is no daemon that would send traces"),
    ("xray:PutTraceSegments", "there is no daemon that would send traces"),
];

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s1_without_any_one_action_of_a_role_a_restore_is_not_well() -> Result<()> {
    let (place, _alone) = stormy().await?;
    let made = fleet::make(&place.ec2(HOME), HOME, &[VolumeSpec::new().tag("Restore", "a").attached()]).await?;
    let night = place.night(&json!({ "policy": POLICY, "runId": "rights" })).await?;
    ensure!(night.outcome.succeeded(), "{}", night.says());
    let found = place.ec2(HOME).describe_volumes().volume_ids(&made[0]).send().await?;
    let at = found.volumes()[0].attachments()[0].clone();
    let instance = at.instance_id().context("an instance")?;
    let inputs = [
        json!({
            "region": HOME, "volumeId": made[0], "attach": { "instanceId": instance, "device": at.device() }, "replace": true,
        }),
        json!({ "region": HOME, "test": true, "sample": { "volumes": 1 } }),
    ];
    if let Some(wrong) = anything_wrong(place, &inputs).await? {
        bail!("with all rights: {wrong}");
    }
    let excepted: BTreeSet<&str> = NOT_EVALUATED.iter().map(|(action, _)| *action).collect();
    let mut unnoticed = Vec::new();
    for stem in stems().1 {
        let allowed = deny::allowed_actions(&place.stack.account, stem).await?;
        for action in allowed.iter().filter(|action| !excepted.contains(action.as_str())) {
            let denial = deny::actions(&place.stack.account, stem, &[action], &[]).await?;
            let wrong = anything_wrong(place, &inputs).await;
            denial.lift().await?;
            match wrong? {
                Some(wrong) => {
                    println!("{stem} without {action}: {wrong}");
                    // Without the right to attach, nothing is put back either: the device has to be in use again.
                    let healed = place.restore(&inputs[0]).await?;
                    ensure!(healed.outcome.succeeded(), "{}", healed.says());
                }
                None => unnoticed.push(format!("{stem}: {action}")),
            }
        }
    }
    assert_eq!(unnoticed, Vec::<String>::new(), "nobody needs these");
    if let Some(wrong) = anything_wrong(place, &inputs).await? {
        bail!("with all rights again: {wrong}");
    }
    Ok(())
}

/// What an operator would see is wrong with a replacement, or with a test.
async fn anything_wrong(place: &Place, inputs: &[Value]) -> Result<Option<String>> {
    for input in inputs {
        let restore = place.restore(input).await?;
        if !restore.outcome.succeeded() {
            return Ok(Some(restore.says()));
        }
        let reports = place.reports_so_far(&restore).await?;
        let Some(report) = reports.first() else { return Ok(Some("no report".to_owned())) };
        if report.document["status"] != "OK" {
            return Ok(Some(report.mail.subject.clone()));
        }
    }
    Ok(None)
}
