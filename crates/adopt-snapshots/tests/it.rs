//! `adopt-snapshots` over an EC2 in memory.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::steps::adopt_snapshots::{Request, Response};
use contract::{RegionJob, SnapshotId, Tally, VolumeId};
use ec2::port::{AdoptSnapshot, ReadForeign};
use ec2::{Access, Ec2Error};
use policy::adoption::Foreign;
use policy::model::{SnapshotState, Tags};
use step_runtime::Deadline;

/// Snapshots, each with what EC2 answers when it is to be tagged.
#[derive(Default)]
struct Fake {
    snapshots: Mutex<BTreeMap<SnapshotId, Foreign>>,
    refused: BTreeMap<SnapshotId, &'static str>,
    written: Mutex<Vec<(SnapshotId, Tags)>>,
}

fn id(n: u32) -> SnapshotId {
    SnapshotId::new(format!("snap-{n:08x}")).unwrap()
}

impl Fake {
    fn with(mut self, n: u32, tags: &[(&str, &str)]) -> Self {
        let volume = VolumeId::new("vol-0123456789abcdef0").unwrap();
        let snapshot = Foreign {
            id: id(n),
            state: SnapshotState::Completed,
            description: format!("EBS-Volume-Snapshot-Backup-{volume}-202501010200{n:02}"),
            volume: Some(volume),
            tags: tags.iter().copied().collect(),
        };
        self.snapshots.get_mut().unwrap().insert(id(n), snapshot);
        self
    }

    fn refusing(mut self, n: u32, code: &'static str) -> Self {
        self.refused.insert(id(n), code);
        self
    }
}

impl ReadForeign for Fake {
    async fn bearing<T>(&self, keys: &[&str], pick: impl Fn(Foreign) -> Option<T>) -> Result<Vec<T>, Ec2Error> {
        let names =
            |key: &str| keys.iter().any(|k| k.strip_suffix('*').map_or(*k == key, |prefix| key.starts_with(prefix)));
        let snapshots = self.snapshots.lock().unwrap();
        Ok(snapshots.values().filter(|s| s.tags.iter().any(|(key, _)| names(key))).cloned().filter_map(pick).collect())
    }
}

impl AdoptSnapshot for Fake {
    async fn adopt(&self, snapshot: &SnapshotId, tags: &Tags) -> Result<(), Ec2Error> {
        if let Some(code) = self.refused.get(snapshot) {
            return Err(Ec2Error::coded(*code, "no"));
        }
        self.written.lock().unwrap().push((snapshot.clone(), tags.clone()));
        let mut snapshots = self.snapshots.lock().unwrap();
        let there = snapshots.get_mut(snapshot).unwrap();
        there.tags = there.tags.iter().chain(tags.iter()).collect();
        Ok(())
    }
}

fn job(adopt: bool, dry_run: bool) -> RegionJob {
    contract::parse::from_value(&serde_json::json!({
        "region": "eu-west-1", "runId": "tonight", "startedAt": "2026-11-23T02:00:00Z", "dryRun": dry_run, "replay": 0,
        "approvePurge": null, "adopt": adopt, "pace": {"sharePercent": 80},
        "policy": {"name": "daily", "tag": {"key": "Backup"}, "retention": {"keepDaily": 7}, "floor": 1, "adopt": true,
                   "purgeGuard": {"maxPercent": 50, "minSnapshots": 20}},
    }))
    .unwrap()
}

fn fleet() -> Fake {
    Fake::default()
        .with(1, &[("Backup", "a")])
        .with(2, &[("Backup", "b"), ("team", "shop")])
        .with(3, &[("Backup", "c"), ("ebs-backup:policy", "daily")])
        .with(4, &[("Backup", "d"), ("aws:dlm:lifecycle-policy-id", "policy-0")])
        .with(5, &[("aws:backup:source-resource", "x")])
        .with(6, &[("team", "shop")])
}

async fn step(ec2: &Arc<Fake>, job: &RegionJob, tally: Tally) -> Response {
    let access = Access::new(job, Arc::clone(ec2));
    let request = Request { job: job.clone(), tally };
    adopt_snapshots::handle(&access, request, Deadline::after(Duration::from_secs(60))).await.unwrap()
}

#[tokio::test]
async fn what_can_be_adopted_is_listed_and_nothing_is_written_unless_it_is_asked_for() {
    for job in [job(false, false), job(false, true), job(true, true)] {
        let ec2 = Arc::new(fleet());
        let answer = step(&ec2, &job, Tally::default()).await;
        let found = answer.tally.adoption.unwrap();
        assert_eq!((found.candidates.first, found.candidates.more), (vec![id(1), id(2)], 0));
        assert_eq!((found.lifecycle_manager, found.aws_backup, found.adopted), (1, 1, 0));
        assert!(!answer.more && ec2.written.lock().unwrap().is_empty(), "S9");
    }
}

#[tokio::test]
async fn s1_only_what_the_script_made_is_adopted_and_bears_our_tags_then() {
    let ec2 = Arc::new(fleet());
    let answer = step(&ec2, &job(true, false), Tally::default()).await;
    assert_eq!((answer.more, answer.tally.adoption.as_ref().unwrap().adopted), (false, 2));
    let written = ec2.written.lock().unwrap().clone();
    let tags = |run: &str| -> Tags {
        [("ebs-backup:policy", "daily"), ("ebs-backup:run", run), ("ebs-backup:volume", "vol-0123456789abcdef0")]
            .into_iter()
            .collect()
    };
    assert_eq!(written, [(id(1), tags("adopted-20250101020001")), (id(2), tags("adopted-20250101020002"))]);

    let again = step(&ec2, &job(true, false), Tally::default()).await;
    assert_eq!(again.tally.adoption.unwrap().candidates.total(), 0, "nothing is adopted twice");
}

#[tokio::test]
async fn one_that_cannot_be_adopted_does_not_hold_up_the_others_and_a_throttled_one_comes_again() {
    let ec2 = Arc::new(fleet().refusing(1, "UnauthorizedOperation"));
    let answer = step(&ec2, &job(true, false), Tally::default()).await;
    let found = answer.tally.adoption.unwrap();
    assert_eq!(
        (answer.more, found.adopted, found.failed, found.error.as_deref()),
        (false, 1, 1, Some("UnauthorizedOperation"))
    );

    let ec2 = Arc::new(fleet().refusing(2, "RequestLimitExceeded"));
    let mut tally = Tally::default();
    let mut rounds = 0;
    loop {
        let answer = step(&ec2, &job(true, false), tally).await;
        tally = answer.tally;
        rounds += 1;
        if !answer.more {
            break;
        }
    }
    let found = tally.adoption.unwrap();
    assert_eq!((rounds, found.adopted, found.failed), (21, 1, 1), "and not for ever");
}
