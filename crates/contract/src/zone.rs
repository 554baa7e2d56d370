//! The time zone by which a policy divides time into days, weeks, months and years.

use std::fmt;
use std::str::FromStr;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::parse::InvalidValue;

/// A time zone of the IANA database, by its name; by default UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(Tz);

impl TimeZone {
    /// The zone, to reckon with.
    #[must_use]
    pub fn tz(self) -> Tz {
        self.0
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

impl FromStr for TimeZone {
    type Err = InvalidValue;
    fn from_str(name: &str) -> Result<Self, InvalidValue> {
        let refused = |_| InvalidValue::new("time zone", name, "an IANA time zone, such as UTC or Europe/Berlin");
        name.parse().map(Self).map_err(refused)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl TryFrom<String> for TimeZone {
    type Error = InvalidValue;
    fn try_from(name: String) -> Result<Self, InvalidValue> {
        name.parse()
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> Self {
        zone.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_a_zone_is_one_of_the_database_by_its_exact_name() {
        // The same names as in the test of the CDK app, which must not take what is refused here after the deployment.
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Calcutta", "Etc/GMT+5"] {
            assert_eq!(good.parse::<TimeZone>().unwrap().to_string(), good);
        }
        for bad in ["", "CEST", "+01:00", "europe/berlin", "Europe/BERLIN", "Berlin", "Europe/Berlin "] {
            let error = bad.parse::<TimeZone>().unwrap_err().to_string();
            assert!(error.contains("an IANA time zone, such as UTC or Europe/Berlin"), "{error}");
        }
    }
}
