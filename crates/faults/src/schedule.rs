//! A few nights of one account, from a seed: what there is, what goes wrong, and what people do meanwhile.

use chrono::{DateTime, TimeDelta, Utc};
use contract::selector::{EXCLUDE_TAG, KEEP_TAG, POLICY_TAG, RETENTION_TAG, RUN_TAG, VOLUME_TAG};
use ec2_sim::fault::{Fault, Rule, When};
use ec2_sim::model::{Fate, Image, Seed, Snapshot, Volume};
use ec2_sim::{Behaviour, Completion, Latency};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::{Value, json};

use crate::lambdas::Weather;

/// The account.
pub const ACCOUNT: &str = "111122223333";
/// The policy.
pub const POLICY: &str = "daily";
/// A retention of a volume's own that nobody can read.
pub const INVALID_RETENTION: &str = "keepForever";
/// The tag key it selects by.
pub const TAG: &str = "Backup";
/// Where nights take place.
const REGIONS: [&str; 4] = ["ap-south-1", "eu-west-1", "us-east-1", "us-west-2"];

/// A few nights.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// What it was made from.
    pub seed: u64,
    /// When the first night begins.
    pub start: DateTime<Utc>,
    /// The configuration that is deployed.
    pub config: Value,
    /// How EC2 behaves.
    pub behaviour: Behaviour,
    /// What there is in each region.
    pub fleet: Vec<(String, Seed)>,
    /// The nights. The last one is calm.
    pub nights: Vec<Night>,
}

/// A night.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Night {
    /// Whether it only looks.
    pub dry_run: bool,
    /// Whether what the script before left behind is adopted.
    pub adopt: bool,
    /// What goes wrong with functions.
    pub weather: Weather,
    /// What goes wrong with EC2.
    pub faults: Vec<Rule>,
    /// What people do, and how many seconds after the night began.
    pub changes: Vec<(u64, Change)>,
    /// The schedule delivers a second time, after so many seconds.
    pub again_after: Option<u64>,
    /// How a red run is replayed, one after the other, as long as it is red.
    pub replays: Vec<Replay>,
}

impl Night {
    /// Whether nothing goes wrong and nobody interferes.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.faults.is_empty() && self.weather == Weather::default() && self.changes.is_empty()
    }
}

/// What somebody does.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Deletes a volume.
    DeleteVolume(String, String),
    /// Excludes a volume.
    Exclude(String, String),
    /// Holds a snapshot.
    Hold(String, String),
}

/// How a red run is replayed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// By *Redrive from failure*; else by a new execution with the JSON of the report.
    pub redrive: bool,
    /// Whether what went wrong goes on.
    pub still_bad: bool,
}

impl Schedule {
    /// The schedule of a seed: the same for ever.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let start = DateTime::UNIX_EPOCH + TimeDelta::days(20_780) + TimeDelta::hours(2);
        let regions: Vec<&str> = REGIONS[..dice.between(1, 3)].to_vec();
        let fleet: Vec<(String, Seed)> =
            regions.iter().map(|region| ((*region).to_owned(), dice.fleet(region, start))).collect();
        let behaviour = dice.behaviour(seed, &fleet);
        let mut nights: Vec<Night> = (0..dice.between(1, 2)).map(|n| dice.night(&fleet, start, n)).collect();
        nights.push(Night::default());
        let config = dice.config(&regions);
        // Where the policy does not allow it, an input that asks for it is refused, and nothing happens that night.
        let allowed = config["policies"][0]["adopt"] == true;
        nights.iter_mut().for_each(|night| night.adopt &= allowed);
        Self { seed, start, config, behaviour, fleet, nights }
    }

    /// When a night begins.
    #[must_use]
    pub fn night_begins(start: DateTime<Utc>, night: usize) -> DateTime<Utc> {
        start + TimeDelta::days(i64::try_from(night).unwrap_or_default())
    }
}

struct Dice(ChaCha8Rng);

impl Dice {
    fn between(&mut self, least: usize, most: usize) -> usize {
        self.0.random_range(least..=most)
    }

    fn chance(&mut self, chance: f64) -> bool {
        self.0.random_bool(chance)
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        #[expect(clippy::expect_used, reason = "nobody asks for one of nothing")]
        choices.choose(&mut self.0).cloned().expect("a choice")
    }

    fn config(&mut self, regions: &[&str]) -> Value {
        let mut retention = serde_json::Map::new();
        if self.chance(0.7) {
            retention.insert("keepDays".to_owned(), self.one_of(&[1, 2, 7]).into());
        }
        if self.chance(0.3) {
            retention.insert("keepDaily".to_owned(), self.between(1, 4).into());
        }
        if retention.is_empty() || self.chance(0.5) {
            retention.insert("keepLast".to_owned(), self.between(1, 3).into());
        }
        // A guard that holds small purges too, or next to none, so that both ways are gone.
        let guard = self.one_of(&[(50, 20), (50, 4), (20, 3), (100, 1)]);
        json!({
            "policies": [{
                "name": POLICY,
                "tag": { "key": TAG },
                "retention": retention,
                "regions": { "include": regions },
                "floor": self.one_of(&[1, 1, 1, 2]),
                "orphans": self.one_of(&[json!("keep"), json!({ "keepWithin": "3d" }), json!({ "keepWithin": "90d" })]),
                "adopt": self.chance(0.4),
                "purgeGuard": { "maxPercent": guard.0, "minSnapshots": guard.1 },
            }],
            "pace": { "sharePercent": self.one_of(&[80, 80, 80, 100, 10]) },
        })
    }

    fn behaviour(&mut self, seed: u64, fleet: &[(String, Seed)]) -> Behaviour {
        let there = fleet.iter().map(|(_, seed)| seed.snapshots.len()).max().unwrap_or_default();
        Behaviour {
            seed,
            latency: self.one_of(&[
                Latency::always(50.0),
                Latency { median_ms: 40.0, p99_ms: 400.0 },
                Latency { median_ms: 80.0, p99_ms: 8_000.0 },
            ]),
            listing_delay_ms: self.one_of(&[0, 2_000, 5_000, 12_000, 40_000]),
            completion: self.one_of(&[
                Completion { seconds: 0, ms_per_gib: 0 },
                Completion { seconds: 5, ms_per_gib: 500 },
                Completion { seconds: 600, ms_per_gib: 10_000 },
            ]),
            pending_per_volume: self.one_of(&[Some(5), Some(5), Some(1)]),
            pending_per_region: self.one_of(&[Some(100), Some(2), None]),
            snapshots_per_region: if self.chance(0.1) {
                u32::try_from(there + self.between(0, 3)).unwrap_or(u32::MAX)
            } else {
                100_000
            },
            ..Behaviour::default()
        }
    }

    fn fleet(&mut self, region: &str, start: DateTime<Utc>) -> Seed {
        let mut seed = Seed::default();
        for n in 0..self.between(0, 6) {
            let volume = self.volume(region, n);
            for k in 0..self.between(0, 5) {
                self.snapshot(&mut seed, &volume, k, start);
            }
            // One in ten was deleted before: its snapshots are orphans.
            if self.chance(0.9) {
                seed.volumes.push(volume);
            }
        }
        seed
    }

    fn volume(&mut self, region: &str, n: usize) -> Volume {
        let mut volume = Volume::new(format!("vol-{:017x}", n + 16 * region.len()));
        volume.size_gib = self.one_of(&[1, 8, 100, 2_000]);
        volume.volume_type = self.one_of(&["gp3", "gp3", "gp2", "st1"]).to_owned();
        volume.encrypted = self.chance(0.3);
        if self.chance(0.85) {
            let value = self.one_of(&["", "db", "a name with spaces"]);
            volume = volume.tag(TAG, value);
        }
        if self.chance(0.1) {
            volume = volume.tag(EXCLUDE_TAG, "");
        }
        if self.chance(0.1) {
            let own = self.one_of(&[INVALID_RETENTION, "keepLast=2 keepDaily=3"]);
            volume = volume.tag(RETENTION_TAG, own);
        }
        if self.chance(0.2) {
            volume = volume.tag("aws:cloudformation:stack-name", "stack");
        }
        if self.chance(0.1) {
            volume = (0..45).fold(volume, |volume, n| volume.tag(&format!("tag {n}"), "value"));
        }
        if self.chance(0.05) {
            "error".clone_into(&mut volume.state);
        }
        if self.chance(0.5) {
            volume.attachment = Some(("i-0123456789abcdef0".to_owned(), "/dev/sdf".to_owned()));
            if volume.state == "available" {
                "in-use".clone_into(&mut volume.state);
            }
        }
        volume
    }

    /// A snapshot from an earlier night: most often ours and well, sometimes not.
    fn snapshot(&mut self, seed: &mut Seed, volume: &Volume, k: usize, start: DateTime<Utc>) {
        let days = i64::try_from(self.between(1, 12)).unwrap_or(1);
        let at = start - TimeDelta::days(days) + TimeDelta::seconds(7);
        let id = format!(
            "snap-{:017x}",
            (volume.id.len() + seed.snapshots.len() * 7 + k) as u64 + 4_096 * self.0.random_range(1..1_000_000_u64)
        );
        let night = (start - TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%SZ");
        let ours = |snapshot: Snapshot| {
            snapshot.tag(POLICY_TAG, POLICY).tag(RUN_TAG, &format!("daily-{night}")).tag(VOLUME_TAG, &volume.id)
        };
        let plain = Snapshot { size_gib: volume.size_gib, ..Snapshot::new(id.clone(), &volume.id, at) };
        let snapshot = match self.between(0, 19) {
            0 => plain,
            1 => plain.tag(TAG, "by hand"),
            13 | 14 => {
                let stamp = at.format("%Y%m%d%H%M%S");
                let description = format!("EBS-Volume-Snapshot-Backup-{}-{stamp}", volume.id);
                Snapshot { description, ..plain }.tag(TAG, &format!("db-{stamp}"))
            }
            2 => plain.tag(POLICY_TAG, "hourly").tag(RUN_TAG, "hourly-1").tag(VOLUME_TAG, &volume.id),
            3 => ours(Snapshot { volume_id: "vol-ffffffff".to_owned(), ..plain }),
            4 => ours(Snapshot { owner: "999988887777".to_owned(), ..plain }),
            5 => ours(plain).tag(KEEP_TAG, "lawsuit"),
            6 => ours(Snapshot { locked_until: Some(start + TimeDelta::days(30)), ..plain }),
            7 => ours(Snapshot { by_aws_backup: true, ..plain }),
            8 => {
                let image =
                    Image { id: format!("ami-{}", &id[5..]), name: "golden".to_owned(), snapshot_ids: vec![id] };
                seed.images.push(image);
                ours(plain)
            }
            9 => ours(Snapshot { fate: Fate::Fails, ..plain }),
            10 => ours(Snapshot { fate: Fate::Fails, started_at: start - TimeDelta::hours(3), ..plain }),
            11 => ours(Snapshot { made_at: Some(start + TimeDelta::hours(1)), ..plain }),
            _ => ours(plain),
        };
        seed.snapshots.push(snapshot);
    }

    fn night(&mut self, fleet: &[(String, Seed)], start: DateTime<Utc>, night: usize) -> Night {
        let begins = Schedule::night_begins(start, night);
        let mut weather = Weather::default();
        if self.chance(0.5) {
            weather = Weather {
                killed: self.one_of(&[0.0, 0.1, 0.4]),
                unheard: self.one_of(&[0.0, 0.1]),
                doubled: self.one_of(&[0.0, 0.0, 0.1]),
                throttled: self.one_of(&[0.0, 0.3]),
                mute: self.one_of(&[0.0, 0.0, 0.3]),
            };
        }
        Night {
            dry_run: self.chance(0.08),
            adopt: self.chance(0.3),
            weather,
            faults: (0..self.between(0, 4)).map(|_| self.fault(fleet, begins)).collect(),
            changes: (0..self.one_of(&[0, 0, 1, 3])).filter_map(|_| self.change(fleet)).collect(),
            again_after: self.chance(0.15).then(|| self.0.random_range(0..60)),
            replays: (0..self.between(0, 2))
                .map(|_| Replay { redrive: self.chance(0.5), still_bad: self.chance(0.3) })
                .collect(),
        }
    }

    fn fault(&mut self, fleet: &[(String, Seed)], begins: DateTime<Utc>) -> Rule {
        let refuse = |code: &str| Fault::Refuse { code: code.to_owned() };
        let action =
            self.one_of(&["CreateSnapshot", "CreateSnapshot", "DeleteSnapshot", "Describe*", "DescribeSnapshots"]);
        let region = self.one_of(fleet).0;
        let some = self.one_of(&[0.02, 0.1, 0.5]);
        let any = When { action: Some(action.to_owned()), chance: some, ..When::default() };
        let from = begins + TimeDelta::seconds(self.0.random_range(0..60));
        let window = When {
            region: Some(region.clone()),
            from: Some(from),
            until: Some(from + TimeDelta::seconds(self.one_of(&[10, 300, 20_000]))),
            ..When::default()
        };
        match self.between(0, 13) {
            0 => Rule { when: any, then: Fault::Lost },
            1 => Rule { when: any, then: Fault::Cut },
            2 => Rule { when: any, then: Fault::Silent },
            3 => Rule { when: any, then: Fault::Unreachable },
            4 => Rule { when: any, then: Fault::Slow { ms: self.one_of(&[3_000, 20_000]) } },
            5 => {
                let code = self.one_of(&[
                    "InternalError",
                    "ServiceUnavailable",
                    "Unavailable",
                    "RequestLimitExceeded",
                    "RequestExpired",
                    "IncorrectState",
                ]);
                Rule { when: any, then: refuse(code) }
            }
            6 => Rule { when: window, then: Fault::Unreachable },
            7 => Rule { when: When { chance: 0.9, ..window }, then: refuse("RequestLimitExceeded") },
            8 => {
                let code = self.one_of(&["UnauthorizedOperation", "AuthFailure", "OptInRequired"]);
                let when = When { action: Some(action.to_owned()), region: Some(region), ..When::default() };
                Rule { when, then: refuse(code) }
            }
            9 => {
                let create = When { action: Some("CreateSnapshot".to_owned()), chance: 0.3, ..When::default() };
                Rule { when: create, then: Fault::Fails }
            }
            10 => self.on_one_volume(fleet, &["CustomerKeyHasBeenRevoked", "SomethingNew"]),
            11 => {
                let mut rule = self.on_one_volume(fleet, &["TagPolicyViolation", "TagLimitExceeded"]);
                rule.when.times = Some(1);
                rule
            }
            12 => {
                let mut rule = self.on_one_volume(
                    fleet,
                    &[
                        "SnapshotCreationPerVolumeRateExceeded",
                        "ConcurrentSnapshotLimitExceeded",
                        "PendingSnapshotLimitExceeded",
                    ],
                );
                rule.when.times = self.one_of(&[Some(1), Some(3), None]);
                rule
            }
            _ => {
                let delete = When { action: Some("DeleteSnapshot".to_owned()), chance: some, ..When::default() };
                Rule { when: delete, then: refuse(self.one_of(&["InvalidSnapshot.InUse", "OperationNotPermitted"])) }
            }
        }
    }

    fn on_one_volume(&mut self, fleet: &[(String, Seed)], codes: &[&str]) -> Rule {
        let (region, seed) = self.one_of(fleet);
        let volume = seed.volumes.choose(&mut self.0).map_or_else(|| "vol-none".to_owned(), |volume| volume.id.clone());
        let when = When {
            action: Some("CreateSnapshot".to_owned()),
            region: Some(region),
            resource: Some(volume),
            ..When::default()
        };
        Rule { when, then: Fault::Refuse { code: self.one_of(codes).to_owned() } }
    }

    fn change(&mut self, fleet: &[(String, Seed)]) -> Option<(u64, Change)> {
        let (region, seed) = self.one_of(fleet);
        let volume = seed.volumes.choose(&mut self.0).map(|volume| volume.id.clone());
        let snapshot = seed.snapshots.choose(&mut self.0).map(|snapshot| snapshot.id.clone());
        let change = match self.between(0, 2) {
            0 => Change::DeleteVolume(region, volume?),
            1 => Change::Exclude(region, volume?),
            _ => Change::Hold(region, snapshot?),
        };
        Some((self.0.random_range(0..90), change))
    }
}
