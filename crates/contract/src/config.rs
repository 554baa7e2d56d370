//! The deployed configuration: policies belong to the deployment, an execution can only name one.

use serde::{Deserialize, Serialize};

use crate::ids::{PolicyName, Region};
use crate::parse::InvalidValue;
use crate::retention::Retention;
use crate::selector::TagSelector;
use crate::span::Span;
use crate::zone::TimeZone;

/// All that `list-regions` reads from its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawConfig", rename_all = "camelCase")]
pub struct Config {
    /// The policies of this deployment: at least one, each name once.
    pub policies: Vec<Policy>,
    /// How much of EC2's request buckets a run may take.
    pub pace: Pace,
}

/// What to back up, where, and how long to keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Its name, also the value of the managed tag.
    pub name: PolicyName,
    /// Which volumes.
    pub tag: TagSelector,
    /// How long.
    pub retention: Retention,
    /// Where.
    #[serde(default)]
    pub regions: RegionFilter,
    /// Completed snapshots of each volume that stay whatever the rules say: 1 to 100.
    #[serde(default)]
    pub floor: Floor,
    /// When a purge is too large to be believed.
    #[serde(default)]
    pub purge_guard: PurgeGuard,
    /// What a volume's own retention cannot go below; the policy's own retention when absent.
    #[serde(default)]
    pub minimum: Option<Retention>,
    /// What becomes of the snapshots of volumes that are gone.
    #[serde(default)]
    pub orphans: Orphans,
    /// Where days, weeks, months and years begin.
    #[serde(default)]
    pub time_zone: TimeZone,
    /// Whether snapshots that the script before EBS Backup left behind are listed, and may be adopted.
    #[serde(default)]
    pub adopt: bool,
    /// Whether the report names volumes that are cheaper or better as another type.
    #[serde(default)]
    pub advice: bool,
}

/// What becomes of the snapshots of a volume that is gone, once its newest is older than a span: neither the floor nor
/// `keepLast` holds them any longer, and the rules of the calendar count on as if the volume were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Value", into = "RawOrphans")]
pub enum Orphans {
    /// They are like any others: the newest stays for ever.
    Keep,
    /// So long they are like any others.
    KeepWithin(Span),
}

impl Default for Orphans {
    /// Ninety days.
    fn default() -> Self {
        Span::of_days(90).map_or(Self::Keep, Self::KeepWithin)
    }
}

impl std::fmt::Display for Orphans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Keep => f.write_str("keep"),
            Self::KeepWithin(span) => write!(f, "keepWithin {span}"),
        }
    }
}

/// [`Orphans`] as they are written.
#[derive(Serialize)]
#[serde(untagged)]
enum RawOrphans {
    Keep(&'static str),
    #[serde(rename_all = "camelCase")]
    KeepWithin {
        keep_within: Span,
    },
}

impl From<Orphans> for RawOrphans {
    fn from(orphans: Orphans) -> Self {
        match orphans {
            Orphans::Keep => Self::Keep("keep"),
            Orphans::KeepWithin(keep_within) => Self::KeepWithin { keep_within },
        }
    }
}

impl TryFrom<serde_json::Value> for Orphans {
    type Error = InvalidValue;
    fn try_from(raw: serde_json::Value) -> Result<Self, Self::Error> {
        let refused = || InvalidValue::new("orphans", &raw.to_string(), r#""keep" or {"keepWithin": "90d"}"#);
        match &raw {
            serde_json::Value::String(word) if word == "keep" => Ok(Self::Keep),
            serde_json::Value::Object(fields) if fields.len() == 1 => {
                let span = fields.get("keepWithin").and_then(serde_json::Value::as_str).ok_or_else(refused)?;
                span.parse().map(Self::KeepWithin)
            }
            _ => Err(refused()),
        }
    }
}

/// Which of the account's enabled regions a policy covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RegionFilter {
    /// Only these; every enabled region when empty.
    pub include: Vec<Region>,
    /// Not these.
    pub exclude: Vec<Region>,
}

/// Completed snapshots of each volume that always stay: 1 to 100, default 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Floor(u32);

impl Floor {
    /// Checks the number.
    ///
    /// # Errors
    /// When it is not 1 to 100: a floor of 0 would let the only copy go.
    pub fn new(value: u32) -> Result<Self, InvalidValue> {
        if (1..=100).contains(&value) {
            Ok(Self(value))
        } else {
            Err(InvalidValue::new("floor", &value.to_string(), "1 to 100"))
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Floor {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u32> for Floor {
    type Error = InvalidValue;
    fn try_from(value: u32) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Floor> for u32 {
    fn from(floor: Floor) -> Self {
        floor.0
    }
}

/// A purge is held when it would delete more than `max_percent` of a region's managed snapshots, if there are at least
/// `min_snapshots` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawPurgeGuard", rename_all = "camelCase")]
pub struct PurgeGuard {
    /// 1 to 100, default 50.
    pub max_percent: u32,
    /// Default 20.
    pub min_snapshots: u32,
}

impl Default for PurgeGuard {
    fn default() -> Self {
        Self { max_percent: 50, min_snapshots: 20 }
    }
}

impl PurgeGuard {
    /// Whether a purge of `deletions` out of `managed` snapshots is held.
    #[must_use]
    pub fn holds(self, deletions: u64, managed: u64) -> bool {
        managed >= u64::from(self.min_snapshots) && deletions * 100 > managed * u64::from(self.max_percent)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawPurgeGuard {
    #[serde(default = "default_max_percent")]
    max_percent: u32,
    #[serde(default = "default_min_snapshots")]
    min_snapshots: u32,
}

fn default_max_percent() -> u32 {
    PurgeGuard::default().max_percent
}

fn default_min_snapshots() -> u32 {
    PurgeGuard::default().min_snapshots
}

impl TryFrom<RawPurgeGuard> for PurgeGuard {
    type Error = InvalidValue;
    fn try_from(raw: RawPurgeGuard) -> Result<Self, Self::Error> {
        if !(1..=100).contains(&raw.max_percent) {
            return Err(InvalidValue::new("purgeGuard.maxPercent", &raw.max_percent.to_string(), "1 to 100"));
        }
        Ok(Self { max_percent: raw.max_percent, min_snapshots: raw.min_snapshots })
    }
}

/// The share of EC2's documented request buckets that a run may take, per region and API; the rest is left to the
/// account's other tools. 1 to 100, default 80.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawPace", rename_all = "camelCase")]
pub struct Pace {
    /// Per cent of each bucket and of its refill.
    pub share_percent: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { share_percent: 80 }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawPace {
    share_percent: u32,
}

impl TryFrom<RawPace> for Pace {
    type Error = InvalidValue;
    fn try_from(raw: RawPace) -> Result<Self, Self::Error> {
        if (1..=100).contains(&raw.share_percent) {
            Ok(Self { share_percent: raw.share_percent })
        } else {
            Err(InvalidValue::new("pace.sharePercent", &raw.share_percent.to_string(), "1 to 100"))
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawConfig {
    policies: Vec<Policy>,
    #[serde(default)]
    pace: Pace,
}

impl TryFrom<RawConfig> for Config {
    type Error = InvalidValue;
    fn try_from(raw: RawConfig) -> Result<Self, Self::Error> {
        if raw.policies.is_empty() {
            return Err(InvalidValue::new("policies", "[]", "at least one policy"));
        }
        for (at, policy) in raw.policies.iter().enumerate() {
            if raw.policies[..at].iter().any(|other| other.name == policy.name) {
                return Err(InvalidValue::new("policies", policy.name.as_str(), "each policy name once"));
            }
            let rival = |other: &&Policy| other.adopt && policy.adopt && other.tag.key == policy.tag.key;
            if let Some(rival) = raw.policies[..at].iter().find(rival) {
                let expected = format!("one policy with adopt for each tag key; {} has it too", rival.name);
                return Err(InvalidValue::new("policies with adopt", policy.name.as_str(), expected));
            }
            if policy.adopt && policy.tag.value.is_some() {
                let expected = "a policy without a tag value: what the script left bears its key with any value";
                return Err(InvalidValue::new("policies with adopt", policy.name.as_str(), expected));
            }
        }
        Ok(Self { policies: raw.policies, pace: raw.pace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::from_text;

    const DAILY: &str = r#"{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDays":7}}"#;

    fn config(policies: &str) -> Result<Config, crate::parse::InvalidDocument> {
        from_text(&format!(r#"{{"policies":[{policies}]}}"#))
    }

    #[test]
    fn a_short_configuration_gets_the_documented_defaults() {
        let config = config(DAILY).unwrap();
        let policy = &config.policies[0];
        assert_eq!(
            (policy.floor.get(), policy.purge_guard, config.pace.share_percent),
            (1, PurgeGuard { max_percent: 50, min_snapshots: 20 }, 80)
        );
    }

    #[test]
    fn s10_a_wrong_configuration_is_refused_with_path_value_and_remedy() {
        for (policies, path, part) in [
            ("", "(document)", "at least one policy"),
            (r#"{"name":"daily","tag":{"key":"Name"},"retention":{"keepDays":7}}"#, "policies[0].tag.key", "not Name"),
            (
                r#"{"name":"daily","tag":{"key":"Backup"},"retention":{}}"#,
                "policies[0].retention",
                "at least one of keepLast",
            ),
            (
                r#"{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDays":7},"orphans":{"keepWithin":"ninety days"}}"#,
                "policies[0].orphans",
                "a span such as",
            ),
            (
                r#"{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDays":7},"orphans":"drop"}"#,
                "policies[0].orphans",
                r#""keep" or {"keepWithin": "90d"}"#,
            ),
            (
                r#"{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDays":7},"minimum":{}}"#,
                "policies[0].minimum",
                "at least one of keepLast",
            ),
            (
                r#"{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDays":7},"timeZone":"Berlin"}"#,
                "policies[0].timeZone",
                "an IANA time zone",
            ),
            (
                r#"{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDays":-1}}"#,
                "policies[0].retention.keepDays",
                "-1",
            ),
            (
                r#"{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDays":7},"floor":0}"#,
                "policies[0].floor",
                "1 to 100",
            ),
            (
                r#"{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDays":7},"guard":1}"#,
                "policies[0].guard",
                "unknown field",
            ),
        ] {
            let error = config(policies).unwrap_err();
            assert_eq!(error.path, path, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
        let gold = DAILY.replace(r#"{"key":"Backup"}"#, r#"{"key":"Backup","value":"gold"},"adopt":true"#);
        assert!(config(&gold).unwrap_err().to_string().contains("without a tag value"));
        assert!(config(&format!("{DAILY},{DAILY}")).unwrap_err().to_string().contains("each policy name once"));
    }

    #[test]
    fn s8_the_guard_holds_above_half_of_twenty_or_more() {
        let guard = PurgeGuard::default();
        assert!(!guard.holds(10, 20), "exactly half passes");
        assert!(guard.holds(11, 20));
        assert!(!guard.holds(19, 19), "too few snapshots to judge by share");
    }
}
