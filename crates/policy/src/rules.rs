//! Which restore points of a volume the keep rules want, and why.

use chrono::{DateTime, Utc};
use contract::{KeepRules, TimeZone};

use crate::calendar::Period;
use crate::verdict::KeepReason;

/// How the rules count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Those periods that have a restore point, as `restic forget` does: after a month without backups the last seven days
    /// that have one are kept all the same.
    Filled,
    /// All periods, back from the moment: for a volume that is gone, and gets no further restore point. `keepLast` wants
    /// nothing then, as it would for ever.
    Calendar,
}

/// What the rules want of `points`, the moments of a volume's restore points, newest first: the reasons of each, in the
/// order of the rules; none for one that no rule wants.
#[must_use]
pub fn wanted(
    points: &[DateTime<Utc>],
    rules: &KeepRules,
    zone: TimeZone,
    now: DateTime<Utc>,
    counting: Counting,
) -> Vec<Vec<KeepReason>> {
    let mut reasons: Vec<Vec<KeepReason>> = vec![Vec::new(); points.len()];
    if let (Some(of), Counting::Filled) = (rules.keep_last, counting) {
        for (nth, reasons) in (1..=of).zip(&mut reasons) {
            reasons.push(KeepReason::Last { nth, of });
        }
    }
    if let Some(span) = rules.keep_within {
        let oldest = span.before(now);
        for (point, reasons) in points.iter().zip(&mut reasons) {
            if *point > oldest {
                reasons.push(KeepReason::Within(span));
            }
        }
    }
    for (period, count) in [
        (Period::Hour, rules.keep_hourly),
        (Period::Day, rules.keep_daily),
        (Period::Week, rules.keep_weekly),
        (Period::Month, rules.keep_monthly),
        (Period::Year, rules.keep_yearly),
    ] {
        let Some(of) = count else { continue };
        let kept = of_period(points, period, of, zone, now, counting);
        for (at, nth, oldest) in kept {
            reasons[at].push(KeepReason::Period { period, nth, of, oldest });
        }
    }
    reasons
}

/// The restore points that a rule of a period keeps: where each stands among `points`, the number of its period, and whether
/// it stays only as the oldest of all.
fn of_period(
    points: &[DateTime<Utc>],
    period: Period,
    of: u32,
    zone: TimeZone,
    now: DateTime<Utc>,
    counting: Counting,
) -> Vec<(usize, u32, bool)> {
    let this = period.number(now, zone);
    let mut kept = Vec::new();
    let (mut last, mut filled) = (None, 0);
    for (at, point) in points.iter().enumerate() {
        let number = period.number(*point, zone);
        let newest_of_period = last != Some(number);
        last = Some(number);
        let nth = match counting {
            Counting::Filled => filled + 1,
            // One from the future counts as of this very period.
            Counting::Calendar => u32::try_from((this - number).max(0)).unwrap_or(u32::MAX).saturating_add(1),
        };
        // As long as a rule has not found as many periods as it wants, the oldest restore point stays as well: else a
        // new policy of monthly ones would have none until the month is over.
        let oldest = counting == Counting::Filled && at + 1 == points.len();
        if nth <= of && (newest_of_period || oldest) {
            filled += 1;
            kept.push((at, nth, !newest_of_period));
        }
    }
    kept
}
