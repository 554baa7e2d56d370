//! The largest nights, in virtual time, held against the limits of AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use contract::limits::{HISTORY_EVENTS, PAYLOAD_BYTES, SNAPSHOTS_PER_PAGE, VOLUMES_PER_PAGE};
use contract::selector::{POLICY_TAG, RUN_TAG, VOLUME_TAG};
use ec2_sim::bucket::Quota;
use ec2_sim::geography::REGIONS;
use ec2_sim::journal::Effect;
use ec2_sim::model::{self, Seed, Snapshot, Volume};
use ec2_sim::{Behaviour, Sim};
use serde::Serialize;
use serde_json::json;

use crate::asl::StateMachine;
use crate::campaign::{in_virtual_time, run_id, settings};
use crate::deployed;
use crate::lambdas::Lambdas;
use crate::machine::{self, Execution};
use crate::schedule::{ACCOUNT, POLICY, TAG};

/// How large a night is.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// Regions.
    pub regions: usize,
    /// Tagged volumes in each.
    pub volumes: usize,
    /// Expired snapshots in each.
    pub expired: usize,
}

/// What a night took.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// How large it was.
    pub shape: Shape,
    /// How long it took, in virtual seconds.
    pub seconds: f64,
    /// What EC2's buckets allow at the very best: what is beyond what they hold, at their refill, creates and then deletes.
    pub bound_seconds: f64,
    /// The same at the share of the buckets that the configuration takes.
    pub share_bound_seconds: f64,
    /// Calls to EC2.
    pub calls: u64,
    /// The least number of calls that such a night can be done with.
    pub least_calls: u64,
    /// Of the calls, throttled.
    pub throttled: u64,
    /// The most events in the history of one execution.
    pub events: u64,
    /// State transitions.
    pub transitions: u64,
    /// The largest payload, in bytes.
    pub payload_bytes: usize,
    /// The longest invocation of each function, in seconds.
    pub longest_seconds: BTreeMap<String, f64>,
    /// Invocations.
    pub invocations: u64,
    /// Memory times time, as Lambda bills it.
    pub gib_seconds: f64,
    /// Volumes without exactly one snapshot of the run.
    pub volumes_wrong: usize,
    /// Expired snapshots that stay for another night, as they were still the newest completed ones of their volumes when the
    /// purge was planned: the run's own were not listed as completed yet (S2).
    pub kept_as_newest: usize,
    /// Other expired snapshots that are not deleted exactly once, and deleted ones that were not expired.
    pub deletions_wrong: usize,
    /// How long it took to play, in real seconds.
    pub played_in_seconds: f64,
}

impl Outcome {
    /// Holds it against the limits.
    ///
    /// # Errors
    /// Names the first that is not kept.
    pub fn check(&self) -> Result<()> {
        ensure!(self.volumes_wrong == 0, "{} volumes do not have exactly one snapshot", self.volumes_wrong);
        ensure!(self.deletions_wrong == 0, "{} deletions are wrong", self.deletions_wrong);
        ensure!(self.payload_bytes <= PAYLOAD_BYTES, "a payload of {} bytes", self.payload_bytes);
        ensure!(self.events <= u64::from(HISTORY_EVENTS), "{} events in one execution", self.events);
        for (stem, seconds) in &self.longest_seconds {
            let most = deployed::sizes().get(stem).map_or(0, |size| size.time_out_seconds);
            let inside = Duration::from_secs_f64(*seconds) < Duration::from_secs(most);
            ensure!(inside, "{stem} takes {seconds:.0} s of {most} s");
        }
        Ok(())
    }
}

/// A night without a fault.
const START: &str = "2026-11-23T02:00:00Z";

fn expired_id(n: usize) -> String {
    format!("snap-{:017x}", 0xe_0000_0000_usize + n)
}

fn seed(shape: Shape, start: chrono::DateTime<chrono::Utc>) -> Seed {
    let volume_id = |n: usize| format!("vol-{n:017x}");
    let volumes = (0..shape.volumes).map(|n| Volume::new(volume_id(n)).tag(TAG, "").tag("team", "database"));
    let snapshots = (0..shape.expired).map(|n| {
        let volume = volume_id(n % shape.volumes.max(1));
        Snapshot::new(expired_id(n), &volume, start - TimeDelta::days(10))
            .tag("Name", &format!("{volume}-20261113020000"))
            .tag(TAG, &format!("{volume}-20261113020000"))
            .tag(POLICY_TAG, POLICY)
            .tag(RUN_TAG, &format!("daily-old-{}", n / shape.volumes.max(1)))
            .tag(VOLUME_TAG, &volume)
            .tag("team", "database")
    });
    Seed { volumes: volumes.collect(), snapshots: snapshots.collect(), ..Seed::default() }
}

/// Plays a night of that size.
///
/// # Errors
/// When the run is not green.
pub fn play(shape: Shape) -> Result<Outcome> {
    in_virtual_time(play_it(shape))
}

async fn play_it(shape: Shape) -> Result<Outcome> {
    let began = Instant::now();
    let start = START.parse()?;
    // So many snapshots need a higher quota than the default; accounts of that size have one.
    let sim = Arc::new(Sim::new(start, Behaviour { snapshots_per_region: u32::MAX, ..Behaviour::default() }));
    let names: Vec<&str> = REGIONS.iter().take(shape.regions).map(|(name, _)| *name).collect();
    for name in &names {
        sim.opt_in(ACCOUNT, name);
        sim.seed(ACCOUNT, name, seed(shape, start));
    }
    let config = json!({
        "policies": [{
            "name": POLICY,
            "tag": { "key": TAG },
            "retention": { "keepDays": 7 },
            "regions": { "include": names },
        }],
    });
    let config: contract::Config = contract::parse::from_value(&config)?;
    let share = share(config.pace);
    let lambdas = Lambdas::new(&sim, ACCOUNT, config, settings()?, 0);
    let machine: StateMachine = serde_json::from_str(crate::STATE_MACHINE)?;
    let input = json!({ "runId": run_id(start) });
    let mut execution = Execution::new(&machine, "night", start, input);
    let ended = machine::run(&machine, &lambdas, 0, &mut execution).await;
    let seconds = (sim.clock().now() - start).as_seconds_f64();
    ensure!(ended.is_ok(), "the run is not green: {ended:?}");

    let (mut created, mut deleted) = (BTreeMap::new(), BTreeMap::new());
    let (calls, throttled) = sim.read_journal(|journal| {
        for entry in journal {
            match &entry.effect {
                Some(Effect::Created { volume, .. }) => {
                    *created.entry((entry.region.clone(), volume.clone())).or_insert(0) += 1;
                }
                Some(Effect::Deleted { snapshot }) => {
                    *deleted.entry((entry.region.clone(), snapshot.clone())).or_insert(0) += 1;
                }
                _ => {}
            }
        }
        let throttled = journal.iter().filter(|entry| entry.refused.as_deref() == Some("RequestLimitExceeded"));
        (journal.len() as u64, throttled.count() as u64)
    });
    let expired: BTreeSet<String> = (0..shape.expired).map(expired_id).collect();
    let kept_as_newest = names.iter().map(|region| kept_as_newest(&sim, region, &expired)).sum::<usize>();
    let made_once = created.values().filter(|times| **times == 1).count();
    let deleted_once = deleted.iter().filter(|((_, id), times)| **times == 1 && expired.contains(id)).count();
    let used = lambdas.used();
    let bounds =
        |share: f64| bound(shape.volumes, "CreateSnapshot", share) + bound(shape.expired, "DeleteSnapshot", share);
    Ok(Outcome {
        shape,
        seconds,
        bound_seconds: bounds(1.0),
        share_bound_seconds: bounds(share),
        calls,
        least_calls: least_calls(shape),
        throttled,
        events: execution.counts.events,
        transitions: execution.counts.transitions,
        payload_bytes: execution.counts.payload,
        longest_seconds: used.longest,
        invocations: used.invocations,
        gib_seconds: used.gib_seconds,
        volumes_wrong: (shape.regions * shape.volumes).abs_diff(made_once) + created.len().abs_diff(made_once),
        kept_as_newest,
        deletions_wrong: (shape.regions * shape.expired).abs_diff(deleted_once + kept_as_newest)
            + deleted.len().abs_diff(deleted_once),
        played_in_seconds: began.elapsed().as_secs_f64(),
    })
}

/// How many expired snapshots of a region stay for another night because of S2: as many as had, when the purge was planned, no
/// newer one of their volume that the listing could show as completed. The plan's number binds all its pages (S8), so it may
/// be others that stay, whose turn comes last.
fn kept_as_newest(sim: &Sim, region: &str, expired: &BTreeSet<String>) -> usize {
    let planned = sim.read_journal(|journal| {
        let here = || journal.iter().filter(|entry| entry.region == region);
        let created = here().filter(|entry| entry.action == "CreateSnapshot").map(|entry| entry.at).max();
        let listed = |at| here().find(|entry| entry.action == "DescribeSnapshots" && entry.at > at);
        created.and_then(listed).map(|entry| entry.at)
    });
    let Some(planned) = planned else { return 0 };
    let behaviour = sim.behaviour();
    let snapshots = sim.snapshots(ACCOUNT, region);
    let shown = |snapshot: &Snapshot| {
        let delay = model::listing_delay(behaviour.seed, behaviour.listing_delay_ms, &snapshot.id);
        snapshot.made_at.is_none_or(|made| made + delay <= planned)
    };
    let backed_up: BTreeSet<&str> = snapshots
        .values()
        .filter(|snapshot| !expired.contains(&snapshot.id) && shown(snapshot))
        .map(|snapshot| snapshot.volume_id.as_str())
        .collect();
    let of_expired = || snapshots.values().filter(|snapshot| expired.contains(&snapshot.id));
    let newest_then = of_expired().filter(|snapshot| !backed_up.contains(snapshot.volume_id.as_str())).count();
    let left = of_expired().filter(|snapshot| snapshot.deleted_at.is_none()).count();
    left.min(newest_then)
}

/// The share of EC2's buckets that a configuration takes, as a fraction.
#[must_use]
pub fn share(pace: contract::Pace) -> f64 {
    f64::from(pace.share_percent) / 100.0
}

/// Seconds that so many calls of an API take in one region at a share of its bucket.
#[must_use]
pub fn bound(calls: usize, action: &str, share: f64) -> f64 {
    let quota = Quota::of(action, true);
    let calls = u32::try_from(calls).map_or(f64::MAX, f64::from);
    (calls - share * f64::from(quota.size)).max(0.0) / (share * f64::from(quota.refill))
}

/// The calls without which nobody can do it: the regions, each page of volumes and of snapshots once, each create and each
/// delete once.
#[must_use]
pub fn least_calls(shape: Shape) -> u64 {
    let pages = |count: usize, size: i32| count.div_ceil(usize::try_from(size).unwrap_or(1)).max(1);
    let region = pages(shape.volumes, VOLUMES_PER_PAGE)
        + pages(shape.volumes + shape.expired, SNAPSHOTS_PER_PAGE)
        + shape.volumes
        + shape.expired;
    1 + (shape.regions * region) as u64
}
