//! How long snapshots are kept.

use serde::{Deserialize, Serialize};

use crate::parse::InvalidValue;

/// The longest `keepDays`: a hundred years.
pub const MAX_KEEP_DAYS: u32 = 36_500;
/// The largest `keepLast`.
pub const MAX_KEEP_LAST: u32 = 1_000;

/// Keep rules. A snapshot stays as long as any rule wants it. There is always at least one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawRetention", rename_all = "camelCase")]
pub struct Retention {
    keep_days: Option<u32>,
    keep_last: Option<u32>,
}

impl Retention {
    /// Makes the keep rules.
    ///
    /// # Errors
    /// When there is no rule at all, as that would keep nothing, or a number is out of its bounds.
    pub fn new(keep_days: Option<u32>, keep_last: Option<u32>) -> Result<Self, InvalidValue> {
        if keep_days.is_none() && keep_last.is_none() {
            return Err(InvalidValue::new(
                "retention",
                "{}",
                "at least one of keepDays and keepLast, as no rule keeps nothing",
            ));
        }
        check("keepDays", keep_days, MAX_KEEP_DAYS)?;
        check("keepLast", keep_last, MAX_KEEP_LAST)?;
        Ok(Self { keep_days, keep_last })
    }

    /// Keep what is younger than this many days of 24 hours, if the rule is given.
    #[must_use]
    pub fn keep_days(&self) -> Option<u32> {
        self.keep_days
    }

    /// Keep this many of the newest completed snapshots of each volume, if the rule is given.
    #[must_use]
    pub fn keep_last(&self) -> Option<u32> {
        self.keep_last
    }
}

impl std::fmt::Display for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rules: Vec<String> = [
            self.keep_days.map(|days| format!("keepDays {days}")),
            self.keep_last.map(|count| format!("keepLast {count}")),
        ]
        .into_iter()
        .flatten()
        .collect();
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawRetention {
    keep_days: Option<u32>,
    keep_last: Option<u32>,
}

impl TryFrom<RawRetention> for Retention {
    type Error = InvalidValue;
    fn try_from(raw: RawRetention) -> Result<Self, Self::Error> {
        Self::new(raw.keep_days, raw.keep_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_a_retention_that_keeps_nothing_is_refused() {
        assert!(Retention::new(None, None).is_err());
        assert!(Retention::new(Some(0), None).is_err());
        assert!(Retention::new(Some(7), Some(0)).is_err());
        assert!(Retention::new(Some(MAX_KEEP_DAYS + 1), None).is_err());
        assert!(Retention::new(Some(MAX_KEEP_DAYS), Some(MAX_KEEP_LAST)).is_ok());
    }

    #[test]
    fn it_reads_as_the_configuration_writes_it() {
        assert_eq!(Retention::new(Some(7), Some(3)).unwrap().to_string(), "keepDays 7, keepLast 3");
    }
}
