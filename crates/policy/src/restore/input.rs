//! What of a restore's input goes together, and what does not.

use chrono::{DateTime, Utc};
use contract::RestoreInput;
use contract::limits::INITIALIZATION_RATE_MIBPS;
use contract::restore::{Sample, Source};

/// What a restore is of, when its fields go together.
///
/// # Errors
/// Everything that is wrong, each as `field: value: what would be right`.
pub fn checked(input: &RestoreInput, started_at: DateTime<Utc>) -> Result<Source, Vec<String>> {
    let mut wrong = Vec::new();
    let source = source(input, &mut wrong);
    if input.test {
        of_a_test(input, &mut wrong);
    } else {
        let test_only = [("sample", input.sample.is_some()), ("policy", input.policy.is_some())];
        for (field, _) in test_only.into_iter().filter(|(_, given)| *given) {
            wrong.push(format!("{field}: goes only with \"test\": true"));
        }
    }
    if let Some(at) = input.at.filter(|at| *at > started_at) {
        wrong.push(format!("at: {}: is in the future; leave it out for the newest restore point", at.to_rfc3339()));
    }
    if let (Some(at), true) = (input.at, input.snapshot_id.is_some()) {
        wrong.push(format!("at: {}: a snapshot has its own moment; leave one of the two out", at.to_rfc3339()));
    }
    if input.instance_id.is_some() {
        of_an_instance(input, &mut wrong);
    } else if input.allow_mixed {
        wrong.push("allowMixed: true: goes only with instanceId".to_owned());
    }
    if input.any_source && input.volume_id.is_none() {
        wrong.push("anySource: true: goes only with volumeId".to_owned());
    }
    if input.replace && input.attach.is_none() {
        wrong.push("replace: true: goes only with attach, which says where".to_owned());
    }
    if let Some(rate) = input.initialization_rate_mibps.filter(|rate| !INITIALIZATION_RATE_MIBPS.contains(rate)) {
        let (least, most) = INITIALIZATION_RATE_MIBPS.into_inner();
        wrong.push(format!(
            "initializationRateMiBps: {rate}: EBS loads at {least} to {most} MiB/s; the nearest that is allowed is {}",
            rate.clamp(least, most)
        ));
    }
    if let (Some(false), Some(key)) = (input.encrypted, &input.kms_key_id) {
        wrong.push(format!("encrypted: false: kmsKeyId is {key}, and a key goes only with encryption"));
    }
    match (source, wrong.is_empty()) {
        (Some(source), true) => Ok(source),
        _ => Err(wrong),
    }
}

fn source(input: &RestoreInput, wrong: &mut Vec<String>) -> Option<Source> {
    let given: Vec<(&str, Source)> = [
        input.volume_id.clone().map(|id| ("volumeId", Source::VolumeId(id))),
        input.snapshot_id.clone().map(|id| ("snapshotId", Source::SnapshotId(id))),
        input.instance_id.clone().map(|id| ("instanceId", Source::InstanceId(id))),
        input.test.then(|| ("test", Source::Sample(input.sample.unwrap_or_default()))),
    ]
    .into_iter()
    .flatten()
    .collect();
    match given.as_slice() {
        [(_, source)] => Some(source.clone()),
        [] => {
            wrong.push("volumeId: missing; name one of volumeId, snapshotId, instanceId, or \"test\": true".to_owned());
            None
        }
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
            wrong.push(format!("{}: only one of them says what to restore", names.join(", ")));
            None
        }
    }
}

fn of_a_test(input: &RestoreInput, wrong: &mut Vec<String>) {
    let number = input.sample.unwrap_or_default().number();
    if !Sample::BOUNDS.contains(&number) {
        let (least, most) = Sample::BOUNDS.into_inner();
        let field = if matches!(input.sample, Some(Sample::Percent(_))) { "percent" } else { "volumes" };
        wrong.push(format!("sample.{field}: {number}: must be a whole number from {least} to {most}"));
    }
    let not_of_a_test = [
        ("at", input.at.is_some()),
        ("availabilityZone", input.availability_zone.is_some()),
        ("volumeType", input.volume_type.is_some()),
        ("iops", input.iops.is_some()),
        ("throughput", input.throughput.is_some()),
        ("sizeGiB", input.size_gib.is_some()),
        ("encrypted", input.encrypted.is_some()),
        ("kmsKeyId", input.kms_key_id.is_some()),
        ("attach", input.attach.is_some()),
        ("initializationRateMiBps", input.initialization_rate_mibps.is_some()),
        ("tags", !input.tags.is_empty()),
        ("backup", !input.backup),
    ];
    for (field, _) in not_of_a_test.into_iter().filter(|(_, given)| *given) {
        wrong.push(format!("{field}: a restore test takes the newest restore point as it is, and deletes the volume"));
    }
}

fn of_an_instance(input: &RestoreInput, wrong: &mut Vec<String>) {
    let of_one_volume = [
        ("iops", input.iops.is_some()),
        ("throughput", input.throughput.is_some()),
        ("sizeGiB", input.size_gib.is_some()),
        ("attach.device", input.attach.as_ref().is_some_and(|attach| attach.device.is_some())),
    ];
    for (field, _) in of_one_volume.into_iter().filter(|(_, given)| *given) {
        wrong.push(format!("{field}: is of one volume, and an instance may have several; restore them one by one"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(fields: &str) -> Vec<String> {
        let input = contract::parse::from_text::<RestoreInput>(&format!(r#"{{"region":"eu-west-1",{fields}}}"#));
        match checked(&input.unwrap(), "2026-11-26T10:00:00Z".parse().unwrap()) {
            Ok(_) => Vec::new(),
            Err(wrong) => wrong,
        }
    }

    #[test]
    fn s10_what_does_not_go_together_is_refused_by_field() {
        const VOLUME: &str = r#""volumeId":"vol-0123456789abcdef0""#;
        const INSTANCE: &str = r#""instanceId":"i-0123456789abcdef0""#;
        const SNAPSHOT: &str = r#""snapshotId":"snap-0123456789abcdef0""#;
        for (fields, fields_refused) in [
            (VOLUME.to_owned(), vec![]),
            (INSTANCE.to_owned(), vec![]),
            (SNAPSHOT.to_owned(), vec![]),
            (r#""test":true"#.to_owned(), vec![]),
            (r#""test":true,"sample":{"percent":100},"policy":"daily","dryRun":true"#.to_owned(), vec![]),
            (format!(r#"{VOLUME},"at":"2026-11-26T10:00:00Z","anySource":true"#), vec![]),
            (format!(r#"{VOLUME},"initializationRateMiBps":100"#), vec![]),
            (format!(r#"{VOLUME},"initializationRateMiBps":300"#), vec![]),
            (r#""dryRun":true"#.to_owned(), vec!["volumeId"]),
            (format!("{VOLUME},{SNAPSHOT}"), vec!["volumeId, snapshotId"]),
            (format!(r#"{VOLUME},"at":"2026-11-26T10:00:01Z""#), vec!["at"]),
            (format!(r#"{SNAPSHOT},"at":"2026-11-26T10:00:00Z""#), vec!["at"]),
            (format!(r#"{VOLUME},"sample":{{"volumes":1}},"policy":"daily""#), vec!["sample", "policy"]),
            (r#""test":true,"sample":{"volumes":0}"#.to_owned(), vec!["sample.volumes"]),
            (r#""test":true,"sample":{"percent":101}"#.to_owned(), vec!["sample.percent"]),
            (r#""test":true,"iops":3000,"backup":false"#.to_owned(), vec!["iops", "backup"]),
            (format!(r#"{VOLUME},"allowMixed":true"#), vec!["allowMixed"]),
            (format!(r#"{INSTANCE},"anySource":true,"sizeGiB":8"#), vec!["sizeGiB", "anySource"]),
            (
                format!(r#"{INSTANCE},"attach":{{"instanceId":"i-0123456789abcdef0","device":"/dev/sdf"}}"#),
                vec!["attach.device"],
            ),
            (format!(r#"{VOLUME},"replace":true"#), vec!["replace"]),
            (format!(r#"{VOLUME},"initializationRateMiBps":99"#), vec!["initializationRateMiBps"]),
            (format!(r#"{VOLUME},"initializationRateMiBps":301"#), vec!["initializationRateMiBps"]),
            (format!(r#"{VOLUME},"encrypted":false,"kmsKeyId":"alias/x""#), vec!["encrypted"]),
        ] {
            let wrong = wrong(&fields);
            let refused: Vec<&str> = wrong.iter().filter_map(|one| one.split(": ").next()).collect();
            assert_eq!(refused, fields_refused, "{fields}");
        }
    }
}
