//! Nights to report on, for the tests.

use contract::job::RegionJob;
use contract::steps::notify::{MapFailure, Request, Results};
use contract::tally::{AdviceNote, KeepKind, PurgeHeld, VolumeCounts};
use contract::{PlanId, SnapshotId, Tally, VolumeId};
use serde_json::{Value, json};

pub const EXECUTION: &str = "arn:aws:states:eu-west-1:111122223333:execution:ebs-backup:daily-2026-11-23";
pub const REGIONS: [&str; 6] = ["ap-south-1", "eu-central-1", "eu-west-1", "eu-west-2", "us-east-1", "us-west-2"];

pub fn job(region: &str) -> RegionJob {
    serde_json::from_value(json!({
        "region": region,
        "runId": "daily-2026-11-23T02:00:00Z",
        "startedAt": "2026-11-23T02:00:07Z",
        "dryRun": false,
        "replay": 0,
        "approvePurge": null,
        "policy": {
            "name": "daily",
            "tag": { "key": "Backup", "value": null },
            "retention": { "keepDays": 7, "keepLast": 3 },
            "floor": 1,
            "purgeGuard": { "maxPercent": 50, "minSnapshots": 20 },
        },
        "pace": { "sharePercent": 80 },
    }))
    .unwrap()
}

pub fn jobs(regions: &[&str]) -> Vec<RegionJob> {
    regions.iter().map(|region| job(region)).collect()
}

pub fn succeeded(region: &str, tally: &Value) -> Value {
    json!({ "region": region, "outcome": "succeeded", "tally": tally })
}

pub fn failed(region: &str, error: &str, message: &str) -> Value {
    let cause = json!({ "errorType": error, "errorMessage": message }).to_string();
    json!({ "region": region, "outcome": "failed", "error": error, "cause": cause, "tally": {} })
}

pub fn request(jobs: Vec<RegionJob>, results: Vec<Value>) -> Request {
    Request { jobs, results: Results::Regions(results), execution_arn: EXECUTION.to_owned() }
}

fn volume(n: u64) -> VolumeId {
    VolumeId::new(format!("vol-{n:017x}")).unwrap()
}

fn snapshot(n: u64) -> SnapshotId {
    SnapshotId::new(format!("snap-{n:017x}")).unwrap()
}

fn backed_up(volumes: u64, deleted: u64) -> Tally {
    let mut tally = Tally {
        volumes: VolumeCounts { discovered: volumes, created: volumes, ..Default::default() },
        ..Default::default()
    };
    tally.discovered.extend((0..volumes).map(volume));
    tally.created.extend((0..volumes).map(snapshot));
    (0..deleted).for_each(|n| tally.snapshot_expired(snapshot(0x100 + n), "expired: no rule wants it (8 days old)"));
    tally.deleted.extend((0..deleted).map(|n| snapshot(0x100 + n)));
    tally.snapshots.deleted = deleted;
    tally.snapshots.managed = volumes * 4 + deleted;
    tally.snapshots.kept = volumes * 4;
    tally.kept = [(KeepKind::KeepWithin, volumes * 4), (KeepKind::KeepLast, volumes * 3)].into();
    tally
}

pub fn good() -> Request {
    let results = REGIONS.iter().map(|region| match *region {
        "eu-west-1" => succeeded(region, &json!(backed_up(10, 5))),
        "us-east-1" => succeeded(region, &json!(backed_up(2, 0))),
        _ => succeeded(region, &json!({})),
    });
    request(jobs(&REGIONS), results.collect())
}

/// A night whose policy asks for advice, and two regions have volumes of older types.
pub fn advised() -> Request {
    let mut old = backed_up(5, 0);
    old.volume_advised(volume(0), "gp3 3,000 IOPS 128 MiB/s", 188, AdviceNote::SameOrBetter);
    old.volume_advised(volume(1), "gp3 10,000 IOPS 500 MiB/s", 64_500, AdviceNote::OtherLatency);
    (2..5).for_each(|n| old.volume_advised(volume(n), "gp3 3,000 IOPS 250 MiB/s", 1_500, AdviceNote::SameOrBetter));
    let mut magnetic = backed_up(3, 0);
    magnetic.volume_advised(volume(0), "gp3 3,000 IOPS 125 MiB/s", -372, AdviceNote::Faster);
    magnetic.volume_advised(volume(1), "sc1", 437, AdviceNote::Cold);
    let mut jobs = jobs(&["eu-west-1", "us-east-1", "us-west-2"]);
    jobs.iter_mut().for_each(|job| job.policy.advice = true);
    let results = vec![
        succeeded("eu-west-1", &json!(old)),
        succeeded("us-east-1", &json!(magnetic)),
        succeeded("us-west-2", &json!(backed_up(1, 0))),
    ];
    request(jobs, results)
}

pub fn idle() -> Request {
    request(jobs(&REGIONS), REGIONS.iter().map(|region| succeeded(region, &json!({}))).collect())
}

/// A region whose quota of snapshots was used up half way.
fn full_region() -> Tally {
    let mut incomplete = backed_up(4, 0);
    incomplete.volumes.discovered = 12;
    incomplete.volumes.existing = 1;
    incomplete.volumes.skipped = 1;
    incomplete.skipped.push(volume(0x70));
    incomplete.creates_stopped = Some("SnapshotLimitExceeded".to_owned());
    for n in 0..5 {
        incomplete.volume_failed(
            volume(0x60 + n),
            "SnapshotLimitExceeded",
            "Maximum allowed snapshot count has been reached",
        );
    }
    incomplete.volume_failed(volume(0x69), "CustomerKeyHasBeenRevoked", "The key of the volume\nis not there any more");
    incomplete
}

pub fn incomplete() -> Request {
    let results =
        vec![succeeded("eu-central-1", &json!(full_region())), succeeded("eu-west-1", &json!(backed_up(2, 0)))];
    request(jobs(&["eu-central-1", "eu-west-1"]), results)
}

/// Failures of all kinds, a held purge, and snapshots that cannot be deleted.
pub fn bad() -> Request {
    let mut throttled = backed_up(9, 0);
    throttled.volumes = VolumeCounts { discovered: 500, created: 9, failed: 1, ..Default::default() };
    throttled.volume_failed(
        volume(0x50),
        "InvalidState",
        "The volume is in a state that does not allow this operation",
    );
    throttled.volumes.failed = 1;
    let incomplete = full_region();
    let mut held = backed_up(3, 0);
    held.snapshots.managed = 40;
    held.snapshots.kept = 10;
    (0..30).for_each(|n| held.snapshot_expired(snapshot(0x200 + n), "expired: no rule wants it (9 days old)"));
    held.purge_held =
        Some(PurgeHeld { deletions: 30, managed: 40, plan: PlanId::new("20261123020007-0123456789abcdef").unwrap() });
    let mut overdue = backed_up(2, 1);
    overdue.snapshot_overdue(snapshot(0x300), "InvalidSnapshot.InUse: in use by ami-0123456789abcdef0");
    overdue.snapshot_overdue(snapshot(0x301), "locked until 2027-01-01");
    let cause =
        r#"{"errorType":"Ec2Throttled","errorMessage":"DescribeSnapshots: RequestLimitExceeded: Request limit exce"#;
    let results = vec![
        json!({ "region": "ap-south-1", "outcome": "failed", "error": "Ec2Throttled", "cause": cause, "tally": throttled }),
        succeeded("eu-central-1", &json!(incomplete)),
        succeeded("eu-west-1", &json!(held)),
        succeeded("eu-west-2", &json!(overdue)),
        failed(
            "us-east-1",
            "UnauthorizedOperation",
            "You are not authorized to perform: ec2:DescribeVolumes with an explicit deny",
        ),
        Value::Null,
        succeeded("sa-east-1", &json!({})),
    ];
    request(jobs(&[&REGIONS[..], &["sa-east-1"]].concat()), results)
}

pub fn dry_run() -> Request {
    let mut tally = backed_up(3, 0);
    tally.volumes = VolumeCounts { discovered: 3, planned: 3, ..Default::default() };
    tally.created = Default::default();
    tally.snapshot_expired(snapshot(0x100), "expired: no rule wants it (8 days old)");
    let mut held = tally.clone();
    held.purge_held =
        Some(PurgeHeld { deletions: 30, managed: 40, plan: PlanId::new("20261123020007-0123456789abcdef").unwrap() });
    let mut jobs = jobs(&["eu-west-1", "eu-west-2", "us-east-1"]);
    jobs.iter_mut().for_each(|job| job.dry_run = true);
    let results = vec![
        succeeded("eu-west-1", &json!(tally)),
        succeeded("eu-west-2", &json!(held)),
        succeeded("us-east-1", &json!({})),
    ];
    request(jobs, results)
}

pub fn replay() -> Request {
    let mut tally = backed_up(2, 0);
    tally.volumes.discovered = 12;
    tally.volumes.existing = 10;
    let mut jobs = jobs(&["ap-south-1", "us-east-1"]);
    jobs.iter_mut().for_each(|job| job.replay = 1);
    request(jobs, vec![succeeded("ap-south-1", &json!(tally)), succeeded("us-east-1", &json!({}))])
}

pub fn lost_map() -> Request {
    let cause = "the results of the regions together are larger than a state may pass on";
    let results = Results::Failed(MapFailure { error: "States.DataLimitExceeded".to_owned(), cause: cause.to_owned() });
    Request { jobs: jobs(&REGIONS), results, execution_arn: EXECUTION.to_owned() }
}

/// Every list full, every text as long and as hard to escape as it can be.
pub fn worst_tally() -> Tally {
    let ugly = "\u{1}\"".repeat(400);
    let mut tally = Tally::default();
    for n in 0..100 {
        tally.discovered.push(volume(n));
        tally.created.push(snapshot(n));
        tally.deleted.push(snapshot(n));
        tally.skipped.push(volume(n));
        tally.volume_failed(volume(n), &format!("{n}{}", "E".repeat(200)), &ugly);
        tally.snapshot_expired(snapshot(n), &ugly);
        tally.snapshot_overdue(snapshot(n), &ugly);
        tally.volume_advised(volume(n), "gp3 80,000 IOPS 2,000 MiB/s", 999_999, AdviceNote::SameOrBetter);
    }
    tally.kept = [KeepKind::KeepWithin, KeepKind::KeepLast, KeepKind::Floor, KeepKind::Hold, KeepKind::Unattributed]
        .map(|kind| (kind, 100_000))
        .into();
    tally.purge_held = Some(PurgeHeld {
        deletions: 100_000,
        managed: 100_000,
        plan: PlanId::new("20261123020007-0123456789abcdef").unwrap(),
    });
    tally.creates_stopped = Some("SnapshotLimitExceeded".to_owned());
    tally.volumes =
        VolumeCounts { discovered: 200_100, created: 100_000, existing: 100_000, failed: 100, ..Default::default() };
    tally
}
