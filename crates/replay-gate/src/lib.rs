//! The step `replay-gate`: ends a run with failed regions red, and lets them through again on a redrive.
//!
//! The state machine never catches this step's failure, so the execution fails in a Task, after its report: exactly what
//! *Redrive from failure* runs again. Each job says which redrive count it was made under; the gate opens when the
//! execution's count has grown past that, and writes the new count into the jobs it lets through. So every redrive opens
//! the gate once, and the next failure finds it shut.
//!
//! **Architecture invariant:** when in doubt the gate stays shut. A gate that opens by accident would run failed regions
//! in circles, and a green run with missing snapshots is worse than a red one.

mod executions;

use contract::RegionJob;
use contract::errors::REGIONS_FAILED;
use contract::steps::replay_gate::{Request, Response};
use step_runtime::StepError;
use thiserror::Error;

pub use executions::{Executions, LookUpError, StepFunctions};

/// The gate is shut: the regions that wait at it, and why it could not be asked whether it may open, if so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{}. The report of this run says why. To replay only these regions: open the execution and choose Recover > Redrive \
     from failure, within 14 days; or start a new execution with the input that the report shows{}",
    named(.regions),
    asked(.look_up.as_ref())
)]
pub struct Shut {
    regions: Vec<String>,
    look_up: Option<LookUpError>,
}

impl From<Shut> for StepError {
    fn from(shut: Shut) -> Self {
        Self::new(REGIONS_FAILED, shut.to_string())
    }
}

/// Lets the jobs through when the execution was redriven since they were made.
///
/// The count of the request comes from the arguments of the Task. Whether a redrive evaluates these anew is not
/// documented, so before it fails the gate asks Step Functions itself; either answer opens it.
///
/// # Errors
/// [`Shut`] when the execution was not redriven, or nobody knows.
pub async fn handle(executions: &impl Executions, request: Request) -> Result<Response, Shut> {
    let seen = request.jobs.iter().map(|job| job.replay).max().unwrap_or_default();
    if request.redrive_count > seen {
        return Ok(opened(request.jobs, request.redrive_count));
    }
    match executions.redrive_count(&request.execution_arn).await {
        Ok(count) if count > seen => Ok(opened(request.jobs, count)),
        answer => Err(Shut {
            regions: request.jobs.into_iter().map(|job| job.region.into()).collect(),
            look_up: answer.err(),
        }),
    }
}

fn opened(mut jobs: Vec<RegionJob>, count: u32) -> Response {
    tracing::info!(replay = count, regions = jobs.len(), "the execution was redriven: the failed regions run again");
    jobs.iter_mut().for_each(|job| job.replay = count);
    Response { jobs }
}

fn named(regions: &[String]) -> String {
    let (noun, verb) = if regions.len() == 1 { ("region", "has") } else { ("regions", "have") };
    format!("{} {noun} {verb} failed or {verb} volumes without a snapshot: {}", regions.len(), regions.join(", "))
}

fn asked(look_up: Option<&LookUpError>) -> String {
    look_up.map(|error| format!(". Whether the execution was redriven could not be read: {error}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Step Functions with one execution, which counts how often it is asked.
    struct Known {
        count: Result<u32, LookUpError>,
        asked: AtomicU32,
    }

    impl Known {
        fn new(count: Result<u32, LookUpError>) -> Self {
            Self { count, asked: AtomicU32::new(0) }
        }
    }

    impl Executions for Known {
        async fn redrive_count(&self, execution_arn: &str) -> Result<u32, LookUpError> {
            assert_eq!(execution_arn, "arn:of:it");
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.count.clone()
        }
    }

    fn job(region: &str, replay: u32) -> RegionJob {
        serde_json::from_value(json!({
            "region": region,
            "runId": "night",
            "startedAt": "2026-11-23T02:00:07Z",
            "dryRun": false,
            "replay": replay,
            "approvePurge": null,
            "policy": {
                "name": "daily",
                "tag": { "key": "Backup", "value": null },
                "retention": { "keepDays": 7, "keepLast": null },
                "floor": 1,
                "purgeGuard": { "maxPercent": 50, "minSnapshots": 20 },
            },
            "pace": { "sharePercent": 80 },
        }))
        .unwrap()
    }

    fn request(jobs: Vec<RegionJob>, redrive_count: u32) -> Request {
        Request { jobs, execution_arn: "arn:of:it".to_owned(), redrive_count }
    }

    fn two(replay: u32) -> Vec<RegionJob> {
        vec![job("eu-west-1", replay), job("us-east-1", replay)]
    }

    #[tokio::test]
    async fn s7_a_run_with_failed_regions_is_red_and_says_which_and_what_to_do() {
        let error: StepError = handle(&Known::new(Ok(0)), request(two(0), 0)).await.unwrap_err().into();
        assert_eq!(error.name(), REGIONS_FAILED);
        assert!(
            error
                .message()
                .starts_with("2 regions have failed or have volumes without a snapshot: eu-west-1, us-east-1."),
            "{error}"
        );
        assert!(error.message().contains("Redrive from failure"), "{error}");
    }

    #[tokio::test]
    async fn the_context_opens_it_without_a_question() {
        let known = Known::new(Ok(0));
        assert_eq!(handle(&known, request(two(0), 1)).await.unwrap().jobs, two(1));
        assert_eq!(known.asked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn step_functions_own_count_opens_it_where_the_context_is_old() {
        assert_eq!(handle(&Known::new(Ok(3)), request(two(2), 0)).await.unwrap().jobs, two(3));
    }

    #[tokio::test]
    async fn the_job_of_the_latest_redrive_decides() {
        let jobs = vec![job("eu-west-1", 0), job("us-east-1", 2)];
        assert!(handle(&Known::new(Ok(2)), request(jobs, 1)).await.is_err());
    }

    #[tokio::test]
    async fn a_look_up_that_fails_neither_opens_it_nor_hides_the_regions() {
        let known = Known::new(Err(LookUpError::new("AccessDenied: no")));
        let error: StepError = handle(&known, request(two(0), 0)).await.unwrap_err().into();
        assert_eq!(error.name(), REGIONS_FAILED);
        assert!(error.message().contains("eu-west-1, us-east-1"), "{error}");
        assert!(error.message().ends_with("could not be read: AccessDenied: no"), "{error}");
    }

    proptest! {
        /// Whatever is known of the count, through whichever of the two ways: a gate that opened stays shut until the
        /// count grows again.
        #[test]
        fn it_opens_at_most_once_per_redrive_count(
            visits in proptest::collection::vec((0_u32..6, 0_u32..6, any::<bool>()), 1..30)
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut jobs = two(0);
            let mut opened_at = Vec::new();
            for (context, known, look_up_works) in visits {
                let known = Known::new(if look_up_works { Ok(known) } else { Err(LookUpError::new("down")) });
                if let Ok(response) = runtime.block_on(handle(&known, request(jobs.clone(), context))) {
                    jobs = response.jobs;
                    opened_at.push(jobs[0].replay);
                }
            }
            prop_assert!(opened_at.is_sorted_by(|a, b| a < b), "{opened_at:?}");
            prop_assert!(!opened_at.contains(&0), "it opened without a redrive");
        }
    }
}
