//! What survives, as a calendar in a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use contract::JobPolicy;

use crate::{Outcome, Point};

/// Days of the longest month.
const DAYS: u32 = 31;

/// The calendar, a line a month and newest first, and the restore points with their reasons.
#[must_use]
pub fn render(policy: &JobPolicy, outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let floor = policy.floor.get();
    let newest = if floor == 1 { "the newest one".to_owned() } else { format!("the newest {floor}") };
    line(&format!("Policy {}: {}, and always {newest}", policy.name, policy.retention));
    line(&format!(
        "{} runs, {} missed; the last on {}. {} restore points stay, of at most {} at once.",
        outcome.made,
        outcome.missed,
        outcome.now.with_timezone(&policy.time_zone.tz()).format("%a %Y-%m-%d %H:%M %Z"),
        outcome.kept.len(),
        outcome.most
    ));
    match &outcome.longest_gap {
        Some(gap) => line(&format!(
            "The longest time without one: {:.1} days, from {} to {}.",
            gap.days(),
            date(policy, gap.from),
            date(policy, gap.to)
        )),
        None => line("There is only one: no time between two."),
    }
    line("");
    months(policy, outcome).iter().for_each(|month| line(month));
    line("");
    line(
        "  h hourly, d daily, w weekly, m monthly, y yearly, l last, i within, f floor alone: the rule of the longest period.",
    );
    line("  A digit: so many on that day, 9 for nine or more.");
    line("");
    for point in &outcome.kept {
        line(&format!("  {}", described(policy, point)));
    }
    text
}

/// The day of a moment in the policy's time zone.
#[must_use]
pub fn date(policy: &JobPolicy, at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&policy.time_zone.tz()).date_naive()
}

/// A restore point in one line.
#[must_use]
pub fn described(policy: &JobPolicy, point: &Point) -> String {
    let local = point.started_at.with_timezone(&policy.time_zone.tz());
    format!("{}  {}", local.format("%a %Y-%m-%d %H:%M"), point.reasons.join("; "))
}

/// The letter of the rule that keeps a point for the longest.
#[must_use]
pub fn letter(point: &Point) -> char {
    let any = |word: &str| point.reasons.iter().any(|reason| reason.contains(word));
    let letters = [
        ("yearly", 'y'),
        ("monthly", 'm'),
        ("weekly", 'w'),
        ("daily", 'd'),
        ("hourly", 'h'),
        ("within", 'i'),
        ("last", 'l'),
    ];
    letters.into_iter().find(|(word, _)| any(word)).map_or('f', |(_, letter)| letter)
}

fn months(policy: &JobPolicy, outcome: &Outcome) -> Vec<String> {
    let mut by_day: BTreeMap<NaiveDate, Vec<&Point>> = BTreeMap::new();
    for point in &outcome.kept {
        by_day.entry(date(policy, point.started_at)).or_default().push(point);
    }
    let (Some(oldest), Some(newest)) = (by_day.keys().next().copied(), by_day.keys().next_back().copied()) else {
        return Vec::new();
    };
    let mut header = "           ".to_owned();
    for day in (5..=DAYS).step_by(5) {
        _ = write!(header, "{day:>5}");
    }
    let mut lines = vec![header];
    let mut month = newest.with_day(1).unwrap_or(newest);
    let mut empty = 0;
    while month >= oldest.with_day(1).unwrap_or(oldest) {
        let cells: String = (1..=DAYS)
            .map(|day| match month.with_day(day) {
                None => ' ',
                Some(day) => match by_day.get(&day).map(Vec::as_slice) {
                    None | Some([]) => '·',
                    Some([one]) => letter(one),
                    Some(several) => {
                        char::from_digit(u32::try_from(several.len()).unwrap_or(9).min(9), 10).unwrap_or('+')
                    }
                },
            })
            .collect();
        if cells.contains(|c: char| c.is_alphanumeric()) {
            if empty > 0 {
                lines.push(format!("           {empty} {} without one", if empty == 1 { "month" } else { "months" }));
            }
            empty = 0;
            lines.push(format!("  {}  {}", month.format("%Y-%m"), cells.trim_end()));
        } else {
            empty += 1;
        }
        match month.checked_sub_months(Months::new(1)) {
            Some(before) => month = before,
            None => break,
        }
    }
    lines
}
