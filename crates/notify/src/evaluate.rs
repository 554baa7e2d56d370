//! What became of the run: requested regions, minus those that came back well.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use contract::errors::{REGION_LOST, VOLUMES_UNACCOUNTED};
use contract::job::{JobPolicy, RegionJob};
use contract::steps::notify::{RegionResult, Results};
use contract::tally::{Drawn, SnapshotCounts, VolumeCounts};
use contract::text::clip;
use contract::{ExecutionInput, Region, RunId, Tally};
use report_topic::words::message_in;
use serde_json::Value;

/// The longest error name in a report, in bytes of JSON.
const ERROR_BYTES: usize = 100;
/// The longest message of a region's failure in a report, in bytes of JSON.
const MESSAGE_BYTES: usize = 400;

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Which run.
    pub run: Run,
    /// Every requested region, in the order of the jobs; never empty.
    pub regions: Vec<RegionOutcome>,
}

/// What all jobs of a run have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub run_id: RunId,
    /// When its execution started.
    pub started_at: DateTime<Utc>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How often it was redriven.
    pub replay: u32,
    /// Its policy.
    pub policy: JobPolicy,
}

/// What became of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionOutcome {
    /// What it was asked to do.
    pub job: RegionJob,
    /// What it did, as far as it is known.
    pub tally: Tally,
    /// How it stands.
    pub standing: Standing,
}

/// How a region stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It went to its end and every volume has its snapshot.
    Good,
    /// It went to its end, but volumes failed.
    Incomplete,
    /// It did not go to its end, or nobody knows.
    Failed(Failure),
}

/// Why a region failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The error name.
    pub error: String,
    /// What was said.
    pub message: String,
}

/// The word for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Every selected volume of every region has its snapshot.
    Ok,
    /// Every region went to its end, but volumes failed.
    Incomplete,
    /// Regions failed.
    Failed,
}

/// The sums over all regions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Regions that were asked for.
    pub regions: u64,
    /// Of these, failed.
    pub regions_failed: u64,
    /// Of these, with volumes that failed.
    pub regions_incomplete: u64,
    /// Of these, with a purge that the guard held.
    pub purges_held: u64,
    /// What became of the volumes.
    pub volumes: VolumeCounts,
    /// What became of the snapshots.
    pub snapshots: SnapshotCounts,
    /// Volumes that are cheaper or better as another type.
    pub advised: u64,
    /// What they save together in a month, in US cents.
    pub saves_cents: u64,
}

impl Status {
    /// The word itself.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Incomplete => "INCOMPLETE",
            Self::Failed => "FAILED",
        }
    }
}

impl Standing {
    /// The status of a region that stands so.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Good => Status::Ok,
            Self::Incomplete => Status::Incomplete,
            Self::Failed(_) => Status::Failed,
        }
    }
}

impl Failure {
    fn new(error: &str, message: &str) -> Self {
        Self { error: clip(error, ERROR_BYTES), message: clip(message, MESSAGE_BYTES) }
    }

    /// From the error and cause of the state machine: the cause of a failed Lambda is the JSON of its error.
    fn of_cause(error: &str, cause: &str) -> Self {
        Self::new(error, &message_in(cause))
    }
}

impl RegionOutcome {
    /// The region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.job.region
    }

    /// Why it failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match &self.standing {
            Standing::Failed(failure) => Some(failure),
            Standing::Good | Standing::Incomplete => None,
        }
    }

    /// Whether nothing was to do: no volume selected, nothing to delete, nothing wrong.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.standing == Standing::Good
            && self.tally.volumes == VolumeCounts::default()
            && self.tally.snapshots.expired == 0
            && self.tally.snapshots.overdue == 0
            && self.tally.purge_held.is_none()
    }

    /// What to start an execution with that lets the held purge of this region pass. None for a dry run: its plan is not
    /// that of a real run, and starting one would make snapshots.
    #[must_use]
    pub fn approval(&self) -> Option<ExecutionInput> {
        let held = self.tally.purge_held.as_ref().filter(|_| !self.job.dry_run)?;
        Some(ExecutionInput {
            approve_purge: Some(held.plan.clone()),
            ..input_for(&self.job, vec![self.region().clone()])
        })
    }

    /// What is cut last comes first: failed regions, then incomplete ones, then those with something to tell.
    fn weight(&self) -> (std::cmp::Reverse<Status>, bool, bool) {
        (std::cmp::Reverse(self.standing.status()), self.tally.purge_held.is_none(), self.tally.snapshots.overdue == 0)
    }
}

impl Evaluation {
    /// Compares `jobs` with `results`; `None` without a job.
    ///
    /// Results of regions that nobody asked for are logged and count for nothing.
    #[must_use]
    pub fn of(jobs: Vec<RegionJob>, results: &Results) -> Option<Self> {
        let first = jobs.first()?;
        let run = Run {
            run_id: first.run_id.clone(),
            started_at: first.started_at,
            dry_run: first.dry_run,
            replay: jobs.iter().map(|job| job.replay).max().unwrap_or_default(),
            policy: first.policy.clone(),
        };
        let mut answers = Answers::of(results);
        let regions = jobs
            .into_iter()
            .map(|job| {
                let (tally, standing) = answers.take(&job.region);
                RegionOutcome { job, tally, standing }
            })
            .collect();
        answers.log_leftovers();
        Some(Self { run, regions })
    }

    /// The word for the run: that of its worst region.
    #[must_use]
    pub fn status(&self) -> Status {
        self.regions.iter().map(|region| region.standing.status()).max().unwrap_or(Status::Ok)
    }

    /// Whether nothing was to do in any region.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.regions.iter().all(RegionOutcome::idle) && !self.tag_found_nothing()
    }

    /// Whether the policy has snapshots and selects no volume any more: more likely a tag that was renamed or mistyped
    /// than an account without volumes, and either way nothing is backed up.
    #[must_use]
    pub fn tag_found_nothing(&self) -> bool {
        let totals = self.totals();
        totals.regions_failed == 0 && totals.volumes.discovered == 0 && totals.snapshots.managed > 0
    }

    /// Whether somebody waits for the answer: a dry run and a replay do not start by themselves.
    #[must_use]
    pub fn asked_by_a_person(&self) -> bool {
        self.run.dry_run || self.run.replay > 0
    }

    /// The sums over all regions.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for RegionOutcome { tally, standing, .. } in &self.regions {
            totals.regions += 1;
            totals.regions_failed += u64::from(standing.status() == Status::Failed);
            totals.regions_incomplete += u64::from(standing.status() == Status::Incomplete);
            totals.purges_held += u64::from(tally.purge_held.is_some());
            if let Some(advice) = &tally.advice {
                grow(&mut totals.advised, advice.volumes.total());
                grow(&mut totals.saves_cents, advice.saves_cents);
            }
            let (sum, add) = (&mut totals.volumes, &tally.volumes);
            grow(&mut sum.discovered, add.discovered);
            grow(&mut sum.created, add.created);
            grow(&mut sum.existing, add.existing);
            grow(&mut sum.planned, add.planned);
            grow(&mut sum.skipped, add.skipped);
            grow(&mut sum.failed, add.failed);
            let (sum, add) = (&mut totals.snapshots, &tally.snapshots);
            grow(&mut sum.managed, add.managed);
            grow(&mut sum.kept, add.kept);
            grow(&mut sum.expired, add.expired);
            grow(&mut sum.deleted, add.deleted);
            grow(&mut sum.already_gone, add.already_gone);
            grow(&mut sum.overdue, add.overdue);
        }
        totals
    }

    /// The regions that failed or are incomplete, in the order of the jobs.
    pub fn to_replay(&self) -> impl Iterator<Item = &RegionOutcome> {
        self.regions.iter().filter(|region| region.standing != Standing::Good)
    }

    /// Their jobs, as they were.
    #[must_use]
    pub fn replay_jobs(&self) -> Vec<RegionJob> {
        self.to_replay().map(|region| region.job.clone()).collect()
    }

    /// What to start an execution with that does only these regions again; `None` when all is well.
    #[must_use]
    pub fn replay_input(&self) -> Option<ExecutionInput> {
        let job = &self.to_replay().next()?.job;
        let regions = self.to_replay().map(|region| region.region().clone()).collect();
        Some(ExecutionInput {
            dry_run: job.dry_run,
            approve_purge: job.approve_purge.clone(),
            ..input_for(job, regions)
        })
    }

    /// The regions that had something to do, the one that is to be cut last first.
    #[must_use]
    pub fn by_weight(&self) -> Vec<&RegionOutcome> {
        let mut regions: Vec<&RegionOutcome> = self.regions.iter().filter(|region| !region.idle()).collect();
        regions.sort_by_key(|region| region.weight());
        regions
    }
}

/// Adds to a sum. A report must go out whatever the counts are: a sum without room stays at its largest.
fn grow(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

fn input_for(job: &RegionJob, regions: Vec<Region>) -> ExecutionInput {
    ExecutionInput {
        run_id: Some(job.run_id.clone()),
        policy: Some(job.policy.name.clone()),
        regions: Some(regions),
        dry_run: false,
        approve_purge: None,
        adopt: job.adopt,
    }
}

/// What the regions said, by region.
enum Answers {
    Regions(BTreeMap<String, Answer>),
    MapFailed(Failure),
}

enum Answer {
    Result(RegionResult),
    Unreadable(String),
}

impl Answer {
    fn status(&self) -> Status {
        match self {
            Self::Result(RegionResult::Succeeded { tally, .. }) => standing_at_the_end(tally).status(),
            Self::Result(RegionResult::Failed { .. }) | Self::Unreadable(_) => Status::Failed,
        }
    }
}

impl Answers {
    fn of(results: &Results) -> Self {
        match results {
            Results::Failed(failure) => Self::MapFailed(Failure::of_cause(&failure.error, &failure.cause)),
            Results::Regions(values) => {
                let mut answers = BTreeMap::new();
                for value in values.iter().filter(|value| !value.is_null()) {
                    let (region, answer) = read(value);
                    // A region that answered twice stands as its worse answer.
                    if answers.get(&region).is_none_or(|known: &Answer| known.status() < answer.status()) {
                        answers.insert(region, answer);
                    }
                }
                Self::Regions(answers)
            }
        }
    }

    fn take(&mut self, region: &Region) -> (Tally, Standing) {
        let answers = match self {
            Self::MapFailed(failure) => return (Tally::default(), Standing::Failed(failure.clone())),
            Self::Regions(answers) => answers,
        };
        let (mut tally, standing) = match answers.remove(region.as_str()) {
            Some(Answer::Result(RegionResult::Succeeded { tally, .. })) => {
                let standing = standing_at_the_end(&tally);
                (*tally, standing)
            }
            Some(Answer::Result(RegionResult::Failed { error, cause, tally, .. })) => {
                (*tally, Standing::Failed(Failure::of_cause(&error, &cause)))
            }
            Some(Answer::Unreadable(reason)) => {
                let message = format!("its result cannot be read: {reason}");
                (Tally::default(), Standing::Failed(Failure::new(REGION_LOST, &message)))
            }
            None => {
                let message = "its execution ended without a result";
                (Tally::default(), Standing::Failed(Failure::new(REGION_LOST, message)))
            }
        };
        // How the next function would have gone on is no news.
        tally.drawn = Drawn::default();
        (tally, standing)
    }

    fn log_leftovers(self) {
        if let Self::Regions(answers) = self {
            for region in answers.into_keys() {
                tracing::warn!(region, "a result that nobody asked for");
            }
        }
    }
}

fn read(value: &Value) -> (String, Answer) {
    match contract::parse::from_value::<RegionResult>(value) {
        Ok(result) => {
            let (RegionResult::Succeeded { region, .. } | RegionResult::Failed { region, .. }) = &result;
            (region.to_string(), Answer::Result(result))
        }
        Err(refusal) => {
            let region = value.get("region").and_then(Value::as_str).unwrap_or("(unknown)");
            (region.to_owned(), Answer::Unreadable(refusal.to_string()))
        }
    }
}

fn standing_at_the_end(tally: &Tally) -> Standing {
    let unaccounted = tally.volumes.unaccounted();
    if unaccounted != 0 {
        let message = format!("the counts of {} discovered volumes are {unaccounted} apart", tally.volumes.discovered);
        Standing::Failed(Failure::new(VOLUMES_UNACCOUNTED, &message))
    } else if tally.volumes.failed > 0 {
        Standing::Incomplete
    } else {
        Standing::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nights::{self, job};
    use contract::steps::notify::MapFailure;
    use proptest::prelude::*;
    use serde_json::json;

    fn evaluate(regions: &[&str], results: Vec<Value>) -> Evaluation {
        Evaluation::of(regions.iter().map(|region| job(region)).collect(), &Results::Regions(results)).unwrap()
    }

    fn failure(evaluation: &Evaluation, at: usize) -> (&str, &str) {
        let failure = evaluation.regions[at].failure().unwrap();
        (&failure.error, &failure.message)
    }

    #[test]
    fn s7_a_region_that_said_nothing_has_failed() {
        let evaluation =
            evaluate(&["eu-west-1", "eu-west-2"], vec![json!(null), nights::succeeded("eu-west-2", &json!({}))]);
        assert_eq!(failure(&evaluation, 0), (REGION_LOST, "its execution ended without a result"));
        assert_eq!(evaluation.regions[1].standing, Standing::Good);
        assert_eq!(evaluation.replay_jobs(), [job("eu-west-1")]);
    }

    #[test]
    fn s7_a_region_whose_result_cannot_be_read_has_failed_and_says_why() {
        let evaluation = evaluate(
            &["eu-west-1"],
            vec![json!({ "region": "eu-west-1", "outcome": "succeeded", "tally": { "x": 1 } })],
        );
        let (error, message) = failure(&evaluation, 0);
        assert_eq!(error, REGION_LOST);
        assert!(message.contains("unknown field `x`"), "{message}");
    }

    #[test]
    fn s7_a_failed_map_fails_every_region_with_its_error() {
        let failed = MapFailure { error: "States.DataLimitExceeded".to_owned(), cause: "too large".to_owned() };
        let jobs = vec![job("eu-west-1"), job("eu-west-2")];
        let evaluation = Evaluation::of(jobs.clone(), &Results::Failed(failed)).unwrap();
        assert_eq!(failure(&evaluation, 1), ("States.DataLimitExceeded", "too large"));
        assert_eq!(evaluation.replay_jobs(), jobs);
    }

    #[test]
    fn s6_a_volume_that_vanished_fails_its_region() {
        let evaluation = evaluate(
            &["eu-west-1"],
            vec![nights::succeeded("eu-west-1", &json!({ "volumes": { "discovered": 3, "created": 2 } }))],
        );
        assert_eq!(failure(&evaluation, 0), (VOLUMES_UNACCOUNTED, "the counts of 3 discovered volumes are 1 apart"));
    }

    #[test]
    fn s6_a_failed_volume_makes_its_region_incomplete_and_due_for_replay() {
        let tally = json!({ "volumes": { "discovered": 3, "created": 2, "failed": 1 } });
        let evaluation = evaluate(&["eu-west-1"], vec![nights::succeeded("eu-west-1", &tally)]);
        assert_eq!(evaluation.regions[0].standing, Standing::Incomplete);
        assert_eq!((evaluation.status(), evaluation.replay_jobs().len()), (Status::Incomplete, 1));
    }

    #[test]
    fn a_region_nobody_asked_for_counts_for_nothing() {
        let results = vec![nights::failed("us-east-1", "X", "y"), nights::succeeded("eu-west-1", &json!({}))];
        let evaluation = evaluate(&["eu-west-1"], results);
        assert_eq!((evaluation.status(), evaluation.totals().regions), (Status::Ok, 1));
        assert!(evaluation.idle());
    }

    #[test]
    fn a_region_that_answered_twice_stands_as_its_worse_answer() {
        let counted = |counts: Value| nights::succeeded("eu-west-1", &json!({ "volumes": counts }));
        let well = counted(json!({}));
        for (badly, status) in [
            (nights::failed("eu-west-1", "X", "y"), Status::Failed),
            (counted(json!({ "discovered": 1 })), Status::Failed),
            (counted(json!({ "discovered": 1, "failed": 1 })), Status::Incomplete),
        ] {
            for results in [vec![well.clone(), badly.clone()], vec![badly, well.clone()]] {
                assert_eq!(evaluate(&["eu-west-1"], results).status(), status);
            }
        }
    }

    #[test]
    fn without_a_job_there_is_nothing_to_evaluate() {
        assert_eq!(Evaluation::of(Vec::new(), &Results::Regions(Vec::new())), None);
    }

    #[test]
    fn the_message_is_found_in_what_lambda_makes_of_an_error() {
        for (cause, message) in [
            (r#"{"errorType":"Ec2Throttled","errorMessage":"slow \"down\"","requestId":"1"}"#, r#"slow "down""#),
            (r#"{"errorMessage":"slow down","errorTy"#, "slow down"),
            (r#"{"errorType":"X","errorMessage":"slow do"#, "slow do…"),
            (r#"{"errorType":"X","errorMessage":"slow\"#, "slow…"),
            (r#"{"errorType":"X","errorMessage":"slow \ud83d\ude"#, "slow …"),
            (r#"{"errorType":"X","errorMessage":""#, "…"),
            (r#"{"errorType":"X"}"#, r#"{"errorType":"X"}"#),
            ("Lambda timed out", "Lambda timed out"),
            ("", ""),
        ] {
            assert_eq!(message_in(cause), message, "{cause}");
        }
    }

    proptest! {
        #[test]
        fn wherever_the_cause_is_cut_a_part_of_the_message_is_found(message in ".{0,40}", cut in 0_usize..400) {
            let cause = json!({ "errorType": "X", "errorMessage": message }).to_string();
            let cut: String = cause.chars().take(cut).collect();
            let found = message_in(&cut);
            let part = found.strip_suffix('…').unwrap_or(&found);
            prop_assert!(message.starts_with(part) || cut == found, "{}", found);
        }

        /// The regions to replay are those that were asked for, minus those that came back well.
        #[test]
        fn failed_is_requested_minus_well(outcomes in proptest::collection::vec(0_u8..4, 1..40)) {
            let regions: Vec<String> = (0..outcomes.len()).map(|n| format!("eu-test-{n}")).collect();
            let results = regions.iter().zip(&outcomes).filter_map(|(region, outcome)| match outcome {
                0 => Some(nights::succeeded(region, &json!({}))),
                1 => Some(nights::failed(region, "X", "y")),
                2 => Some(json!(null)),
                _ => None,
            }).collect();
            let names: Vec<&str> = regions.iter().map(String::as_str).collect();
            let replayed: Vec<String> = evaluate(&names, results).replay_jobs().iter().map(|job| job.region.to_string()).collect();
            let expected: Vec<String> = regions.iter().zip(&outcomes).filter(|(_, outcome)| **outcome != 0).map(|(region, _)| region.clone()).collect();
            prop_assert_eq!(replayed, expected);
        }
    }
}
