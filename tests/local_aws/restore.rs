//! Restores: the deployed machine, the real binaries, IAM evaluated.

use anyhow::{Context, Result};
use aws_sdk_ec2::types::{Volume, VolumeType};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use contract::errors::{NO_RESTORE_POINT, RESTORE_FAILED};
use local_aws::fleet::{self, VolumeSpec};
use serde_json::{Value, json};

use crate::documented;
use crate::place::{Night, Place, Report, days_ago};
use crate::world::calm;

const POLICY: &str = "restore";

/// The regions, one for each test: a night snapshots every volume of its region.
pub const REGIONS: [&str; 7] = [
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
];

/// A volume after two nights, and the moment between them.
async fn after_two_nights(place: &Place, region: &str, spec: VolumeSpec) -> Result<(String, DateTime<Utc>)> {
    let made = fleet::make(&place.ec2(region), region, &[spec]).await?;
    let volume = made.into_iter().next().context("no volume")?;
    let first = place.night(&night_of(region, "night 1")).await?;
    assert!(first.outcome.succeeded(), "{}", first.says());
    let between = place.report(&first).await?.started_at()? + TimeDelta::milliseconds(1);
    // Times have milliseconds here: the snapshot of the first night is older than what comes next.
    let snapshots = snapshots_of(place, region, &volume).await?;
    let between = snapshots.iter().map(|(_, at)| *at).max().map_or(between, |at| at + TimeDelta::milliseconds(1));
    let second = place.night(&night_of(region, "night 2")).await?;
    assert!(second.outcome.succeeded(), "{}", second.says());
    Ok((volume, between))
}

fn night_of(region: &str, run: &str) -> Value {
    json!({ "policy": POLICY, "runId": run, "regions": [region] })
}

/// The snapshots of a volume, oldest first.
async fn snapshots_of(place: &Place, region: &str, volume: &str) -> Result<Vec<(String, DateTime<Utc>)>> {
    let all = fleet::snapshots(&place.ec2(region)).await?;
    let mut of: Vec<(String, DateTime<Utc>)> = all
        .iter()
        .filter(|snapshot| snapshot.volume_id() == Some(volume))
        .filter_map(|snapshot| {
            let at = snapshot.start_time()?;
            Some((snapshot.snapshot_id()?.to_owned(), DateTime::from_timestamp(at.secs(), at.subsec_nanos())?))
        })
        .collect();
    of.sort_by_key(|(_, at)| *at);
    Ok(of)
}

async fn volume(place: &Place, region: &str, id: &str) -> Result<Volume> {
    let found = place.ec2(region).describe_volumes().volume_ids(id).send().await.context("DescribeVolumes")?;
    found.volumes().first().cloned().context("no such volume")
}

/// The volumes that a restore has made.
async fn made_by(place: &Place, region: &str, restore: &Night) -> Result<Vec<Volume>> {
    let name = restore.run.arn().rsplit(':').next().unwrap_or_default().to_owned();
    let filter = aws_sdk_ec2::types::Filter::builder().name("tag:ebs-backup:restore").values(name).build();
    let found = place.ec2(region).describe_volumes().filters(filter).send().await.context("DescribeVolumes")?;
    Ok(found.volumes().to_vec())
}

fn tag<'a>(volume: &'a Volume, key: &str) -> Option<&'a str> {
    volume.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value())
}

/// Where a volume is attached: the instance and the device.
fn attached(volume: &Volume) -> Option<(&str, &str)> {
    volume.attachments().first().and_then(|at| Some((at.instance_id()?, at.device()?)))
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A restore that ended green, and its report.
async fn restored(place: &Place, input: &Value) -> Result<(Night, Report)> {
    let restore = place.restore(input).await?;
    assert!(restore.outcome.succeeded(), "{}", restore.says());
    let report = place.report(&restore).await?;
    assert_eq!(report.document["status"], "OK");
    Ok((restore, report))
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn a_volume_of_between_two_nights_comes_back_with_its_tags_and_is_attached() -> Result<()> {
    let place = calm().await?;
    let region = REGIONS[0];
    let spec =
        VolumeSpec::new().size(30).kind(VolumeType::Io1).tag("Restore", "db").tag("Name", "orders").tag("team", "shop");
    let (old, between) = after_two_nights(place, region, spec.encrypted().attached()).await?;
    let of = snapshots_of(place, region, &old).await?;
    let before = volume(place, region, &old).await?;
    let (instance, device) = attached(&before).context("it is attached")?;
    let input = json!({
        "region": region, "volumeId": old, "at": rfc3339(between),
        "attach": { "instanceId": instance, "device": "/dev/sdp" }, "tags": { "ticket": "4711" },
    });

    // The device that it was at is taken, and nothing is replaced without a word.
    let mut in_place = input.clone();
    in_place["attach"] = json!({ "instanceId": instance });
    let refused = place.restore(&in_place).await?;
    assert!(refused.outcome.failed_with("InvalidInput"), "{}", refused.says());
    assert!(refused.says().contains(&format!("attach.device: {device}: {old} is there")), "{}", refused.says());
    assert_eq!(made_by(place, region, &refused).await?.len(), 0);

    let (restore, report) = restored(place, &input).await?;
    let [made] = made_by(place, region, &restore).await?.try_into().ok().context("one volume")?;
    assert_eq!(made.snapshot_id(), Some(of[0].0.as_str()), "of the first night");
    assert_eq!((made.size(), made.volume_type(), made.iops()), (Some(30), Some(&VolumeType::Io1), Some(200)));
    assert_eq!((made.availability_zone(), made.encrypted()), (Some(format!("{region}a").as_str()), Some(true)));
    assert_eq!(attached(&made), Some((instance, "/dev/sdp")));
    for (key, value) in [("Restore", "db"), ("Name", "orders"), ("team", "shop"), ("ticket", "4711")] {
        assert_eq!(tag(&made, key), Some(value), "{key}");
    }
    assert_eq!(tag(&made, "ebs-backup:restored-from"), made.snapshot_id());
    assert!(tag(&made, "ebs-backup:restored-at").is_some());
    let id = made.volume_id().context("an id")?;
    for said in
        [format!("{id} is attached to {instance} at /dev/sdp"), format!("aws ec2 detach-volume --volume-id {id}")]
    {
        assert!(report.mail.text.contains(&said), "{said}\n{}", report.mail.text);
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn an_instance_comes_back_from_one_run() -> Result<()> {
    let place = calm().await?;
    let region = REGIONS[1];
    let specs = ["web", "db"].map(|name| VolumeSpec::new().size(9).tag("Restore", name).attached());
    let old = fleet::make(&place.ec2(region), region, &specs).await?;
    assert!(place.night(&night_of(region, "night 1")).await?.outcome.succeeded());
    let before = volume(place, region, &old[0]).await?;
    let (instance, _) = attached(&before).context("it is attached")?;
    let (restore, report) =
        restored(place, &json!({ "region": region, "instanceId": instance, "backup": false })).await?;
    let made = made_by(place, region, &restore).await?;
    let mut devices: Vec<&str> = made.iter().filter_map(|volume| tag(volume, "ebs-backup:restored-from")).collect();
    devices.dedup();
    assert_eq!((made.len(), devices.len()), (2, 2));
    assert!(made.iter().all(|volume| tag(volume, "Restore").is_none() && tag(volume, "ebs-backup:exclude").is_some()));
    let runs: Vec<&Value> =
        report.document["volumes"].as_array().context("volumes")?.iter().map(|v| &v["runId"]).collect();
    assert!(runs.len() == 2 && runs[0] == runs[1], "{runs:?}");
    documented::shows("instance", &report.mail.text)?;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s12_a_pending_snapshot_is_passed_over_and_a_moment_without_one_names_the_nearest() -> Result<()> {
    let place = calm().await?;
    let region = REGIONS[2];
    let ec2 = place.ec2(region);
    let made = fleet::make(&ec2, region, &[VolumeSpec::new().tag("Restore", "points")]).await?;
    let old = &made[0];
    let spec = format!("type=gp3 size=8 zone={region}a encrypted=false");
    let ours = [
        ("ebs-backup:policy", POLICY),
        ("ebs-backup:run", "points"),
        ("ebs-backup:volume", old.as_str()),
        ("ebs-backup:spec", spec.as_str()),
    ];
    let done = fleet::past_snapshot(&ec2, old, &ours, &days_ago(3), "completed").await?;
    fleet::past_snapshot(&ec2, old, &ours, &days_ago(2), "pending").await?;
    fleet::past_snapshot(&ec2, old, &ours, &days_ago(1), "error").await?;
    let an_hour_ago = (Utc::now() - TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let by_hand = fleet::past_snapshot(&ec2, old, &[], &an_hour_ago, "completed").await?;

    let chosen = |report: &Report| report.document["volumes"][0]["snapshotId"].clone();
    let (_, report) = restored(place, &json!({ "region": region, "volumeId": old, "dryRun": true })).await?;
    assert_eq!(chosen(&report), json!(done));
    let any = json!({ "region": region, "volumeId": old, "anySource": true, "availabilityZone": format!("{region}b"), "dryRun": true });
    let (_, report) = restored(place, &any).await?;
    assert_eq!(chosen(&report), json!(by_hand));

    let none = place.restore(&json!({ "region": region, "volumeId": old, "at": days_ago(9) })).await?;
    assert!(none.outcome.failed_with(NO_RESTORE_POINT), "{}", none.says());
    assert!(none.says().contains(&format!("the next one is {done}")), "{}", none.says());
    Ok(())
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn a_snapshot_comes_back_where_it_is_told_to_and_nowhere_else() -> Result<()> {
    let place = calm().await?;
    let region = REGIONS[3];
    let ec2 = place.ec2(region);
    let made = fleet::make(&ec2, region, &[VolumeSpec::new().size(12)]).await?;
    let by_hand = fleet::foreign_snapshot(&ec2, &made[0], &[("Name", "before the upgrade")]).await?;
    let input = |more: Value| {
        let mut input = json!({ "region": region, "snapshotId": by_hand });
        for (field, value) in more.as_object().into_iter().flatten() {
            input[field] = value.clone();
        }
        input
    };
    for (more, said) in [
        (json!({}), "availabilityZone: missing"),
        (
            json!({ "availabilityZone": "eu-west-1a" }),
            "availabilityZone: eu-west-1a: is not a zone that can be used here",
        ),
        (json!({ "availabilityZone": format!("{region}b"), "sizeGiB": 11 }), "the nearest that is allowed is 12"),
        (
            json!({ "availabilityZone": format!("{region}b"), "volumeType": "st1" }),
            "the nearest that is allowed is 125",
        ),
    ] {
        let refused = place.restore(&input(more)).await?;
        assert!(refused.outcome.failed_with("InvalidInput") && refused.says().contains(said), "{}", refused.says());
        assert_eq!(made_by(place, region, &refused).await?.len(), 0);
    }
    let (restore, _) =
        restored(place, &input(json!({ "availabilityZone": format!("{region}b"), "sizeGiB": 20 }))).await?;
    let [volume] = made_by(place, region, &restore).await?.try_into().ok().context("one volume")?;
    assert_eq!((volume.availability_zone(), volume.size()), (Some(format!("{region}b").as_str()), Some(20)));
    Ok(())
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn a_create_whose_answer_was_lost_is_sent_again_and_makes_one_volume() -> Result<()> {
    let place = calm().await?;
    let region = REGIONS[4];
    let (old, _) = after_two_nights(place, region, VolumeSpec::new().tag("Restore", "lost")).await?;
    let input = json!({ "region": region, "volumeId": old, "tags": { "local-aws:lose-answer": "once" } });
    let (restore, report) = restored(place, &input).await?;
    assert_eq!(made_by(place, region, &restore).await?.len(), 1);
    assert_eq!(report.document["strays"], json!([]));
    Ok(())
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn a_volume_takes_the_place_of_a_live_one_or_that_one_is_put_back() -> Result<()> {
    let place = calm().await?;
    let region = REGIONS[5];
    let spec = VolumeSpec::new().size(10).tag("Restore", "live").attached();
    let (old, between) = after_two_nights(place, region, spec).await?;
    let before = volume(place, region, &old).await?;
    let (instance, device) = attached(&before).context("it is attached")?;
    let input = json!({
        "region": region, "volumeId": old, "at": rfc3339(between), "attach": { "instanceId": instance }, "replace": true,
    });

    let mut refused = input.clone();
    refused["tags"] = json!({ "local-aws:refuse-attach": "always" });
    let failed = place.restore(&refused).await?;
    assert!(failed.outcome.failed_with(RESTORE_FAILED), "{}", failed.says());
    assert_eq!(attached(&volume(place, region, &old).await?), Some((instance, device)), "it is back");
    let report = place.report(&failed).await?;
    assert_eq!(report.document["volumes"][0]["progress"], "putBack", "{}", report.mail.text);
    let [left] = made_by(place, region, &failed).await?.try_into().ok().context("one volume")?;
    let id = left.volume_id().context("an id")?;
    assert!(report.mail.text.contains(&format!("aws ec2 delete-volume --volume-id {id}")), "{}", report.mail.text);

    // A night of the day before yesterday, and a moment a day later.
    let day = |days: i64| (Utc::now() - TimeDelta::days(days)).format("%Y-%m-%d").to_string();
    let (run, spec) = (
        format!("daily-{}T02:00:00Z", day(2)),
        format!(
            "type=gp3 size=10 iops=3000 throughput=125 zone={region}a encrypted=false device={device} instance={instance}"
        ),
    );
    let ours = [
        ("ebs-backup:policy", POLICY),
        ("ebs-backup:run", run.as_str()),
        ("ebs-backup:volume", old.as_str()),
        ("ebs-backup:spec", spec.as_str()),
    ];
    let started_at = format!("{}T02:00:07.000Z", day(2));
    fleet::past_snapshot(&place.ec2(region), &old, &ours, &started_at, "completed").await?;
    let mut input = input;
    input["at"] = format!("{}T01:39:00Z", day(1)).into();
    let (restore, report) = restored(place, &input).await?;
    let [new] = made_by(place, region, &restore).await?.try_into().ok().context("one volume")?;
    assert_eq!(attached(&new), Some((instance, device)));
    assert_eq!(attached(&volume(place, region, &old).await?), None, "kept, and detached");
    documented::shows("replaced", &report.mail.text)?;
    let safety = report.document["volumes"][0]["safetySnapshotId"].as_str().context("a snapshot of it")?;
    let snapshots = snapshots_of(place, region, &old).await?;
    assert!(snapshots.iter().any(|(id, _)| id == safety), "{safety}: {snapshots:?}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s1_a_restore_test_makes_volumes_and_deletes_them_and_no_other() -> Result<()> {
    let place = calm().await?;
    let region = REGIONS[6];
    let ec2 = place.ec2(region);
    let specs = ["a", "b", "c"].map(|name| VolumeSpec::new().tag("Restore", name));
    let old = fleet::make(&ec2, region, &specs).await?;
    assert!(
        place.night(&json!({ "policy": POLICY, "runId": "tested", "regions": [region] })).await?.outcome.succeeded()
    );
    let input = json!({ "region": region, "test": true, "sample": { "volumes": 2 }, "policy": POLICY });
    let (_, report) = restored(place, &input).await?;
    assert!(
        report.mail.subject.starts_with("EBS Backup RESTORE TEST PASSED: calm 111122223333"),
        "{}",
        report.mail.subject
    );
    documented::shows("test", &report.mail.text)?;
    let volumes = report.document["volumes"].as_array().context("volumes")?;
    assert!(volumes.len() == 2 && volumes.iter().all(|volume| volume["progress"] == "deleted"), "{volumes:?}");
    let left = ec2.describe_volumes().send().await?;
    let mut left: Vec<&str> = left.volumes().iter().filter_map(Volume::volume_id).collect();
    let mut old: Vec<&str> = old.iter().map(String::as_str).collect();
    left.sort_unstable();
    old.sort_unstable();
    assert_eq!(left, old);
    Ok(())
}
