//! The largest payload of every step, against the 256 KiB that Step Functions lets pass.

use contract::config::{Floor, Pace, PurgeGuard};
use contract::limits::{
    CAUSE_CHARS, DELETIONS_PER_PAGE, JOB_BYTES, PAYLOAD_BYTES, REGIONS_PER_RUN, RESTORE_VOLUME_BYTES, TALLY_BYTES,
    VOLUMES_PER_PAGE, VOLUMES_PER_RESTORE,
};
use contract::restore::{AttachTo, INPUT_TAGS, INPUT_TAGS_BYTES, InputTags, Progress, Source, WantedVolume};
use contract::steps::notify::{self, RegionResult, Results};
use contract::steps::{
    attach_volumes, create_snapshots, delete_snapshots, find_expired, find_restore_points, list_regions, replay_gate,
    report_restore,
};
use contract::tally::{AdviceNote, BucketState, Drawn, KeepKind, PurgeHeld, Rounds, VolumeCounts};
use contract::{
    Device, InstanceId, JobPolicy, KmsKeyId, Orphans, PlanId, PolicyName, Region, RegionJob, RestoreId, RestoreJob,
    RestoreVolume, Retention, RunId, SnapshotId, TagKey, TagSelector, TagValue, Tally, VolumeId, VolumeType, Zone,
};
use serde::Serialize;

/// What a payload may take at most, per cent of the limit: the rest is for what Step Functions wraps around it.
const MARGIN_PERCENT: usize = 96;

fn bytes(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).unwrap().len()
}

fn fits(what: &str, value: &impl Serialize) {
    let size = bytes(value);
    assert!(size * 100 <= PAYLOAD_BYTES * MARGIN_PERCENT, "{what}: {size} bytes of {PAYLOAD_BYTES}");
}

fn volume(n: usize) -> VolumeId {
    VolumeId::new(format!("vol-{n:017x}")).unwrap()
}

fn snapshot(n: usize) -> SnapshotId {
    SnapshotId::new(format!("snap-{n:017x}")).unwrap()
}

/// All rules, each as long as it can be.
fn worst_retention() -> Retention {
    "keepLast=1000 keepWithin=98y11m4w6d23h keepHourly=1000 keepDaily=1000 keepWeekly=1000 keepMonthly=1000 keepYearly=1000"
        .parse()
        .unwrap()
}

/// A job with every text as long as it can be.
fn worst_job(n: usize) -> RegionJob {
    RegionJob {
        region: Region::new(format!("{}-central-{n:02}", "x".repeat(21))).unwrap(),
        run_id: RunId::new("r".repeat(256)).unwrap(),
        started_at: "2026-11-23T02:00:07.123456789Z".parse().unwrap(),
        dry_run: false,
        adopt: false,
        replay: u32::MAX,
        approve_purge: Some(PlanId::new("20261123020007-0123456789abcdef").unwrap()),
        policy: JobPolicy {
            name: PolicyName::new("p".repeat(32)).unwrap(),
            tag: TagSelector {
                key: TagKey::new("k".repeat(128)).unwrap(),
                value: Some(TagValue::new("v".repeat(256)).unwrap()),
            },
            retention: worst_retention(),
            floor: Floor::new(100).unwrap(),
            purge_guard: PurgeGuard { max_percent: 100, min_snapshots: u32::MAX },
            minimum: Some(worst_retention()),
            orphans: Orphans::KeepWithin("98y11m4w6d23h".parse().unwrap()),
            time_zone: "America/Argentina/ComodRivadavia".parse().unwrap(),
            adopt: false,
            advice: false,
        },
        pace: Pace { share_percent: 100 },
    }
}

/// The worst night: every list full, every text as long and as hard to escape as it can be.
fn worst_tally() -> Tally {
    let hard = "\u{1}\"".repeat(400);
    let mut tally = Tally::default();
    for n in 0..100 {
        tally.discovered.push(volume(n));
        tally.created.push(snapshot(n));
        tally.deleted.push(snapshot(n));
        tally.skipped.push(volume(n));
        tally.volume_failed(volume(n), &format!("{n}{}", "E".repeat(200)), &hard);
        tally.snapshot_expired(snapshot(n), &hard);
        tally.snapshot_overdue(snapshot(n), &hard);
        tally.volume_warned(volume(n), &hard);
        // The longest of its words, and more than any volume saves.
        tally.volume_advised(volume(n), "gp3 80,000 IOPS 2,000 MiB/s", 999_999, AdviceNote::SameOrBetter);
    }
    let kinds = [
        KeepKind::KeepLast,
        KeepKind::KeepWithin,
        KeepKind::KeepHourly,
        KeepKind::KeepDaily,
        KeepKind::KeepWeekly,
        KeepKind::KeepMonthly,
        KeepKind::KeepYearly,
        KeepKind::Minimum,
        KeepKind::InvalidRetention,
        KeepKind::Floor,
        KeepKind::Hold,
        KeepKind::Pending,
        KeepKind::RecentError,
        KeepKind::NotCompleted,
        KeepKind::BackupFailed,
        KeepKind::Unattributed,
        KeepKind::AfterPlan,
    ];
    tally.kept = kinds.into_iter().map(|kind| (kind, 100_000)).collect();
    tally.purge_held = Some(PurgeHeld {
        deletions: 100_000,
        managed: 100_000,
        plan: PlanId::new("20261123020007-0123456789abcdef").unwrap(),
    });
    tally.creates_stopped = Some("SnapshotLimitExceeded".to_owned());
    let many = 100_000;
    tally.volumes =
        VolumeCounts { discovered: many, created: many, existing: many, planned: many, skipped: many, failed: many };
    tally.rounds = Rounds { total: 1_000, stalled: 10, seconds: 43_200, unlisted: 6, adopting: 20 };
    for n in 0..1_000 {
        tally.adoption_failed("UnauthorizedOperation");
        tally.adoption.as_mut().unwrap().candidates.push(snapshot(n));
    }
    let adoption = tally.adoption.as_mut().unwrap();
    (adoption.adopted, adoption.lifecycle_manager, adoption.aws_backup) = (100_000, 100_000, 100_000);
    tally.advice.as_mut().unwrap().saves_cents = 99_999_900_000;
    let draught = BucketState { full_at: Some("2026-11-23T02:00:07.123Z".parse().unwrap()), cost: 8 };
    tally.drawn = Drawn { create: draught, delete: draught };
    tally
}

fn worst_jobs() -> Vec<RegionJob> {
    (0..REGIONS_PER_RUN).map(worst_job).collect()
}

fn page(ids: i32) -> usize {
    usize::try_from(ids).unwrap()
}

#[test]
fn a_job_and_a_tally_keep_to_their_budgets() {
    let (job, tally) = (bytes(&worst_job(1)), bytes(&worst_tally()));
    assert!(job <= JOB_BYTES, "a job takes {job} bytes");
    assert!(tally <= TALLY_BYTES, "a tally takes {tally} bytes");
    assert!(tally * 10 >= TALLY_BYTES * 9, "the worst tally is not the worst any more: {tally} bytes");
}

#[test]
fn the_plan_of_a_run_fits() {
    fits("list-regions", &list_regions::Response { jobs: worst_jobs() });
    fits("replay-gate", &replay_gate::Response { jobs: worst_jobs() });
}

#[test]
fn a_page_of_a_region_fits() {
    let volume_ids: Vec<_> = (0..page(VOLUMES_PER_PAGE)).map(volume).collect();
    fits(
        "create-snapshots",
        &create_snapshots::Request { job: worst_job(1), volume_ids: volume_ids.clone(), tally: worst_tally() },
    );
    fits(
        "create-snapshots' rest",
        &create_snapshots::Response { deferred: volume_ids, wait_seconds: 300, tally: worst_tally() },
    );
    let snapshot_ids: Vec<_> = (0..DELETIONS_PER_PAGE).map(snapshot).collect();
    let cursor = Some(find_expired::Cursor { after: snapshot(1), left: 100_000 });
    fits(
        "find-expired",
        &find_expired::Response { snapshot_ids: snapshot_ids.clone(), cursor, wait_seconds: 0, tally: worst_tally() },
    );
    fits("delete-snapshots", &delete_snapshots::Request { job: worst_job(1), snapshot_ids, tally: worst_tally() });
}

#[test]
fn the_results_of_all_regions_together_fit() {
    let result = |job: &RegionJob| {
        serde_json::to_value(RegionResult::Failed {
            region: job.region.clone(),
            error: "SnapshotCreationPerVolumeRateExceeded".to_owned(),
            // The cause is JSON itself: most of its quotes are escaped once more.
            cause: "\"x".repeat(CAUSE_CHARS / 2),
            tally: Box::new(worst_tally()),
        })
        .unwrap()
    };
    let jobs = worst_jobs();
    let results: Vec<_> = jobs.iter().map(result).collect();
    fits("the map's output", &results);
    let execution_arn =
        format!("arn:aws-us-gov:states:us-gov-west-1:111122223333:execution:ebs-backup:{}", "n".repeat(80));
    fits("notify", &notify::Request { jobs, results: Results::Regions(results), execution_arn });
}

/// A volume of a restore with every text as long as it can be.
fn worst_restore_volume(n: usize) -> RestoreVolume {
    let hard = "\u{1}\"".repeat(400);
    let mut worst = RestoreVolume {
        snapshot_id: snapshot(n),
        taken_at: "2026-11-23T02:00:07.123456789Z".parse().unwrap(),
        source: Some(volume(n)),
        run_id: Some(RunId::new("r".repeat(256)).unwrap()),
        wanted: WantedVolume {
            volume_type: VolumeType::Standard,
            size_gib: u32::MAX,
            iops: Some(u32::MAX),
            throughput: Some(u32::MAX),
            zone: Zone::new(format!("{}-lax-1-b-1a", "x".repeat(37))).unwrap(),
            encrypted: false,
            kms_key_id: Some(KmsKeyId::new("k".repeat(512)).unwrap()),
        },
        device: Some(Device::new(format!("/dev/{}", "x".repeat(31))).unwrap()),
        replaces: Some(volume(n)),
        progress: Progress::PuttingBack,
        volume_id: Some(volume(n)),
        available_after: Some(u32::MAX),
        unseen: 0,
        safety_snapshot_id: Some(snapshot(n)),
        failure: None,
    };
    worst.note(&hard, &hard);
    worst
}

#[test]
fn the_largest_restore_fits() {
    let value = "v".repeat(INPUT_TAGS_BYTES / INPUT_TAGS - 60);
    let tags = (0..INPUT_TAGS).map(|n| (format!("{n}{}", "k".repeat(50)), value[..value.len().min(240)].to_owned()));
    let job = RestoreJob {
        region: Region::new(format!("{}-central-01", "x".repeat(21))).unwrap(),
        restore_id: RestoreId::new("r".repeat(80)).unwrap(),
        started_at: "2026-11-23T02:00:07.123456789Z".parse().unwrap(),
        dry_run: false,
        test: false,
        source: Source::SnapshotId(snapshot(1)),
        at: Some("2026-11-23T02:00:07.123456789Z".parse().unwrap()),
        attach: Some(AttachTo { instance_id: InstanceId::new("i-0123456789abcdef0").unwrap() }),
        replace: false,
        initialization_rate_mibps: Some(300),
        tags: InputTags::new(tags.collect()).unwrap(),
        backup: false,
        left_out: (0..VOLUMES_PER_RESTORE).map(volume).collect(),
        pace: Pace { share_percent: 100 },
    };
    assert!(bytes(&job.tags) * 10 >= INPUT_TAGS_BYTES * 7, "the worst tags are not the worst any more");
    let one = bytes(&worst_restore_volume(1));
    assert!(one <= RESTORE_VOLUME_BYTES && one * 10 >= RESTORE_VOLUME_BYTES * 8, "a volume takes {one} bytes");
    let volumes: Vec<_> = (0..VOLUMES_PER_RESTORE).map(worst_restore_volume).collect();
    fits("find-restore-points", &find_restore_points::Response { job: job.clone(), volumes: volumes.clone() });
    fits("attach-volumes", &attach_volumes::Request { job: job.clone(), volumes: volumes.clone(), rounds: u32::MAX });
    let stopped = Some(report_restore::Stopped { error: "E".repeat(80), cause: "\"x".repeat(CAUSE_CHARS / 2) });
    let execution_arn =
        format!("arn:aws-us-gov:states:us-gov-west-1:111122223333:execution:ebs-backup-restore:{}", "n".repeat(80));
    fits("report-restore", &report_restore::Request { job, volumes, stopped, execution_arn });
}
