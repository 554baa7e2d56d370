//! How long snapshots are kept: the keep rules, as a policy and as a volume's own tag write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::parse::InvalidValue;
use crate::span::Span;

/// The largest number in a rule that counts.
pub const MAX_COUNT: u32 = 1_000;
/// The longest `keepDays`: a hundred years.
pub const MAX_KEEP_DAYS: u32 = crate::span::MAX_DAYS;

/// The rules, each as it was given or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeepRules {
    /// Keep so many of the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<u32>,
    /// Keep what is younger than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within: Option<Span>,
    /// Keep the newest of each of so many hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_hourly: Option<u32>,
    /// Keep the newest of each of so many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_daily: Option<u32>,
    /// Keep the newest of each of so many ISO weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_weekly: Option<u32>,
    /// Keep the newest of each of so many months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_monthly: Option<u32>,
    /// Keep the newest of each of so many years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_yearly: Option<u32>,
}

impl KeepRules {
    /// The rules that count, with their names, in the order of their periods.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, Option<u32>); 6] {
        [
            ("keepLast", self.keep_last),
            ("keepHourly", self.keep_hourly),
            ("keepDaily", self.keep_daily),
            ("keepWeekly", self.keep_weekly),
            ("keepMonthly", self.keep_monthly),
            ("keepYearly", self.keep_yearly),
        ]
    }
}

/// Keep rules of which there is at least one, each within its bounds. A snapshot stays as long as any of them wants it.
///
/// # Example
/// ```
/// use contract::Retention;
///
/// let retention: Retention = "keepDaily=14 keepMonthly=6".parse()?;
/// assert_eq!(retention.rules().keep_daily, Some(14));
/// assert_eq!(retention.to_string(), "keepDaily 14, keepMonthly 6");
/// # Ok::<(), contract::parse::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawRetention", into = "KeepRules")]
pub struct Retention(KeepRules);

impl Retention {
    /// Checks the rules.
    ///
    /// # Errors
    /// When there is no rule at all, as that would keep nothing, or a number is out of its bounds.
    pub fn new(rules: KeepRules) -> Result<Self, InvalidValue> {
        if rules == KeepRules::default() {
            return Err(InvalidValue::new("retention", "{}", NO_RULE));
        }
        for (name, count) in rules.counts() {
            check(name, count, MAX_COUNT)?;
        }
        Ok(Self(rules))
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &KeepRules {
        &self.0
    }
}

const NO_RULE: &str = "at least one of keepLast, keepWithin, keepDays, keepHourly, keepDaily, keepWeekly, keepMonthly and keepYearly, as no rule keeps nothing";

/// As the tag of a volume writes it: rules with `=`, separated by spaces.
impl FromStr for Retention {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let mut raw = RawRetention::default();
        for rule in text.split_ascii_whitespace() {
            let (name, value) = rule
                .split_once('=')
                .ok_or_else(|| InvalidValue::new("keep rule", rule, "a rule such as keepDaily=14"))?;
            raw.set(name, value)?;
        }
        raw.try_into()
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = self.0.keep_within.map(|span| format!("keepWithin {span}"));
        let counts = self.0.counts().map(|(name, count)| count.map(|count| format!("{name} {count}")));
        let [last, counts @ ..] = counts;
        let rules: Vec<String> = [last, within].into_iter().chain(counts).flatten().collect();
        f.write_str(&rules.join(", "))
    }
}

fn check(field: &'static str, value: Option<u32>, max: u32) -> Result<(), InvalidValue> {
    match value {
        Some(value) if !(1..=max).contains(&value) => {
            Err(InvalidValue::new(field, &value.to_string(), format!("1 to {max}")))
        }
        _ => Ok(()),
    }
}

/// The rules as they are written. `keepDays` is a short form of `keepWithin`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawRetention {
    keep_days: Option<u32>,
    keep_last: Option<u32>,
    keep_within: Option<Span>,
    keep_hourly: Option<u32>,
    keep_daily: Option<u32>,
    keep_weekly: Option<u32>,
    keep_monthly: Option<u32>,
    keep_yearly: Option<u32>,
}

impl RawRetention {
    fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidValue> {
        let field = match name {
            "keepWithin" => return once(name, &mut self.keep_within, value.parse()?),
            "keepDays" => &mut self.keep_days,
            "keepLast" => &mut self.keep_last,
            "keepHourly" => &mut self.keep_hourly,
            "keepDaily" => &mut self.keep_daily,
            "keepWeekly" => &mut self.keep_weekly,
            "keepMonthly" => &mut self.keep_monthly,
            "keepYearly" => &mut self.keep_yearly,
            _ => return Err(InvalidValue::new("keep rule", name, NO_RULE)),
        };
        let most = if name == "keepDays" { MAX_KEEP_DAYS } else { MAX_COUNT };
        let number = || InvalidValue::new("number of a keep rule", value, format!("1 to {most}, as in {name}=14"));
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        once(name, field, value.parse().ok().filter(|_| digits).ok_or_else(number)?)
    }
}

fn once<T>(name: &str, field: &mut Option<T>, value: T) -> Result<(), InvalidValue> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(InvalidValue::new("retention", name, "each rule once")),
    }
}

impl TryFrom<RawRetention> for Retention {
    type Error = InvalidValue;

    fn try_from(raw: RawRetention) -> Result<Self, InvalidValue> {
        check("keepDays", raw.keep_days, MAX_KEEP_DAYS)?;
        let keep_within = match (raw.keep_days, raw.keep_within) {
            (Some(_), Some(within)) => {
                let expected = "one of keepDays and keepWithin, as keepDays is its short form";
                return Err(InvalidValue::new("retention", &within.to_string(), expected));
            }
            (Some(days), None) => Some(Span::of_days(days)?),
            (None, within) => within,
        };
        Self::new(KeepRules {
            keep_last: raw.keep_last,
            keep_within,
            keep_hourly: raw.keep_hourly,
            keep_daily: raw.keep_daily,
            keep_weekly: raw.keep_weekly,
            keep_monthly: raw.keep_monthly,
            keep_yearly: raw.keep_yearly,
        })
    }
}

impl From<Retention> for KeepRules {
    fn from(retention: Retention) -> Self {
        retention.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of_json(json: &str) -> Result<Retention, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn s10_a_retention_that_keeps_nothing_is_refused() {
        for bad in [
            "{}",
            r#"{"keepDays":0}"#,
            r#"{"keepDays":7,"keepLast":0}"#,
            r#"{"keepDays":36501}"#,
            r#"{"keepDaily":1001}"#,
            r#"{"keepWithin":"0d"}"#,
            r#"{"keepWithin":"7"}"#,
            r#"{"keepDays":7,"keepWithin":"7d"}"#,
            r#"{"keepForever":true}"#,
        ] {
            assert!(of_json(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn it_reads_as_the_configuration_writes_it() {
        let all = r#"{"keepLast":3,"keepWithin":"14d","keepHourly":24,"keepDaily":7,"keepWeekly":4,"keepMonthly":12,"keepYearly":2}"#;
        let retention = of_json(all).unwrap();
        assert_eq!(
            retention.to_string(),
            "keepLast 3, keepWithin 14d, keepHourly 24, keepDaily 7, keepWeekly 4, keepMonthly 12, keepYearly 2"
        );
        assert_eq!(serde_json::to_string(&retention).unwrap(), all);
        assert_eq!(of_json(r#"{"keepDays":7}"#).unwrap(), of_json(r#"{"keepWithin":"7d"}"#).unwrap(), "its short form");
    }

    #[test]
    fn s10_a_tag_that_is_no_retention_is_refused_with_what_would_be_right() {
        for (bad, part) in [
            ("", "at least one of keepLast"),
            ("14", "a rule such as keepDaily=14"),
            ("keepDaily", "a rule such as keepDaily=14"),
            ("keepDaily=", "1 to 1000"),
            ("keepDaily=+7", "1 to 1000"),
            ("keepDaily=0", "1 to 1000"),
            ("keepDaily=14 keepDaily=7", "each rule once"),
            ("keepForever=1", "at least one of keepLast"),
            ("keepWithin=soon", "14d"),
            ("keepDays=7 keepWithin=7d", "its short form"),
        ] {
            let error = bad.parse::<Retention>().unwrap_err().to_string();
            assert!(error.contains(part), "{bad:?}: {error}");
        }
        assert_eq!(
            "  keepWithin=36h   keepDaily=14 ".parse::<Retention>().unwrap().to_string(),
            "keepWithin 36h, keepDaily 14"
        );
    }

    proptest! {
        #[test]
        fn whatever_a_tag_says_it_is_read_or_refused(text in "(keep(Days|Within|Daily|Last)?=?[0-9dwmyh]{0,6}[ ]?){0,4}|.{0,256}") {
            match text.parse::<Retention>() {
                Ok(retention) => {
                    let written = retention.to_string().replace(", ", ";").replace(' ', "=").replace(';', " ");
                    prop_assert_eq!(written.parse::<Retention>().unwrap(), retention, "{}", written);
                }
                Err(error) => prop_assert!(error.to_string().len() < 500),
            }
        }
    }
}
