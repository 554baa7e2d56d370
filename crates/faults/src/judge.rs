//! What must hold after any schedule, in words of its own: nothing of `policy` is used here.
//!
//! Everything is read from EC2's journal and from the lives of its volumes and snapshots, and then compared with what the
//! reports say.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use contract::errors::VOLUMES_UNACCOUNTED;
use contract::selector::{EXCLUDE_TAG, KEEP_TAG, POLICY_TAG, RETENTION_TAG, RUN_TAG, VOLUME_TAG};
use ec2_sim::journal::{Effect, Entry};
use ec2_sim::model::{Snapshot, Volume};
use serde_json::Value;

use crate::campaign::{Played, Run, run_id};
use crate::schedule::{ACCOUNT, Change, INVALID_RETENTION, POLICY, Schedule, TAG};

/// How long before a deletion a snapshot was looked at, at most: a hold that is younger may have been overlooked.
const LOOK: TimeDelta = TimeDelta::minutes(15);
/// How long before a deletion its plan was made, at most, in a region as small as those of a schedule.
const PLANNED: TimeDelta = TimeDelta::minutes(3);
/// Up to this delay of listings a run never makes a twin: the delay and the age of a look-up, ten seconds, are together no
/// longer than EC2 refuses a second snapshot of a volume.
const LISTED_IN_TIME_MS: u32 = 5_000;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The invariant's number, or what else does not hold.
    pub rule: &'static str,
    /// Where and what.
    pub what: String,
}

/// Holds a schedule against all of it.
#[must_use]
pub fn all(played: &Played) -> Vec<Fault> {
    let mut judge = Judge::new(played);
    judge.deletions();
    judge.adoptions();
    judge.creations();
    judge.twins();
    judge.dry_runs();
    judge.nights();
    judge.faults
}

struct Judge<'a> {
    played: &'a Played,
    journal: Vec<Entry>,
    regions: BTreeMap<&'a str, Lives>,
    faults: Vec<Fault>,
}

/// All that ever was in a region.
struct Lives {
    volumes: BTreeMap<String, Volume>,
    snapshots: BTreeMap<String, Snapshot>,
}

/// What the policy says, read once more.
struct Rules {
    keep_days: Option<i64>,
    keep_last: Option<usize>,
    keep_daily: Option<usize>,
    orphans_days: Option<i64>,
    floor: usize,
    max_percent: usize,
    min_snapshots: usize,
}

/// The volume that a snapshot of ours is of; none when it is not ours, or its tag and EC2 do not agree.
fn of_volume(snapshot: &Snapshot) -> Option<&str> {
    let ours = snapshot.owner == ACCOUNT && snapshot.tag_value(POLICY_TAG) == Some(POLICY);
    snapshot.tag_value(VOLUME_TAG).filter(|volume| ours && *volume == snapshot.volume_id)
}

fn selected(volume: &Volume) -> bool {
    let has = |key: &str| volume.tags.iter().any(|(k, _)| k == key);
    has(TAG) && !has(EXCLUDE_TAG) && ["available", "in-use"].contains(&volume.state.as_str())
}

impl<'a> Judge<'a> {
    fn new(played: &'a Played) -> Self {
        let lives = |region: &str| Lives {
            volumes: played.sim.volumes(ACCOUNT, region),
            snapshots: played.sim.snapshots(ACCOUNT, region),
        };
        let regions = played.schedule.fleet.iter().map(|(region, _)| (region.as_str(), lives(region))).collect();
        Self { played, journal: played.sim.journal(), regions, faults: Vec::new() }
    }

    fn find(&mut self, holds: bool, rule: &'static str, what: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(Fault { rule, what: what() });
        }
    }

    fn rules(&self) -> Rules {
        let policy = &self.played.schedule.config["policies"][0];
        let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        Rules {
            keep_days: policy["retention"]["keepDays"].as_i64(),
            keep_last: number(&policy["retention"]["keepLast"]),
            keep_daily: number(&policy["retention"]["keepDaily"]),
            orphans_days: policy["orphans"]["keepWithin"]
                .as_str()
                .and_then(|span| span.strip_suffix('d')?.parse().ok()),
            floor: number(&policy["floor"]).unwrap_or(1),
            max_percent: number(&policy["purgeGuard"]["maxPercent"]).unwrap_or(50),
            min_snapshots: number(&policy["purgeGuard"]["minSnapshots"]).unwrap_or(20),
        }
    }

    /// When a snapshot was held, if it was.
    fn held_since(&self, region: &str, snapshot: &Snapshot) -> Option<DateTime<Utc>> {
        let later = self.played.done.iter().find_map(|(at, change)| match change {
            Change::Hold(r, id) if r == region && *id == snapshot.id => Some(*at),
            _ => None,
        });
        let held = snapshot.tag_value(KEEP_TAG).is_some();
        later.or_else(|| held.then_some(DateTime::UNIX_EPOCH))
    }

    /// The night that a moment is in.
    fn night(&self, at: DateTime<Utc>) -> usize {
        let begins = |n: &usize| self.played.nights[*n].iter().map(|run| run.began).min();
        (0..self.played.nights.len()).rev().find(|n| begins(n).is_some_and(|began| began <= at)).unwrap_or_default()
    }

    fn run_of(&self, night: usize) -> String {
        run_id(Schedule::night_begins(self.played.schedule.start, night))
    }

    /// S1, S2, S3, S4, S12: each deletion on its own.
    fn deletions(&mut self) {
        let rules = self.rules();
        for entry in self.journal.clone() {
            let Some(Effect::Deleted { snapshot }) = &entry.effect else { continue };
            let Some(lives) = self.regions.get(entry.region.as_str()) else { continue };
            let gone = lives.snapshots[snapshot].clone();
            let at = entry.at;
            let what = |why: &str| format!("call {}: {} {}: {why}", entry.number, entry.region, gone.id);

            let Some(volume) = of_volume(&gone) else {
                self.faults.push(Fault { rule: "S1", what: what("it is not ours") });
                continue;
            };
            let held = self.held_since(&entry.region, &gone);
            // What was adopted later was nobody's then, though it bears our tags now.
            let ours = |other: &Snapshot| {
                let adopts = |call: &&Entry| {
                    let of_it = call.region == entry.region && call.resource == other.id;
                    of_it && call.action == "CreateTags" && call.effect.is_some()
                };
                let adopted = self.journal.iter().find(adopts);
                adopted.is_none_or(|adopted| adopted.at <= at)
            };
            let newer = |other: &Snapshot| (other.started_at, &other.id) > (gone.started_at, &gone.id);
            let newest = !lives
                .snapshots
                .values()
                .any(|other| of_volume(other) == Some(volume) && ours(other) && other.is_backup(at) && newer(other));
            let state = gone.state(at);
            // Its place among those that were there when this pass began: what went a moment before it counts too.
            let passes = self.played.nights.iter().flatten().map(|run| run.began);
            let began = passes.filter(|began| *began <= at).max().unwrap_or(at);
            let runs: BTreeSet<Option<&str>> = lives
                .snapshots
                .values()
                .filter(|other| of_volume(other) == Some(volume) && ours(other) && newer(other))
                .filter(|other| other.state(at) == "completed" && other.created_at <= at)
                .filter(|other| other.deleted_at.is_none_or(|deleted| began <= deleted))
                .map(|other| other.tag_value(RUN_TAG))
                .collect();
            let points: BTreeSet<DateTime<Utc>> = lives
                .snapshots
                .values()
                .filter(|other| of_volume(other) == Some(volume) && ours(other) && newer(other))
                .filter(|other| other.state(at) == "completed" && other.created_at <= at)
                .filter(|other| other.deleted_at.is_none_or(|deleted| began <= deleted))
                .map(|other| other.started_at)
                .collect();
            let twin = gone.tag_value(RUN_TAG).is_some() && runs.contains(&gone.tag_value(RUN_TAG));
            let rank = runs.len() + 1;
            let now = self.played.nights.iter().flatten().map(|run| run.started_at).filter(|start| *start <= at).max();
            let age = now.unwrap_or(at) - gone.started_at;
            let gone_volume =
                lives.volumes.get(volume).is_none_or(|v| v.deleted_at.is_some_and(|deleted| deleted < at));
            // Of a volume that is gone the newest, too, goes one day; until then nothing is different.
            let newest_age = now.unwrap_or(at) - points.iter().copied().chain([gone.started_at]).max().unwrap_or(at);
            let orphaned = gone_volume && rules.orphans_days.is_some_and(|days| newest_age >= TimeDelta::days(days));
            let day = gone.started_at.date_naive();
            let newer_days: BTreeSet<_> = points.iter().map(DateTime::date_naive).collect();
            let wanted = rules.keep_days.is_some_and(|days| age < TimeDelta::days(days))
                || rules.keep_last.is_some_and(|last| rank <= last && !orphaned)
                || rules.keep_daily.is_some_and(|n| !newer_days.contains(&day) && newer_days.len() < n && !orphaned)
                || (rank <= rules.floor && !orphaned);
            let run = self.run_of(self.night(at));
            let alive =
                lives.volumes.get(volume).filter(|v| v.deleted_at.is_none_or(|deleted| at < deleted) && selected(v));
            // That a snapshot has failed is known when a listing shows it; the plan was made a little earlier still.
            let known = TimeDelta::milliseconds(self.played.schedule.behaviour.listing_delay_ms.into()) + PLANNED;
            let backed_up = lives.snapshots.values().any(|other| {
                of_volume(other) == Some(volume)
                    && other.tag_value(RUN_TAG) == Some(run.as_str())
                    && other.exists(at)
                    && other.state(at - known) != "error"
            });
            let must_be_backed_up = alive.is_some();
            let own = lives.volumes.get(volume).and_then(|v| v.tags.iter().find(|(key, _)| key == RETENTION_TAG));
            let misread = !gone_volume && own.is_some_and(|(_, value)| value == INVALID_RETENTION);

            self.find(held.is_none_or(|since| at - since < LOOK), "S1", || what("it is held"));
            self.find(state != "pending", "S12", || what("it is pending"));
            if state == "error" {
                self.find(age > TimeDelta::days(1), "S12", || what("its error is young"));
            } else {
                self.find(!newest || orphaned, "S2", || what("it is the newest completed one"));
                self.find(twin || !wanted, "S3", || what(&format!("a rule wants it: {age} old, number {rank}")));
            }
            self.find(!misread, "S3", || what("nobody knows what retention its volume is to have"));
            self.find(backed_up || !must_be_backed_up, "S4", || what(&format!("its volume has no snapshot of {run}")));
        }
    }

    /// S1: each snapshot that was made ours, whatever became of the call.
    fn adoptions(&mut self) {
        for entry in self.journal.clone().iter().filter(|entry| entry.action == "CreateTags") {
            let snapshot =
                self.regions.get(entry.region.as_str()).and_then(|lives| lives.snapshots.get(&entry.resource));
            let of_the_script = snapshot.is_some_and(|snapshot| {
                let named = format!("EBS-Volume-Snapshot-Backup-{}-", snapshot.volume_id);
                snapshot.owner == ACCOUNT
                    && snapshot.tag_value(TAG).is_some()
                    && snapshot.description.starts_with(&named)
            });
            let ours = entry.tags.iter().all(|(key, _)| [POLICY_TAG, RUN_TAG, VOLUME_TAG].contains(&key.as_str()));
            let asked = self.played.schedule.nights.get(self.night(entry.at)).is_some_and(|night| night.adopt);
            self.find(of_the_script && ours && asked, "S1", || {
                format!("call {}: {} is adopted", entry.number, entry.resource)
            });
        }
    }

    /// S11: each create call, whatever became of it.
    fn creations(&mut self) {
        for entry in self.journal.clone().iter().filter(|entry| entry.action == "CreateSnapshot") {
            let value = |key: &str| entry.tags.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
            let run = self.run_of(self.night(entry.at));
            let tagged = value(POLICY_TAG) == Some(POLICY)
                && value(RUN_TAG) == Some(run.as_str())
                && value(VOLUME_TAG) == Some(entry.resource.as_str())
                && value("Name").is_some();
            self.find(tagged, "S11", || format!("call {}: {} {:?}", entry.number, entry.resource, entry.tags));
        }
    }

    /// S5: at the end each volume has at most one snapshot of each run; and where listings are in time, it never had two.
    fn twins(&mut self) {
        let in_time = self.played.schedule.behaviour.listing_delay_ms <= LISTED_IN_TIME_MS;
        let end = self.played.sim.clock().now();
        let mut found = Vec::new();
        for (region, lives) in &self.regions {
            let mut live: BTreeMap<(&str, &str), Vec<&Snapshot>> = BTreeMap::new();
            for snapshot in lives.snapshots.values() {
                let made_here = self
                    .played
                    .schedule
                    .fleet
                    .iter()
                    .all(|(_, seed)| seed.snapshots.iter().all(|old| old.id != snapshot.id));
                if let (Some(volume), Some(run), true) = (of_volume(snapshot), snapshot.tag_value(RUN_TAG), made_here) {
                    live.entry((volume, run)).or_default().push(snapshot);
                }
            }
            for ((volume, run), mut of_run) in live {
                of_run.sort_by_key(|snapshot| snapshot.created_at);
                // One that had failed when the next was made was none.
                let twins = of_run.windows(2).any(|pair| pair[0].state(pair[1].created_at) != "error");
                let left = of_run.iter().filter(|s| s.is_backup(end) && s.tag_value(KEEP_TAG).is_none()).count();
                let pending = of_run.iter().any(|s| s.exists(end) && s.state(end) == "pending");
                if twins && in_time {
                    found.push(format!(
                        "{region} {volume}: {} snapshots of {run}, though listings were in time",
                        of_run.len()
                    ));
                }
                // The last night's own twins are for the night after.
                if left > 1
                    && !pending
                    && run != self.run_of(self.played.nights.len() - 1)
                    && self.purged_at_last(region)
                {
                    found.push(format!("{region} {volume}: {left} snapshots of {run} are left"));
                }
            }
        }
        self.faults.extend(found.into_iter().map(|what| Fault { rule: "S5", what }));
    }

    /// Whether the last night's purge of a region was let through by the guard.
    fn purged_at_last(&self, region: &str) -> bool {
        let entry = self.last_report().and_then(|report| entry_of(report, region));
        entry.is_some_and(|entry| entry["tally"]["purgeHeld"].is_null() && entry["snapshots"]["overdue"] == 0)
    }

    fn last_report(&self) -> Option<&Value> {
        self.played.nights.last()?.last()?.reports.last()
    }

    /// S9: a dry run sends nothing that writes.
    fn dry_runs(&mut self) {
        for (n, _) in self.played.schedule.nights.iter().enumerate().filter(|(_, night)| night.dry_run) {
            let writes: Vec<u64> = self
                .journal
                .iter()
                .filter(|entry| entry.is_write() && self.night(entry.at) == n)
                .map(|entry| entry.number)
                .collect();
            self.find(writes.is_empty(), "S9", || format!("night {n}: calls {writes:?}"));
        }
    }

    /// S6, S7, S8, and whether the reports say what the journal says.
    fn nights(&mut self) {
        let rules = self.rules();
        for n in 0..self.played.nights.len() {
            let runs = self.played.nights[n].clone();
            for run in &runs {
                self.reported(n, run);
            }
            let night = &self.played.schedule.nights[n];
            let alone = runs.len() == 1 && night.weather.doubled == 0.0;
            if alone {
                self.guard(n, &runs[0], &rules);
                self.tallies(n, &runs[0]);
            }
            for run in &runs {
                self.green_means_backed_up(n, run);
            }
            if night.is_calm() && n + 1 == self.played.nights.len() {
                self.calm_is_green(&runs);
            }
        }
    }

    fn reported(&mut self, n: usize, run: &Run) {
        let red = run.ended.as_ref().err();
        let by_functions = |error: &str| {
            error.starts_with("Lambda.") || ["Runtime.ExitError", "Sandbox.Timedout", "States.Timeout"].contains(&error)
        };
        let of_listing = |error: &str| {
            [
                "Ec2Throttled",
                "Ec2Unavailable",
                "UnauthorizedOperation",
                "AuthFailure",
                "OptInRequired",
                "RequestExpired",
                "IncorrectState",
            ]
            .contains(&error)
        };
        let explained = match red.map(|failure| failure.error.as_str()) {
            None | Some("RegionsFailed") => !run.reports.is_empty(),
            Some("SnsUnavailable") => true,
            Some(error) => by_functions(error) || (run.reports.is_empty() && of_listing(error)),
        };
        self.find(explained, "S7", || format!("night {n}: {} reports, and it ended with {red:?}", run.reports.len()));
        self.find(run.counts.events <= 25_000, "history", || format!("night {n}: {} events", run.counts.events));
        self.find(run.counts.payload <= 256 * 1024, "payload", || format!("night {n}: {} bytes", run.counts.payload));
        for report in &run.reports {
            for entry in entries(report) {
                let count = |name: &str| entry["volumes"][name].as_u64().unwrap_or_default();
                let accounted =
                    count("created") + count("existing") + count("planned") + count("skipped") + count("failed");
                // The report notices a volume that vanished, and fails the region for it: it must never have to.
                let noticed = entry["error"] == VOLUMES_UNACCOUNTED;
                self.find(!noticed, "S6", || format!("night {n}: {} lost sight of a volume", entry["region"]));
                let whole = entry["status"] != "FAILED";
                self.find(!whole || count("discovered") == accounted, "S6", || {
                    format!("night {n}: {} {}", entry["region"], entry["volumes"])
                });
            }
        }
    }

    /// S8: what one purge deleted in a region, of what was there.
    fn guard(&mut self, n: usize, run: &Run, rules: &Rules) {
        for (region, lives) in &self.regions {
            let deleted: Vec<DateTime<Utc>> = self
                .journal
                .iter()
                .filter(|entry| entry.region == *region && self.night(entry.at) == n)
                .filter(|entry| matches!(entry.effect, Some(Effect::Deleted { .. })))
                .map(|entry| entry.at)
                .collect();
            let Some(first) = deleted.first() else { continue };
            let managed = lives
                .snapshots
                .values()
                .filter(|s| s.owner == ACCOUNT && s.tag_value(POLICY_TAG) == Some(POLICY) && s.created_at <= *first)
                .filter(|s| s.deleted_at.is_none_or(|deleted| *first <= deleted))
                .count();
            let too_many = managed >= rules.min_snapshots && deleted.len() * 100 > managed * rules.max_percent;
            if too_many {
                let what = format!("night {n}: {region}: {} of {managed} deleted ({})", deleted.len(), run.started_at);
                self.faults.push(Fault { rule: "S8", what });
                return;
            }
        }
    }

    /// What the report counts is what the journal shows.
    fn tallies(&mut self, n: usize, run: &Run) {
        let Some(report) = run.reports.last() else { return };
        let id = self.run_of(n);
        for entry in entries(report).into_iter().filter(|entry| entry["status"] != "FAILED") {
            let region = entry["region"].as_str().unwrap_or_default();
            let of_region = |e: &&Entry| e.region == region && self.night(e.at) == n;
            let count = |part: &str, name: &str| entry[part][name].as_u64().unwrap_or_default();
            let made: BTreeSet<&str> = self
                .journal
                .iter()
                .filter(of_region)
                .filter_map(|e| match &e.effect {
                    Some(Effect::Created { volume, .. }) => Some(volume.as_str()),
                    _ => None,
                })
                .collect();
            let made = made.len() as u64;
            let deleted = self
                .journal
                .iter()
                .filter(of_region)
                .filter(|e| matches!(e.effect, Some(Effect::Deleted { .. })))
                .count() as u64;
            let backed_up = count("volumes", "created") + count("volumes", "existing");
            let made_right =
                backed_up <= made && made <= backed_up + count("volumes", "failed") + count("volumes", "skipped");
            let gone = count("snapshots", "deleted") + count("snapshots", "alreadyGone");
            let deleted_right =
                count("snapshots", "deleted") <= deleted && deleted <= gone + count("snapshots", "overdue");
            let (volumes, snapshots) = (entry["volumes"].clone(), entry["snapshots"].clone());
            let region = region.to_owned();
            self.find(made_right, "report", || {
                format!("night {n}, {id}: {region}: {made} made, and it says {volumes}")
            });
            self.find(deleted_right, "report", || {
                format!("night {n}: {region}: {deleted} deleted, and it says {snapshots}")
            });
        }
    }

    /// S6: a region that is reported well has a snapshot of this run for every volume that was selected all the time.
    fn green_means_backed_up(&mut self, n: usize, run: &Run) {
        let id = self.run_of(n);
        for report in run.reports.iter().filter(|report| report["run"]["dryRun"] == false) {
            for entry in entries(report).into_iter().filter(|entry| entry["status"] == "OK") {
                let region = entry["region"].as_str().unwrap_or_default();
                let Some(lives) = self.regions.get(region) else { continue };
                let bare: Vec<&String> = lives
                    .volumes
                    .values()
                    .filter(|volume| selected(volume) && volume.deleted_at.is_none())
                    .filter(|volume| {
                        !lives.snapshots.values().any(|snapshot| {
                            of_volume(snapshot) == Some(volume.id.as_str())
                                && snapshot.tag_value(RUN_TAG) == Some(id.as_str())
                                && snapshot.created_at <= run.ended_at
                        })
                    })
                    .map(|volume| &volume.id)
                    .collect();
                let what = format!("night {n}: {region} is OK, and {bare:?} have no snapshot of {id}");
                let well = bare.is_empty();
                self.find(well, "S6", || what);
            }
        }
    }

    /// A night on which nothing goes wrong is green, whatever the nights before left behind.
    fn calm_is_green(&mut self, runs: &[Run]) {
        let behaviour = &self.played.schedule.behaviour;
        // A region that is full stays full; and large volumes may be pending for longer than a run has patience.
        let limited = behaviour.snapshots_per_region < 100_000
            || (behaviour.completion.ms_per_gib > 1_000 && behaviour.pending_per_region == Some(2));
        let red = runs.iter().find(|run| run.ended.is_err());
        if let Some(run) = red.filter(|_| !limited) {
            let errors = run.reports.last().map(|report| {
                entries(report)
                    .into_iter()
                    .map(|entry| format!("{}: {} {}", entry["region"], entry["error"], entry["tally"]["errors"]))
                    .collect::<Vec<_>>()
            });
            self.faults.push(Fault { rule: "calm", what: format!("{:?} {errors:?}", run.ended) });
        }
    }
}

fn entries(report: &Value) -> Vec<&Value> {
    report["regions"].as_array().into_iter().flatten().collect()
}

fn entry_of<'a>(report: &'a Value, region: &str) -> Option<&'a Value> {
    entries(report).into_iter().find(|entry| entry["region"] == region)
}
