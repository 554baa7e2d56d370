//! The periods that time is divided into, by a time zone.

use std::fmt;

use chrono::{DateTime, Datelike, Offset, TimeZone as _, Utc};
use contract::TimeZone;
use contract::tally::KeepKind;

/// A period of the calendar, of which a rule keeps the newest snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// An hour of the clock. One that comes twice, when the clock is put back, is two.
    Hour,
    /// A day.
    Day,
    /// An ISO week, from Monday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// The number of the period that `at` is in. The next period has the next number; but where a clock is put back by half an
    /// hour, as on Lord Howe Island, two hours may share one.
    #[must_use]
    pub fn number(self, at: DateTime<Utc>, zone: TimeZone) -> i64 {
        let offset = i64::from(zone.tz().offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc());
        let local = at.with_timezone(&zone.tz()).date_naive();
        let day = i64::from(local.num_days_from_ce());
        match self {
            // Only what the zone's clock is off the full hour counts: so an hour that comes twice has two numbers.
            Self::Hour => (at.timestamp() + offset.rem_euclid(3_600)).div_euclid(3_600),
            Self::Day => day,
            // The first day of the first year was a Monday.
            Self::Week => (day - 1).div_euclid(7),
            Self::Month => i64::from(local.year()) * 12 + i64::from(local.month0()),
            Self::Year => i64::from(local.year()),
        }
    }

    /// The kind of reason that the tally counts.
    #[must_use]
    pub fn kind(self) -> KeepKind {
        match self {
            Self::Hour => KeepKind::KeepHourly,
            Self::Day => KeepKind::KeepDaily,
            Self::Week => KeepKind::KeepWeekly,
            Self::Month => KeepKind::KeepMonthly,
            Self::Year => KeepKind::KeepYearly,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "hourly",
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
            Self::Year => "yearly",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(period: Period, zone: &str, a: &str, b: &str) -> bool {
        let number = |at: &str| period.number(at.parse().unwrap(), zone.parse().unwrap());
        number(a) == number(b)
    }

    #[test]
    fn the_edges_of_the_calendar_are_where_the_zone_has_them() {
        for (period, zone, a, b, expected) in [
            // Midnight in Berlin is 23:00 or 22:00 UTC.
            (Period::Day, "UTC", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z", false),
            (Period::Day, "Europe/Berlin", "2026-11-22T22:59:59Z", "2026-11-22T23:00:00Z", false),
            (Period::Day, "Europe/Berlin", "2026-07-22T21:59:59Z", "2026-07-22T22:00:00Z", false),
            (Period::Day, "Europe/Berlin", "2026-11-22T23:00:00Z", "2026-11-23T22:59:59Z", true),
            // The day on which the clock is put back has 25 hours, the one on which it is put forward 23.
            (Period::Day, "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", true),
            (Period::Day, "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", true),
            (Period::Day, "Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z", false),
            // 02:30 comes twice; it is two hours.
            (Period::Hour, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", false),
            (Period::Hour, "Asia/Kolkata", "2026-10-25T00:29:59Z", "2026-10-25T00:30:00Z", false),
            (Period::Hour, "Asia/Kolkata", "2026-10-25T00:30:00Z", "2026-10-25T01:29:59Z", true),
            // ISO weeks begin on Monday, and week 53 of 2026 goes on into 2027.
            (Period::Week, "UTC", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z", false),
            (Period::Week, "UTC", "2026-12-31T12:00:00Z", "2027-01-03T12:00:00Z", true),
            (Period::Week, "UTC", "2027-01-03T12:00:00Z", "2027-01-04T12:00:00Z", false),
            (Period::Year, "UTC", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", false),
            (Period::Year, "Pacific/Auckland", "2026-12-31T10:59:59Z", "2026-12-31T11:00:00Z", false),
            (Period::Month, "UTC", "2028-02-28T12:00:00Z", "2028-02-29T12:00:00Z", true),
            (Period::Month, "UTC", "2028-02-29T12:00:00Z", "2028-03-01T12:00:00Z", false),
            (Period::Month, "UTC", "2025-11-23T12:00:00Z", "2026-11-23T12:00:00Z", false),
        ] {
            assert_eq!(same(period, zone, a, b), expected, "{period} in {zone}: {a} and {b}");
        }
    }

    proptest! {
        #[test]
        fn later_is_never_an_earlier_period_and_the_next_one_is_the_next_number(
            seconds in -1_000_000_000_i64..4_000_000_000,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
            period in prop::sample::select(vec![Period::Hour, Period::Day, Period::Week, Period::Month, Period::Year]),
        ) {
            let number = |seconds: i64| period.number(DateTime::from_timestamp(seconds, 0).unwrap(), zone.parse().unwrap());
            let step = number(seconds + 3_599) - number(seconds);
            prop_assert!((0..=1).contains(&step), "{step}");
        }
    }
}
