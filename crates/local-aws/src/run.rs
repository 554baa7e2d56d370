//! Executions of the state machine: started, followed region by region, redriven.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus, HistoryEvent, HistoryEventType, MapRunListItem};
use contract::Tally;
use contract::steps::notify::RegionResult;
use serde_json::Value;

use crate::stack::Stack;

/// Between two looks at a running execution. Each look costs a request per running region, on the cores that also run
/// the regions.
const PAUSE: Duration = Duration::from_millis(250);

/// An execution of the nightly run, or of a restore.
#[derive(Debug, Clone)]
pub struct Run {
    client: Client,
    arn: String,
    /// How many map runs there were at the last redrive: [`Run::follow`] shows what came after them.
    passed: usize,
    /// How many events there were then: [`Run::trail`] shows what came after them.
    events: usize,
}

/// The states that one pass of an execution went through, by name; a task stands there once for each time it was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// Its own.
    pub states: Vec<String>,
    /// The tasks of the regions, in the order of the regions' names: the local AWS tells of no other states there.
    pub regions: Vec<Vec<String>>,
}

/// How an execution ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Green or one of the reds.
    pub status: ExecutionStatus,
    /// The error name of a red one.
    pub error: Option<String>,
    /// What was said with it.
    pub cause: Option<String>,
    /// The output of a green one.
    pub output: Option<Value>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// From the look before the start to the look that found it ended.
    pub took: Duration,
}

impl Outcome {
    /// Whether it is green.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status == ExecutionStatus::Succeeded
    }

    /// Whether it is red with this error.
    #[must_use]
    pub fn failed_with(&self, error: &str) -> bool {
        self.status == ExecutionStatus::Failed && self.error.as_deref() == Some(error)
    }
}

/// Where a region is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking for volumes.
    Discovering,
    /// Making snapshots.
    Creating,
    /// Looking for expired snapshots.
    Judging,
    /// Deleting snapshots.
    Deleting,
    /// At its end, and well.
    Succeeded,
    /// At its end, and not well.
    Failed,
}

/// What is known of one region of a run.
#[derive(Debug, Clone)]
pub struct RegionProgress {
    /// Its name.
    pub region: String,
    /// Where it is.
    pub phase: Phase,
    /// What it has done so far.
    pub tally: Tally,
    /// The error name of a failed one.
    pub error: Option<String>,
}

impl RegionProgress {
    /// Whether it is at its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }
}

/// Follows the regions of one map run. What is over is not asked for again.
#[derive(Debug, Default)]
struct Regions {
    map_run: String,
    known: BTreeMap<String, RegionProgress>,
}

impl Run {
    /// Starts an execution; `name` is its name in the console, a random one if `None`.
    ///
    /// # Errors
    /// When Step Functions refuses it.
    pub async fn start(stack: &Stack, name: Option<&str>, input: &Value) -> Result<Self> {
        Self::of(stack, &stack.machine_arn, name, input).await
    }

    /// Starts a restore; `name` as for [`Run::start`].
    ///
    /// # Errors
    /// When Step Functions refuses it.
    pub async fn restore(stack: &Stack, name: Option<&str>, input: &Value) -> Result<Self> {
        Self::of(stack, &stack.restore_machine_arn, name, input).await
    }

    async fn of(stack: &Stack, machine: &str, name: Option<&str>, input: &Value) -> Result<Self> {
        let client = stack.account.sfn(&stack.home_region);
        let start = client.start_execution().state_machine_arn(machine).input(input.to_string());
        let started = start.set_name(name.map(str::to_owned)).send().await.context("StartExecution")?;
        Ok(Self { client, arn: started.execution_arn().to_owned(), passed: 0, events: 0 })
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Redrives it from the failure, as the console's *Redrive* does.
    ///
    /// # Errors
    /// When Step Functions refuses it, as it does for an execution that did not fail.
    pub async fn redrive(&mut self) -> Result<()> {
        self.passed = map_runs(&self.client, &self.arn).await?.len();
        self.events = self.history().await?.len();
        self.client.redrive_execution().execution_arn(&self.arn).send().await.context("RedriveExecution")?;
        Ok(())
    }

    /// Waits for its end and shows the regions of this pass, in the order of their names, at every look. A pass begins
    /// with the start or a redrive.
    ///
    /// # Errors
    /// When it has not ended `within` that time, or Step Functions does not answer.
    pub async fn follow(&self, within: Duration, mut show: impl FnMut(&[RegionProgress])) -> Result<Outcome> {
        let begun = Instant::now();
        let mut regions = Regions::default();
        loop {
            // The status first: what is shown after an end is then complete.
            let ended = self.ended(begun).await?;
            if let Some(latest) = map_runs(&self.client, &self.arn).await?.get(self.passed..).and_then(<[_]>::last) {
                regions.look(&self.client, latest.map_run_arn()).await?;
            }
            show(&regions.sorted());
            if let Some(outcome) = ended {
                return Ok(outcome);
            }
            self.pause(begun, within).await?;
        }
    }

    /// Waits for its end, without a look at its regions.
    ///
    /// # Errors
    /// As [`Run::follow`].
    pub async fn wait(&self, within: Duration) -> Result<Outcome> {
        let begun = Instant::now();
        loop {
            if let Some(outcome) = self.ended(begun).await? {
                return Ok(outcome);
            }
            self.pause(begun, within).await?;
        }
    }

    /// How it ended, if it has.
    async fn ended(&self, begun: Instant) -> Result<Option<Outcome>> {
        let described = self.client.describe_execution().execution_arn(&self.arn).send().await;
        let described = described.context("DescribeExecution")?;
        if *described.status() == ExecutionStatus::Running {
            return Ok(None);
        }
        let output = described.output().filter(|_| *described.status() == ExecutionStatus::Succeeded);
        Ok(Some(Outcome {
            status: described.status().clone(),
            error: described.error().map(str::to_owned),
            cause: described.cause().map(str::to_owned),
            output: output.map(serde_json::from_str).transpose().context("the output")?,
            redrive_count: described.redrive_count().unwrap_or_default().try_into().unwrap_or_default(),
            took: begun.elapsed(),
        }))
    }

    async fn pause(&self, begun: Instant, within: Duration) -> Result<()> {
        if begun.elapsed() > within {
            bail!("{} has not ended in {} s", self.arn, within.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    /// The regions of each of its map runs: the first pass, then one for each redrive that went through the gate.
    ///
    /// # Errors
    /// When Step Functions does not answer.
    pub async fn passes(&self) -> Result<Vec<Vec<RegionProgress>>> {
        let mut passes = Vec::new();
        for map_run in map_runs(&self.client, &self.arn).await? {
            let mut regions = Regions { map_run: map_run.map_run_arn().to_owned(), known: BTreeMap::new() };
            regions.update(&self.client).await?;
            passes.push(regions.sorted());
        }
        Ok(passes)
    }

    /// The states of this pass, and of its regions.
    ///
    /// # Errors
    /// When Step Functions does not answer.
    pub async fn trail(&self) -> Result<Trail> {
        let states = states_of(self.history().await?.get(self.events..).unwrap_or_default());
        let mut regions = BTreeMap::new();
        if let Some(map_run) = map_runs(&self.client, &self.arn).await?.get(self.passed..).and_then(<[_]>::last) {
            for child in children(&self.client, map_run.map_run_arn()).await? {
                let region = progress_of(&self.client, &child).await?.region;
                regions.insert(region, states_of(&history(&self.client, child.execution_arn()).await?));
            }
        }
        Ok(Trail { states, regions: regions.into_values().collect() })
    }

    /// Its history, oldest event first. The regions' steps are in the histories of their own executions.
    ///
    /// # Errors
    /// When Step Functions does not answer.
    pub async fn history(&self) -> Result<Vec<HistoryEvent>> {
        history(&self.client, &self.arn).await
    }
}

impl Regions {
    /// Turns to a map run and takes in what is new there.
    async fn look(&mut self, client: &Client, map_run: &str) -> Result<()> {
        if map_run != self.map_run {
            map_run.clone_into(&mut self.map_run);
            self.known.clear();
        }
        self.update(client).await
    }

    async fn update(&mut self, client: &Client) -> Result<()> {
        for child in children(client, &self.map_run).await? {
            if self.known.get(child.execution_arn()).is_some_and(RegionProgress::is_over) {
                continue;
            }
            let progress = progress_of(client, &child).await?;
            self.known.insert(child.execution_arn().to_owned(), progress);
        }
        Ok(())
    }

    fn sorted(&self) -> Vec<RegionProgress> {
        let mut regions: Vec<_> = self.known.values().cloned().collect();
        regions.sort_by(|a, b| a.region.cmp(&b.region));
        regions
    }
}

async fn progress_of(client: &Client, child: &ExecutionListItem) -> Result<RegionProgress> {
    let described = client.describe_execution().execution_arn(child.execution_arn()).send().await;
    let described = described.context("DescribeExecution of a region")?;
    let job: Value = serde_json::from_str(described.input().unwrap_or("null")).context("the input of a region")?;
    let region = job["region"].as_str().unwrap_or("?").to_owned();
    match described.status() {
        ExecutionStatus::Succeeded => {
            let result =
                serde_json::from_str(described.output().unwrap_or_default()).context("the result of a region")?;
            Ok(match result {
                RegionResult::Succeeded { tally, .. } => {
                    RegionProgress { region, phase: Phase::Succeeded, tally: *tally, error: None }
                }
                RegionResult::Failed { error, tally, .. } => {
                    RegionProgress { region, phase: Phase::Failed, tally: *tally, error: Some(error) }
                }
            })
        }
        ExecutionStatus::Running => {
            let events = history(client, child.execution_arn()).await?;
            let (phase, tally) = so_far(&events);
            Ok(RegionProgress { region, phase, tally, error: None })
        }
        // It died without a word; what it had done is still in its history.
        other => {
            let (_, tally) = so_far(&history(client, child.execution_arn()).await?);
            let error = described.error().unwrap_or(other.as_str()).to_owned();
            Ok(RegionProgress { region, phase: Phase::Failed, tally, error: Some(error) })
        }
    }
}

/// What the answers of the steps tell. Their fields say which step it was; what a step answers decides what comes next,
/// as it does in the state machine.
fn so_far(events: &[HistoryEvent]) -> (Phase, Tally) {
    let mut phase = Phase::Discovering;
    let mut tally = Tally::default();
    let mut more_volumes = false;
    let answers = events.iter().filter_map(|event| event.task_succeeded_event_details()?.output());
    for answer in answers.filter_map(|answer| serde_json::from_str::<Value>(answer).ok()) {
        let payload = &answer["Payload"];
        if let Ok(known) = serde_json::from_value(payload["tally"].clone()) {
            tally = known;
        }
        let all_done = payload["deferred"].as_array().is_some_and(Vec::is_empty);
        phase = if payload["volumeIds"].is_array() {
            more_volumes = payload["cursor"].is_string();
            Phase::Creating
        } else if payload["snapshotIds"].is_array() {
            Phase::Deleting
        } else {
            match phase {
                Phase::Creating if all_done && more_volumes => Phase::Discovering,
                Phase::Creating if all_done => Phase::Judging,
                Phase::Deleting if all_done => Phase::Judging,
                waiting => waiting,
            }
        };
    }
    (phase, tally)
}

/// The states that a history tells of.
fn states_of(events: &[HistoryEvent]) -> Vec<String> {
    let mut states = Vec::new();
    let mut entered = "";
    for event in events {
        if let Some(details) = event.state_entered_event_details() {
            entered = details.name();
        }
        let is_task = *event.r#type() == HistoryEventType::TaskStateEntered;
        let is_entered = event.state_entered_event_details().is_some() && !is_task;
        if is_entered || *event.r#type() == HistoryEventType::TaskScheduled {
            states.push(entered.to_owned());
        }
    }
    states
}

/// The executions of a map run, one for each region.
async fn children(client: &Client, map_run: &str) -> Result<Vec<ExecutionListItem>> {
    let children = client.list_executions().map_run_arn(map_run).into_paginator().items().send();
    children.collect::<Result<_, _>>().await.context("ListExecutions")
}

/// The map runs of an execution, oldest first.
async fn map_runs(client: &Client, execution: &str) -> Result<Vec<MapRunListItem>> {
    let runs = client.list_map_runs().execution_arn(execution).into_paginator().items().send();
    let mut runs: Vec<_> = runs.collect::<Result<_, _>>().await.context("ListMapRuns")?;
    runs.sort_by_key(|run| (run.start_date().secs(), run.start_date().subsec_nanos()));
    Ok(runs)
}

async fn history(client: &Client, execution: &str) -> Result<Vec<HistoryEvent>> {
    let events =
        client.get_execution_history().execution_arn(execution).max_results(1000).into_paginator().items().send();
    events.collect::<Result<_, _>>().await.context("GetExecutionHistory")
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::primitives::DateTime;
    use aws_sdk_sfn::types::{HistoryEventType, TaskSucceededEventDetails};
    use serde_json::json;

    use super::*;

    fn answered(payloads: &[Value]) -> Vec<HistoryEvent> {
        payloads
            .iter()
            .zip(1..)
            .map(|(payload, id)| {
                let details = TaskSucceededEventDetails::builder()
                    .resource_type("lambda")
                    .resource("invoke")
                    .output(json!({ "StatusCode": 200, "Payload": payload }).to_string())
                    .build()
                    .unwrap();
                HistoryEvent::builder()
                    .timestamp(DateTime::from_secs(0))
                    .r#type(HistoryEventType::TaskSucceeded)
                    .id(id)
                    .task_succeeded_event_details(details)
                    .build()
                    .unwrap()
            })
            .collect()
    }

    #[test]
    fn a_region_is_where_the_last_answer_sends_it() {
        let discovered = |cursor: Option<&str>| json!({ "volumeIds": ["vol-0a"], "cursor": cursor, "tally": {} });
        let worked = |deferred: &[&str]| json!({ "deferred": deferred, "waitSeconds": 0, "tally": {} });
        let judged = json!({ "snapshotIds": [], "cursor": null, "tally": {} });
        let steps = [
            (discovered(Some("next")), Phase::Creating),
            (worked(&["vol-0a"]), Phase::Creating),
            (worked(&[]), Phase::Discovering),
            (discovered(None), Phase::Creating),
            (worked(&[]), Phase::Judging),
            (judged, Phase::Deleting),
            (worked(&[]), Phase::Judging),
        ];
        assert_eq!(so_far(&[]).0, Phase::Discovering);
        for end in 1..=steps.len() {
            let answers: Vec<Value> = steps[..end].iter().map(|(answer, _)| answer.clone()).collect();
            assert_eq!(so_far(&answered(&answers)).0, steps[end - 1].1, "after answer {end}");
        }
    }

    #[test]
    fn the_last_tally_is_the_one_that_counts() {
        let events = answered(&[
            json!({ "volumeIds": [], "cursor": null, "tally": { "volumes": { "discovered": 3 } } }),
            json!({ "deferred": [], "waitSeconds": 0, "tally": { "volumes": { "discovered": 3, "created": 2 } } }),
        ]);
        let (_, tally) = so_far(&events);
        assert_eq!((tally.volumes.discovered, tally.volumes.created), (3, 2));
    }
}
