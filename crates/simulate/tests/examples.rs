//! The examples of docs/RETENTION.md are what the program prints.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use simulate::{Nights, Outcome, Word, calendar, judge, play, points, policy_file};

fn docs(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file)
}

fn played(policy: &str, days: u32, hours: i64, missed: f64) -> (String, Outcome) {
    let policy = policy_file::read(&docs(&format!("retention/{policy}.json"))).unwrap();
    let last = "2026-11-23T02:00:00Z".parse().unwrap();
    let outcome = play(&policy, Nights { last, days, every: TimeDelta::hours(hours), missed, seed: 1 }).unwrap();
    (calendar::render(&policy, &outcome), outcome)
}

#[test]
fn the_first_example_is_shown_whole_and_the_others_line_by_line() {
    let text = std::fs::read_to_string(docs("RETENTION.md")).unwrap();
    let (whole, outcome) = played("default", 400, 24, 0.03);
    assert!(text.contains(&whole), "docs/RETENTION.md does not show:\n{whole}");
    assert_eq!(outcome.kept.len(), 20);
    for (policy, days, hours) in [("hourly-database", 60, 1), ("compliance", 3_000, 24)] {
        let (printed, outcome) = played(policy, days, hours, 0.0);
        // Of those that are shortened there, the head and what is rare are not.
        let rare = |line: &&str| !line.ends_with("/48") && !line.ends_with("within 30d") && !line.is_empty();
        for line in printed.lines().filter(rare) {
            assert!(text.contains(line), "{policy}: docs/RETENTION.md does not show:\n{line}");
        }
        assert!(outcome.longest_gap.is_some());
    }
}

#[test]
fn given_moments_are_judged_as_the_picture_shows() {
    let policy = policy_file::read(&docs("retention/points.json")).unwrap();
    let moments = points::read(&docs("retention/points.txt")).unwrap();
    let verdicts = judge(&policy, &moments, "2026-11-23T02:00:00Z".parse().unwrap()).unwrap();
    let deleted: Vec<String> = verdicts
        .iter()
        .filter(|point| point.verdict == Word::Delete)
        .map(|point| point.started_at.to_rfc3339())
        .collect();
    assert_eq!((verdicts.len(), deleted), (6, vec!["2026-11-22T02:00:00+00:00".to_owned()]));
}

#[test]
fn missed_runs_are_missed_and_the_same_seed_misses_the_same() {
    let (first, outcome) = played("default", 400, 24, 0.25);
    assert!((60..140).contains(&outcome.missed), "{}", outcome.missed);
    assert_eq!(outcome.made + outcome.missed, 401);
    assert_eq!(played("default", 400, 24, 0.25).0, first);
}
