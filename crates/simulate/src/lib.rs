//! What a policy makes of time: nights on a virtual clock, judged by the same code that judges real snapshots.
//!
//! [`play`] makes one snapshot a night and purges after each, as a run does; [`judge`] gives the verdicts on moments that
//! somebody has listed, so that they can be held against another tool. Nothing here decides anything: the decisions are
//! those of the crate `policy`.

pub mod calendar;
pub mod picture;
pub mod points;
pub mod policy_file;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use contract::{JobPolicy, RunId, SnapshotId, VolumeId};
use policy::model::{Snapshot, SnapshotState};
use policy::plan::{Plan, Volumes};
use policy::verdict::Decision;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Which nights are played.
#[derive(Debug, Clone, Copy)]
pub struct Nights {
    /// When the last of them is.
    pub last: DateTime<Utc>,
    /// How many days back the first is.
    pub days: u32,
    /// The time from one run to the next.
    pub every: TimeDelta,
    /// The share of the runs that do not happen, from 0 to 1.
    pub missed: f64,
    /// Which of them those are.
    pub seed: u64,
}

/// A moment that was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// When the snapshot was started.
    pub started_at: DateTime<Utc>,
    /// `keep` or `delete`.
    pub verdict: Word,
    /// Why, in the words that reports use.
    pub reasons: Vec<String>,
}

/// A verdict in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// It stays.
    Keep,
    /// It goes.
    Delete,
}

/// What is left after the last night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// When the last night was.
    pub now: DateTime<Utc>,
    /// Runs that happened.
    pub made: usize,
    /// Runs that did not.
    pub missed: usize,
    /// The most snapshots that there were at once, before a purge.
    pub most: usize,
    /// What is kept, newest first.
    pub kept: Vec<Point>,
    /// The longest time between two restore points that are kept, the newer first; none where there are fewer than two.
    pub longest_gap: Option<Gap>,
}

/// A time without a restore point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The older end.
    pub from: DateTime<Utc>,
    /// The newer end.
    pub to: DateTime<Utc>,
}

impl Gap {
    /// How long it is, in days.
    #[must_use]
    pub fn days(&self) -> f64 {
        (self.to - self.from).as_seconds_f64() / 86_400.0
    }
}

/// Plays the nights of one volume under `policy`: a snapshot each, completed by the time of the purge that follows.
///
/// # Errors
/// When there is no night to play.
pub fn play(policy: &JobPolicy, nights: Nights) -> Result<Outcome> {
    anyhow::ensure!(nights.every > TimeDelta::zero(), "--every: must be longer than nothing");
    let mut chance = ChaCha8Rng::seed_from_u64(nights.seed);
    // The runs are counted back from the last one, so that it is one of them.
    let runs = TimeDelta::days(nights.days.into()).num_seconds() / nights.every.num_seconds().max(1);
    let mut at = nights.last - nights.every * i32::try_from(runs)?;
    let mut there: Vec<Snapshot> = Vec::new();
    let (mut made, mut missed, mut most) = (0, 0, 0);
    let mut last = None;
    while at <= nights.last {
        if chance.random_bool(nights.missed.clamp(0.0, 1.0)) {
            missed += 1;
        } else {
            there.push(snapshot(made, at)?);
            made += 1;
            most = most.max(there.len());
            let plan = Plan::new(&there, policy, at, &Volumes::default());
            let gone: Vec<SnapshotId> = plan.deletions().map(|(id, _)| id.clone()).collect();
            there.retain(|snapshot| !gone.contains(&snapshot.id));
            last = Some(at);
        }
        at += nights.every;
    }
    let now = last.context("no run happened at all: --miss leaves none, or --days is 0")?;
    let mut kept = verdicts(policy, &there, now);
    kept.sort_by_key(|point| std::cmp::Reverse(point.started_at));
    let longest_gap = longest_gap(&kept);
    Ok(Outcome { now, made, missed, most, kept, longest_gap })
}

/// The verdicts on snapshots of one volume that were started at these moments, in the order in which they were given.
///
/// # Errors
/// When there are more moments than there are ids for.
pub fn judge(policy: &JobPolicy, moments: &[DateTime<Utc>], now: DateTime<Utc>) -> Result<Vec<Point>> {
    let snapshots: Vec<Snapshot> = moments.iter().enumerate().map(|(n, at)| snapshot(n, *at)).collect::<Result<_>>()?;
    Ok(verdicts(policy, &snapshots, now))
}

fn verdicts(policy: &JobPolicy, snapshots: &[Snapshot], now: DateTime<Utc>) -> Vec<Point> {
    let plan = Plan::new(snapshots, policy, now, &Volumes::default());
    let point = |snapshot: &Snapshot| {
        let verdict = plan.verdicts.iter().find(|verdict| verdict.snapshot_id == snapshot.id)?;
        let (word, reasons) = match &verdict.decision {
            Decision::Keep(reasons) => (Word::Keep, reasons.iter().map(ToString::to_string).collect()),
            Decision::Delete(reason) => (Word::Delete, vec![reason.to_string()]),
            Decision::Withheld(why, reason) => (Word::Keep, vec![format!("{why}; {reason}")]),
        };
        Some(Point { started_at: snapshot.started_at, verdict: word, reasons })
    };
    snapshots.iter().filter_map(point).collect()
}

fn snapshot(n: usize, at: DateTime<Utc>) -> Result<Snapshot> {
    Ok(Snapshot {
        id: SnapshotId::new(format!("snap-{n:017x}"))?,
        state: SnapshotState::Completed,
        started_at: at,
        volume: Some(VolumeId::new("vol-00000000")?),
        run: Some(RunId::new(format!("run-{n}"))?),
        hold: false,
        own_retention: None,
    })
}

fn longest_gap(newest_first: &[Point]) -> Option<Gap> {
    let gaps = newest_first.windows(2).map(|pair| Gap { from: pair[1].started_at, to: pair[0].started_at });
    gaps.max_by_key(|gap| gap.to - gap.from)
}
