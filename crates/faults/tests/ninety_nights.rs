//! Ninety nights of one policy, one after the other: the state machine and the steps as they are deployed, and after each
//! night the account is held against the rules, said once more in a few plain words. Nothing of `policy` is used here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use contract::selector::{KEEP_TAG, POLICY_TAG, RETENTION_TAG, RUN_TAG, VOLUME_TAG};
use ec2_sim::journal::Effect;
use ec2_sim::model::{Seed, Snapshot, Volume};
use ec2_sim::{Behaviour, Completion, Sim};
use faults::campaign::{Player, Run, in_virtual_time, run_id};
use faults::schedule::{ACCOUNT, POLICY, Schedule};
use serde_json::{Value, json};

/// A Monday.
const START: &str = "2027-01-04T02:00:00Z";
const NIGHTS: usize = 90;
/// Nights on which nobody starts the run. One is the last of January, and four are in a row.
const MISSED: [usize; 7] = [9, 27, 38, 39, 40, 41, 84];

const HERE: &str = "eu-central-1";
const THERE: &str = "eu-west-1";
/// The volumes: where, and what they are called here.
const VOLUMES: [(&str, &str); 6] =
    [(HERE, "plain"), (HERE, "longer"), (HERE, "muddled"), (HERE, "gone"), (THERE, "other"), (THERE, "flooded")];

/// Before this night somebody holds the snapshot of `plain` of the night before.
const HOLD: usize = 5;
/// Before this night somebody deletes `gone`.
const DELETE: usize = 25;
/// Before the first of these nights somebody gives `muddled` a retention that is none, and after the last one corrects it.
const MUDDLE: std::ops::Range<usize> = 45..53;
/// Before this night forty snapshots of an earlier year come to light, all of `flooded`.
const FLOOD: usize = 60;
/// At noon after this night an operator approves what its report offers.
const APPROVE: usize = 63;

/// A snapshot, as far as the rules look at it.
type Point = (DateTime<Utc>, String);
type Points = BTreeSet<Point>;

/// The keep rules: the form of a period's name, and how many of them.
type Rule = (&'static str, usize);
const DAY: &str = "%Y-%m-%d";
const RULES: [Rule; 3] = [(DAY, 7), ("%G week %V", 4), ("%Y-%m", 3)];

/// The newest of each period, by the period's name.
fn newest_of_each(points: &Points, period: &str) -> BTreeMap<String, Point> {
    points.iter().map(|point| (point.0.format(period).to_string(), point.clone())).collect()
}

/// What the rules want of a volume: of each rule the newest of so many periods that have one, and the oldest of all as long
/// as there are not so many.
fn wanted(points: &Points, rules: &[Rule]) -> Points {
    let mut wanted = Points::new();
    for (period, count) in rules {
        let newest = newest_of_each(points, period);
        wanted.extend(newest.values().rev().take(*count).cloned());
        wanted.extend(points.first().filter(|_| newest.len() < *count).cloned());
    }
    wanted
}

/// What the rules want of a volume that is gone for good: periods count back from today, whether they have one or not.
fn wanted_of_an_orphan(points: &Points, today: DateTime<Utc>) -> Points {
    let mut wanted = Points::new();
    for (period, count) in RULES {
        let name = |days: i64| (today - TimeDelta::days(days)).format(period).to_string();
        let periods: BTreeSet<String> = (0..100).map(name).collect();
        let newest = newest_of_each(points, period);
        wanted.extend(periods.iter().rev().take(count).filter_map(|name| newest.get(name)).cloned());
    }
    wanted
}

/// What is to become of the snapshots of a region.
#[derive(Default)]
struct Expected {
    /// To be deleted.
    due: Points,
    /// To be deleted, if somebody knew what retention the volume is to have.
    overdue: Points,
    /// Of those to be deleted: of a volume that is gone for good.
    orphans: Points,
}

/// An account, night by night.
struct Account {
    sim: Arc<Sim>,
    player: Player,
}

/// What a night did to a region, as the journal shows it.
#[derive(Default)]
struct Done {
    /// By volume.
    created: BTreeMap<String, String>,
    deleted: BTreeSet<String>,
}

fn id_of(volume: &str) -> String {
    let n = VOLUMES.iter().position(|(_, name)| *name == volume).unwrap();
    format!("vol-{n:017x}")
}

fn own_retention(volume: &Volume) -> Option<&str> {
    volume.tags.iter().find(|(key, _)| key == RETENTION_TAG).map(|(_, value)| value.as_str())
}

impl Account {
    fn new() -> Self {
        // A night's own snapshots are listed at once, and complete only when its purge is long planned: they are counted, and
        // count for the rules from the next night on.
        let completion = Completion { seconds: 3_600, ms_per_gib: 0 };
        let behaviour = Behaviour { listing_delay_ms: 0, completion, ..Behaviour::default() };
        let sim = Arc::new(Sim::new(START.parse().unwrap(), behaviour));
        for (region, name) in VOLUMES {
            let volume = Volume::new(id_of(name)).tag("Backup", "");
            let volume = if name == "longer" { volume.tag(RETENTION_TAG, "keepDaily=14") } else { volume };
            sim.seed(ACCOUNT, region, Seed { volumes: vec![volume], ..Seed::default() });
        }
        let config = json!({ "policies": [{
            "name": POLICY,
            "tag": { "key": "Backup" },
            "retention": { "keepDaily": 7, "keepWeekly": 4, "keepMonthly": 3 },
            "orphans": { "keepWithin": "30d" },
            "regions": { "include": [HERE, THERE] },
        }]});
        Self { player: Player::new(&sim, &config, 0).unwrap(), sim }
    }

    /// What people do before a night.
    fn people(&self, night: usize) {
        let now = self.sim.clock().now();
        let retention = |value: &str| {
            self.sim.change_volume(ACCOUNT, HERE, &id_of("muddled"), |volume| {
                volume.tags.retain(|(key, _)| key != RETENTION_TAG);
                volume.tags.push((RETENTION_TAG.to_owned(), value.to_owned()));
            });
        };
        match night {
            HOLD => {
                let (_, newest) = self.there(HERE, &id_of("plain")).pop_last().unwrap();
                let hold = |snapshot: &mut Snapshot| snapshot.tags.push((KEEP_TAG.to_owned(), "lawsuit".to_owned()));
                self.sim.change_snapshot(ACCOUNT, HERE, &newest, hold);
            }
            DELETE => self.sim.change_volume(ACCOUNT, HERE, &id_of("gone"), |volume| volume.deleted_at = Some(now)),
            _ if night == MUDDLE.start => retention("keepForever"),
            _ if night == MUDDLE.end => retention("keepDaily=7"),
            FLOOD => self.sim.seed(ACCOUNT, THERE, flood(now - TimeDelta::days(300))),
            _ => {}
        }
    }

    /// The snapshots of a volume that are there.
    fn there(&self, region: &str, volume: &str) -> Points {
        let there = self.sim.snapshots(ACCOUNT, region).into_values();
        let there = there.filter(|snapshot| snapshot.volume_id == volume && snapshot.deleted_at.is_none());
        there.map(|snapshot| (snapshot.started_at, snapshot.id)).collect()
    }

    fn all_there(&self, region: &str) -> BTreeSet<String> {
        let volumes = self.sim.volumes(ACCOUNT, region);
        volumes.keys().flat_map(|volume| self.there(region, volume)).map(|(_, id)| id).collect()
    }

    /// Snapshots as people would speak of them.
    fn named(&self, region: &str, ids: &BTreeSet<String>) -> Vec<String> {
        let snapshots = self.sim.snapshots(ACCOUNT, region);
        let name = |snapshot: &Snapshot| VOLUMES.iter().find(|(_, name)| id_of(name) == snapshot.volume_id).unwrap().1;
        ids.iter().map(|id| format!("{} of {}", name(&snapshots[id]), snapshots[id].started_at.date_naive())).collect()
    }

    /// What the rules make of a region at a moment. What was started after it stays, and counts for nothing.
    fn expected(&self, region: &str, moment: DateTime<Utc>) -> Expected {
        let snapshots = self.sim.snapshots(ACCOUNT, region);
        let mut expected = Expected::default();
        for (id, volume) in self.sim.volumes(ACCOUNT, region) {
            let points: Points = self.there(region, &id).into_iter().filter(|(at, _)| *at <= moment).collect();
            let newest = points.last().cloned();
            let month_old = newest.as_ref().is_some_and(|(at, _)| *at + TimeDelta::days(30) <= moment);
            let orphaned = volume.deleted_at.is_some() && month_old;
            let own = match own_retention(&volume) {
                Some("keepDaily=14") => Some((DAY, 14)),
                Some("keepDaily=7") => Some((DAY, 7)),
                _ => None,
            };
            let mut stay = if orphaned {
                wanted_of_an_orphan(&points, moment)
            } else {
                wanted(&points, &RULES.into_iter().chain(own).collect::<Vec<_>>()).into_iter().chain(newest).collect()
            };
            stay.extend(points.iter().filter(|(_, id)| snapshots[id].tag_value(KEEP_TAG).is_some()).cloned());
            let go = &points - &stay;
            if own_retention(&volume) == Some("keepForever") {
                expected.overdue.extend(go);
            } else {
                expected.orphans.extend(go.iter().filter(|_| orphaned).cloned());
                expected.due.extend(go);
            }
        }
        expected
    }

    /// What the calls from number `from` on did to a region.
    fn done_since(&self, from: usize, region: &str) -> Done {
        let mut done = Done::default();
        for entry in self.sim.journal_since(from).into_iter().filter(|entry| entry.region == region) {
            match entry.effect {
                Some(Effect::Created { snapshot, volume }) => _ = done.created.insert(volume, snapshot),
                Some(Effect::Deleted { snapshot }) => _ = done.deleted.insert(snapshot),
                _ => {}
            }
        }
        done
    }

    /// The survivors: a line for each date, a column for each volume.
    fn table(&self) -> String {
        let mut dates: BTreeMap<String, BTreeMap<&str, &str>> = BTreeMap::new();
        for (region, name) in VOLUMES {
            let snapshots = self.sim.snapshots(ACCOUNT, region);
            for (at, id) in self.there(region, &id_of(name)) {
                let mark = if snapshots[&id].tag_value(KEEP_TAG).is_some() { "held" } else { "x" };
                dates.entry(at.format("%Y-%m-%d %a").to_string()).or_default().insert(name, mark);
            }
        }
        let mut table = format!("{:14}", "");
        let line = |table: &mut String, cell: &dyn Fn(&'static str) -> String| {
            VOLUMES.iter().for_each(|(_, name)| write!(table, " {:7}", cell(name)).unwrap());
            table.truncate(table.trim_end().len());
        };
        line(&mut table, &|name| name.to_owned());
        for (date, marks) in dates {
            write!(table, "\n{date}").unwrap();
            line(&mut table, &|name| (*marks.get(name).unwrap_or(&"")).to_owned());
        }
        table
    }
}

/// Forty snapshots of ours, of one day each.
fn flood(first: DateTime<Utc>) -> Seed {
    let volume = id_of("flooded");
    let snapshots = (0..40).map(|n| {
        Snapshot::new(format!("snap-{:017x}", 0xf_0000_0000_u64 + n), &volume, first + TimeDelta::days(n.cast_signed()))
            .tag(POLICY_TAG, POLICY)
            .tag(RUN_TAG, &format!("daily-restored-{n}"))
            .tag(VOLUME_TAG, &volume)
    });
    Seed { snapshots: snapshots.collect(), ..Seed::default() }
}

/// The only report of a run that was green, and in it the entry of a region.
fn entry<'a>(run: &'a Run, region: &str) -> &'a Value {
    assert!(run.ended.is_ok(), "{:?}", run.ended);
    let [report] = run.reports.as_slice() else { panic!("{} reports", run.reports.len()) };
    report["regions"].as_array().unwrap().iter().find(|entry| entry["region"] == region).unwrap()
}

/// What was seen over all nights.
#[derive(Default)]
struct Seen {
    held: Vec<usize>,
    warned: Vec<usize>,
    /// How many snapshots went as orphans on which night.
    orphaned: Vec<(usize, usize)>,
    /// The nights that left nothing of a volume.
    left_with_nothing: Vec<usize>,
    /// The input that the latest held run offers, and its plan.
    offered: Option<(Value, Points)>,
    /// The snapshots that the latest night says are overdue, and the most of any night.
    backlog: BTreeSet<String>,
    most_overdue: usize,
}

fn ids(points: &Points) -> BTreeSet<String> {
    points.iter().map(|(_, id)| id.clone()).collect()
}

/// Plays a night and holds it against the rules.
async fn play_night(account: &Account, night: usize, begins: DateTime<Utc>, seen: &mut Seen) {
    let from = account.sim.calls();
    let before = [HERE, THERE].map(|region| (region, account.all_there(region), account.expected(region, begins)));
    let run = account.player.play(&format!("night-{night}"), json!({ "runId": run_id(begins) })).await.unwrap();
    for (region, before, expected) in before {
        let what = format!("night {night}, {region}");
        let (entry, done) = (entry(&run, region), account.done_since(from, region));
        let volumes = account.sim.volumes(ACCOUNT, region);
        let alive = volumes.values().filter(|volume| volume.deleted_at.is_none()).map(|volume| &volume.id);
        assert!(done.created.keys().eq(alive), "{what}: each volume has one more: {:?}", done.created);
        let made = done.created.len();
        let managed = before.len() + made;
        let held = managed >= 20 && 2 * expected.due.len() > managed;
        let gone = if held { BTreeSet::new() } else { ids(&expected.due) };

        let stays: BTreeSet<String> = (&before - &gone).into_iter().chain(done.created.into_values()).collect();
        let there = account.all_there(region);
        assert_eq!(account.named(region, &(&stays - &there)), [""; 0], "{what}: what the rules want is there");
        assert_eq!(account.named(region, &(&there - &stays)), [""; 0], "{what}: what no rule wants is gone");
        assert_eq!(done.deleted, gone, "{what}: nothing else was ever deleted");

        let counts =
            json!({ "discovered": made, "created": made, "existing": 0, "planned": 0, "skipped": 0, "failed": 0 });
        assert_eq!(entry["volumes"], counts, "{what}");
        let (due, overdue) = (expected.due.len(), expected.overdue.len());
        let counts = json!({ "managed": managed, "kept": managed - due, "expired": due, "deleted": gone.len(),
            "alreadyGone": 0, "overdue": overdue });
        let mut told = entry["snapshots"].clone();
        let last = told.as_object_mut().and_then(|told| told.remove("lastOfVolume"));
        assert_eq!(told, counts, "{what}");
        if last != Some(0.into()) {
            seen.left_with_nothing.push(night);
        }

        assert_eq!(entry["approveInput"].is_object(), held, "{what}: only what is held is to be approved");
        if held {
            seen.held.push(night);
            seen.offered = Some((entry["approveInput"].clone(), expected.due.clone()));
        }
        let muddled = volumes.values().filter(|volume| own_retention(volume) == Some("keepForever"));
        let muddled: Vec<&str> = muddled.map(|volume| volume.id.as_str()).collect();
        let warned = entry["tally"]["warnings"]["first"].as_array().unwrap();
        let about: Vec<&str> = warned.iter().filter_map(|warning| warning["volumeId"].as_str()).collect();
        assert_eq!(about, muddled, "{what}");
        assert!(
            warned.iter().all(|warning| warning["message"].as_str().unwrap().contains("keepForever")),
            "{warned:?}"
        );
        seen.warned.extend(warned.iter().map(|_| night));
        let told = entry["tally"]["expired"]["first"].as_array().unwrap().iter();
        let told = told.filter(|told| told["reason"].as_str().unwrap().starts_with("orphan: its volume is gone"));
        let told: BTreeSet<String> = told.map(|told| told["snapshotId"].as_str().unwrap().to_owned()).collect();
        assert!(told.is_subset(&ids(&expected.orphans)), "{what}: {told:?}");
        if !expected.orphans.is_empty() {
            assert!(!told.is_empty(), "{what}: the report says why they go");
            seen.orphaned.push((night, expected.orphans.len()));
        }
        if region == HERE {
            let backlog = std::mem::replace(&mut seen.backlog, ids(&expected.overdue));
            let goes = if seen.backlog.is_empty() { &gone } else { &seen.backlog };
            assert!(backlog.is_subset(goes), "{what}: what was overdue still is, or goes");
            seen.most_overdue = seen.most_overdue.max(overdue);
        }
    }
}

/// Lets pass what the guard held: that plan, of that night, and nothing else.
async fn approve(account: &Account, seen: &Seen) {
    let from = account.sim.calls();
    let (input, plan) = seen.offered.clone().unwrap();
    let run = account.player.play("approved", input).await.unwrap();
    let entry = entry(&run, THERE);
    assert_eq!(account.done_since(from, THERE).deleted, ids(&plan), "the plan that was approved");
    assert_eq!(entry["snapshots"]["deleted"], plan.len());
    assert_eq!(entry["approveInput"], Value::Null);
    assert_eq!(entry["volumes"]["created"], 0, "it is no night of its own");
    assert_eq!(entry["volumes"]["existing"], 2);
    assert!(account.sim.journal_since(from).iter().all(|entry| entry.region != HERE || !entry.is_write()));
}

#[test]
fn s2_s3_s8_ninety_nights_leave_what_the_rules_want() {
    let (seen, table) = in_virtual_time(async {
        let (account, mut seen) = (Account::new(), Seen::default());
        for night in (0..NIGHTS).filter(|night| !MISSED.contains(night)) {
            let begins = Schedule::night_begins(START.parse()?, night);
            account.player.until(begins - TimeDelta::hours(1)).await?;
            account.people(night);
            account.player.until(begins).await?;
            play_night(&account, night, begins, &mut seen).await;
            if night == APPROVE {
                account.player.until(begins + TimeDelta::hours(10)).await?;
                approve(&account, &seen).await;
            }
        }
        Ok((seen, account.table()))
    })
    .unwrap();
    assert_eq!(seen.held, (FLOOD..=APPROVE).collect::<Vec<_>>(), "the guard holds until somebody approves");
    assert_eq!(seen.warned, MUDDLE.collect::<Vec<_>>(), "the report warns as long as nobody knows what is meant");
    assert_eq!(seen.most_overdue, 6, "nothing of the muddled volume goes meanwhile");
    assert_eq!(seen.orphaned, [(55, 9), (87, 1)], "after thirty days, and when its month is the fourth");
    assert_eq!(seen.left_with_nothing, [87], "and the report says so");
    insta::assert_snapshot!(table, @"
                   plain   longer  muddled gone    other   flooded
    2027-01-08 Fri held
    2027-02-28 Sun x       x       x               x       x
    2027-03-14 Sun x       x       x               x       x
    2027-03-19 Fri         x
    2027-03-20 Sat         x
    2027-03-21 Sun x       x       x               x       x
    2027-03-22 Mon         x
    2027-03-23 Tue         x
    2027-03-24 Wed         x
    2027-03-25 Thu         x
    2027-03-26 Fri x       x       x               x       x
    2027-03-27 Sat x       x       x               x       x
    2027-03-28 Sun x       x       x               x       x
    2027-03-30 Tue x       x       x               x       x
    2027-03-31 Wed x       x       x               x       x
    2027-04-01 Thu x       x       x               x       x
    2027-04-02 Fri x       x       x               x       x
    2027-04-03 Sat x       x       x               x       x
    ");
}
