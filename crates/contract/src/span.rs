//! Spans of time as keep rules write them: `36h`, `14d`, `8w`, `6m`, `2y`, or several units, the largest first: `1y6m`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Months, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::parse::InvalidValue;

/// The longest span, in days: a hundred years.
pub const MAX_DAYS: u32 = 36_500;

const EXPECTED: &str = "a span such as 36h, 14d, 8w, 6m, 2y or 1y6m, of at most a hundred years";

/// A span of time, longer than nothing and at most a hundred years.
///
/// Hours, days and weeks are of 60 minutes, 24 hours and 7 days. Months and years are those of the calendar, counted back
/// in UTC: a month before 31 March is the last day of February.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    years: u32,
    months: u32,
    weeks: u32,
    days: u32,
    hours: u32,
}

impl Span {
    /// A span of so many days of 24 hours.
    ///
    /// # Errors
    /// When it is no span at all, or longer than a hundred years.
    pub fn of_days(days: u32) -> Result<Self, InvalidValue> {
        Self { years: 0, months: 0, weeks: 0, days, hours: 0 }.checked(&format!("{days}d"))
    }

    /// The moment that is this span before `now`; what was started after it is younger.
    #[must_use]
    pub fn before(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let hours = (i64::from(self.weeks) * 7 + i64::from(self.days)) * 24 + i64::from(self.hours);
        now.checked_sub_months(Months::new(self.years * 12 + self.months))
            .and_then(|then| then.checked_sub_signed(TimeDelta::hours(hours)))
            .unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    fn units(&self) -> [(char, u32); 5] {
        [('y', self.years), ('m', self.months), ('w', self.weeks), ('d', self.days), ('h', self.hours)]
    }

    fn checked(self, given: &str) -> Result<Self, InvalidValue> {
        // At most as many days as the units may have; no unit is so large that the sum overflows.
        let most = [365_u64 * 24, 30 * 24, 7 * 24, 24, 1];
        let hours: u64 = self.units().iter().zip(most).map(|((_, count), hours)| u64::from(*count) * hours).sum();
        if (1..=u64::from(MAX_DAYS) * 24).contains(&hours) {
            Ok(self)
        } else {
            Err(InvalidValue::new("span", given, EXPECTED))
        }
    }
}

impl FromStr for Span {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refused = || InvalidValue::new("span", text, EXPECTED);
        let mut span = Self { years: 0, months: 0, weeks: 0, days: 0, hours: 0 };
        let mut left = "ymwdh";
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
            let (number, tail) = rest.split_at(end);
            let unit = tail.chars().next().ok_or_else(refused)?;
            // Each unit once, the largest first.
            let at = left.find(unit).ok_or_else(refused)?;
            left = left.get(at + 1..).unwrap_or_default();
            let count = number.parse().ok().filter(|count| *count <= MAX_DAYS * 24).ok_or_else(refused)?;
            match unit {
                'y' => span.years = count,
                'm' => span.months = count,
                'w' => span.weeks = count,
                'd' => span.days = count,
                _ => span.hours = count,
            }
            rest = tail.get(unit.len_utf8()..).unwrap_or_default();
        }
        span.checked(text)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.units().iter().filter(|(_, count)| *count > 0).try_for_each(|(unit, count)| write!(f, "{count}{unit}"))
    }
}

impl TryFrom<String> for Span {
    type Error = InvalidValue;
    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn before(span: &str, now: &str) -> String {
        span.parse::<Span>().unwrap().before(now.parse().unwrap()).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    #[test]
    fn a_span_counts_back_from_a_moment() {
        for (span, now, expected) in [
            ("36h", "2026-11-23T02:00:00Z", "2026-11-21T14:00:00Z"),
            ("14d", "2026-11-23T02:00:00Z", "2026-11-09T02:00:00Z"),
            ("8w", "2026-11-23T02:00:00Z", "2026-09-28T02:00:00Z"),
            ("6m", "2026-11-23T02:00:00Z", "2026-05-23T02:00:00Z"),
            ("2y", "2026-11-23T02:00:00Z", "2024-11-23T02:00:00Z"),
            ("1y6m2d", "2026-11-23T02:00:00Z", "2025-05-21T02:00:00Z"),
            ("1m", "2026-03-31T02:00:00Z", "2026-02-28T02:00:00Z"), // no such day: the last one of the month
            ("1y", "2028-02-29T02:00:00Z", "2027-02-28T02:00:00Z"), // a leap day
            ("2m", "2026-01-15T02:00:00Z", "2025-11-15T02:00:00Z"),
        ] {
            assert_eq!(before(span, now), expected, "{span} before {now}");
        }
    }

    #[test]
    fn s10_what_is_no_span_is_refused() {
        for bad in [
            "",
            "7",
            "d",
            "7 d",
            "d7",
            "0d",
            "0y0h",
            "-7d",
            "7D",
            "7x",
            "7d7d",
            "7d1y",
            "101y",
            "36501d",
            "99999999999d",
            "1ü",
        ] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        assert!("100y".parse::<Span>().is_ok() && "876000h".parse::<Span>().is_ok());
    }

    proptest! {
        #[test]
        fn a_longer_span_never_ends_later(n in 1_u32..50, more in 1_u32..50, unit in "[ymwdh]", seconds in 0_i64..4_000_000_000) {
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let span = |n: u32| format!("{n}{unit}").parse::<Span>().unwrap();
            prop_assert!(span(n + more).before(now) <= span(n).before(now));
            prop_assert!(span(n).before(now) < now);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([0-9]{0,12}[ymwdh]?){0,6}|.{0,20}") {
            if let Ok(span) = text.parse::<Span>() {
                prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
            }
        }
    }
}
