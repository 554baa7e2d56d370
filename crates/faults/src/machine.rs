//! Step Functions, as far as the state machine uses it.
//!
//! Facts and numbers: AWS Step Functions developer guide, "Amazon States Language", "Service quotas", "Error handling" and
//! "Redriving executions". Time is tokio's.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use contract::limits::{HISTORY_EVENTS, PAYLOAD_BYTES};
use ec2_sim::chance;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::asl::{Catcher, Choice, Map, Pass, Retrier, State, StateMachine, States, Task, Template, Wait};
use crate::jsonata;

/// A payload is larger than a state may take or give. Not among `States.ALL`.
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// Not among `States.ALL` either.
pub const RUNTIME: &str = "States.Runtime";
/// A task, or an execution, took too long.
pub const TIMEOUT: &str = "States.Timeout";
/// More than [`HISTORY_EVENTS`]: the execution ends, and nothing catches it.
const TOO_MANY_EVENTS: &str = "States.HistoryLimitExceeded";

/// The functions that tasks call.
pub trait Functions {
    /// Calls the function with this placeholder's stem (`find-expired`) and waits for its answer.
    fn invoke(&self, stem: &str, event: &Value) -> impl Future<Output = Result<Value, Failure>>;
}

/// An error as Step Functions sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name.
    pub error: String,
    /// What was said.
    pub cause: String,
}

impl Failure {
    /// An error.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into() }
    }

    fn matches(&self, names: &[String]) -> bool {
        let all = ![DATA_LIMIT_EXCEEDED, RUNTIME, TOO_MANY_EVENTS].contains(&self.error.as_str());
        names.iter().any(|name| *name == self.error || (name == "States.ALL" && all))
    }

    fn output(&self) -> Value {
        json!({ "Error": self.error, "Cause": self.cause })
    }
}

/// What was counted of executions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events in the history: the most of any one execution.
    pub events: u64,
    /// State transitions, over all executions: what AWS bills.
    pub transitions: u64,
    /// The largest payload, in bytes.
    pub payload: usize,
}

impl Counts {
    fn and(self, other: Self) -> Self {
        Self {
            events: self.events.max(other.events),
            transitions: self.transitions + other.transitions,
            payload: self.payload.max(other.payload),
        }
    }
}

/// The states that one pass of an execution went through, by name; a task stands there once for each time it was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail {
    /// Its own.
    pub states: Vec<String>,
    /// Those of the map's children, in the order of the items.
    pub children: Vec<Vec<String>>,
}

/// An execution, between two of its runs.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Its name.
    pub name: String,
    /// The name of its machine.
    pub machine: &'static str,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// What was counted.
    pub counts: Counts,
    /// Where its latest pass went.
    pub trail: Trail,
    /// The state to enter next, and its input.
    at: (String, Value),
}

impl Execution {
    /// An execution that is about to start.
    #[must_use]
    pub fn new(machine: &StateMachine, name: impl Into<String>, started_at: DateTime<Utc>, input: Value) -> Self {
        Self {
            name: name.into(),
            machine: "ebs-backup",
            started_at,
            redrive_count: 0,
            counts: Counts::default(),
            trail: Trail::default(),
            at: (machine.start_at.clone(), input),
        }
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:states:eu-central-1:111122223333:execution:{}:{}", self.machine, self.name)
    }
}

/// Runs an execution from where it is to its end. After a failure it stands at the state that failed, so that running it
/// again, with a grown [`Execution::redrive_count`], is *Redrive from failure*.
///
/// # Errors
/// What nobody caught.
pub async fn run(
    machine: &StateMachine,
    functions: &impl Functions,
    seed: u64,
    execution: &mut Execution,
) -> Result<Value, Failure> {
    let context = json!({
        "Execution": {
            "Id": execution.arn(),
            "Name": execution.name,
            "StartTime": execution.started_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "RedriveCount": execution.redrive_count,
        }
    });
    let history = History::new(execution.counts.events + 1);
    let scope = Scope { functions, seed: chance::draw(seed, &execution.name), context: &context, history: &history };
    let (name, input) = execution.at.clone();
    let reached = Cell::new(None);
    let running = scope.run(&machine.states, name, input, Some(&reached));
    let ended = tokio::time::timeout(Duration::from_secs(machine.timeout_seconds), running).await;
    let ended = ended.unwrap_or_else(|_| Err(Failure::new(TIMEOUT, "the execution took too long")));
    execution.trail = Trail { states: history.trail.take(), children: history.trails.take().into_values().collect() };
    history.event(1)?;
    if let Some(reached) = reached.take() {
        execution.at = reached;
    }
    let children = history.children.get();
    execution.counts = Counts { transitions: execution.counts.transitions, ..history.counts() }
        .and(Counts { transitions: history.transitions.get() + children.transitions, ..children });
    ended
}

/// The history of one execution.
struct History {
    events: Cell<u64>,
    transitions: Cell<u64>,
    payload: Cell<usize>,
    children: Cell<Counts>,
    trail: RefCell<Vec<String>>,
    /// Of the children, by the number of their item.
    trails: RefCell<BTreeMap<usize, Vec<String>>>,
}

impl History {
    fn new(events: u64) -> Self {
        Self {
            events: Cell::new(events),
            transitions: Cell::new(0),
            payload: Cell::new(0),
            children: Cell::new(Counts::default()),
            trail: RefCell::default(),
            trails: RefCell::default(),
        }
    }

    fn event(&self, count: u64) -> Result<(), Failure> {
        self.events.set(self.events.get() + count);
        if self.events.get() > u64::from(HISTORY_EVENTS) {
            return Err(Failure::new(TOO_MANY_EVENTS, format!("more than {HISTORY_EVENTS} events")));
        }
        Ok(())
    }

    /// A state is entered, or a task tried again.
    fn transition(&self, state: &str) {
        self.transitions.set(self.transitions.get() + 1);
        self.trail.borrow_mut().push(state.to_owned());
    }

    fn checked(&self, payload: Value) -> Result<Value, Failure> {
        let bytes = payload.to_string().len();
        self.payload.set(self.payload.get().max(bytes));
        if bytes > PAYLOAD_BYTES {
            return Err(Failure::new(DATA_LIMIT_EXCEEDED, format!("{bytes} bytes")));
        }
        Ok(payload)
    }

    fn counts(&self) -> Counts {
        Counts { events: self.events.get(), transitions: self.transitions.get(), payload: self.payload.get() }
    }
}

/// What the states of one execution share.
struct Scope<'a, F> {
    functions: &'a F,
    seed: u64,
    context: &'a Value,
    history: &'a History,
}

/// Where a state leads: the next one, or the end.
type Step = (Option<String>, Value);
/// Where an execution stands, for whoever goes on with it.
type Reached = Cell<Option<(String, Value)>>;
type Variables = BTreeMap<String, Value>;

impl<F: Functions> Scope<'_, F> {
    /// Runs states to the end.
    async fn run(
        &self,
        states: &States,
        mut name: String,
        mut input: Value,
        reached: Option<&Reached>,
    ) -> Result<Value, Failure> {
        let mut variables = Variables::new();
        loop {
            if let Some(reached) = reached {
                reached.set(Some((name.clone(), input.clone())));
            }
            let state = states.get(&name).ok_or_else(|| Failure::new(RUNTIME, format!("no state {name}")))?;
            self.history.transition(&name);
            let (next, output) = match state {
                State::Task(task) => self.task(&name, task, input, &mut variables).await?,
                State::Map(map) => self.map(map, input).await?,
                State::Choice(choice) => self.choice(choice, input, &variables)?,
                State::Wait(wait) => self.wait(wait, input, &variables).await?,
                State::Pass(pass) => self.pass(pass, input, &mut variables)?,
                State::Fail(fail) => {
                    self.history.event(1)?;
                    let cause = jsonata::fill(&fail.cause, &self.states(&input), &variables)?;
                    return Err(Failure::new(&*fail.error, cause.as_str().unwrap_or_default()));
                }
                State::Succeed(_) => {
                    self.history.event(2)?;
                    (None, input)
                }
            };
            input = self.history.checked(output)?;
            match next {
                Some(next) => name = next,
                None => return Ok(input),
            }
        }
    }

    fn states(&self, input: &Value) -> Value {
        json!({ "input": input, "context": self.context })
    }

    fn filled(template: &Template, states: &Value, variables: &Variables, otherwise: Value) -> Result<Value, Failure> {
        match template {
            Some(template) => jsonata::fill(template, states, variables),
            None => Ok(otherwise),
        }
    }

    async fn task(&self, name: &str, task: &Task, input: Value, variables: &mut Variables) -> Result<Step, Failure> {
        let mut states = self.states(&input);
        self.history.event(2)?;
        match self.called(name, task, &states, variables).await {
            Ok(payload) => {
                states["result"] = json!({ "Payload": payload });
                let output = Self::filled(&task.output, &states, variables, states["result"].clone())?;
                let assigned: Result<Variables, Failure> = task
                    .assign
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), jsonata::fill(value, &states, variables)?)))
                    .collect();
                variables.extend(assigned?);
                Ok((Some(task.next.clone()), output))
            }
            Err(failure) => Self::caught(&task.catch, failure, states, variables),
        }
    }

    fn caught(
        catchers: &[Catcher],
        failure: Failure,
        mut states: Value,
        variables: &Variables,
    ) -> Result<Step, Failure> {
        let Some(catcher) = catchers.iter().find(|catcher| failure.matches(&catcher.error_equals)) else {
            return Err(failure);
        };
        states["errorOutput"] = failure.output();
        let output = Self::filled(&catcher.output, &states, variables, failure.output())?;
        Ok((Some(catcher.next.clone()), output))
    }

    /// Calls a task's function, as often as its retriers want.
    async fn called(&self, name: &str, task: &Task, states: &Value, variables: &Variables) -> Result<Value, Failure> {
        let payload = self.history.checked(jsonata::fill(&task.arguments.payload, states, variables)?)?;
        let stem = stem(&task.arguments.function_name);
        let mut attempts = vec![0; task.retry.len()];
        loop {
            self.history.event(3)?;
            let call = self.functions.invoke(&stem, &payload);
            let answer = tokio::time::timeout(Duration::from_secs(task.timeout_seconds), call).await;
            let failure = match answer {
                Ok(Ok(answer)) => return self.history.checked(answer),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::new(TIMEOUT, "the task took too long"),
            };
            let retrier = task.retry.iter().position(|retrier| failure.matches(&retrier.error_equals));
            let Some(n) = retrier.filter(|n| attempts[*n] < task.retry[*n].max_attempts) else { return Err(failure) };
            self.history.transition(name);
            tokio::time::sleep(self.pause(&task.retry[n], attempts[n])).await;
            attempts[n] += 1;
        }
    }

    /// A pause between nothing and the whole interval.
    fn pause(&self, retrier: &Retrier, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        let seconds = Duration::from_secs(retrier.interval_seconds).as_secs_f64() * retrier.backoff_rate.powi(exponent);
        let longest = Duration::from_secs(retrier.max_delay_seconds).as_secs_f64();
        let part = chance::fraction(self.seed, ("pause", self.history.events.get()));
        Duration::from_secs_f64(seconds.min(longest) * part)
    }

    async fn map(&self, map: &Map, input: Value) -> Result<Step, Failure> {
        let mut states = self.states(&input);
        self.history.event(4)?;
        match self.items(map, &states).await {
            Ok(results) => {
                states["result"] = results;
                let output = Self::filled(&map.output, &states, &Variables::new(), states["result"].clone())?;
                Ok((Some(map.next.clone()), output))
            }
            Err(failure) => Self::caught(&map.catch, failure, states, &Variables::new()),
        }
    }

    /// The results of all children, in the order of the items; `null` for one that died.
    async fn items(&self, map: &Map, states: &Value) -> Result<Value, Failure> {
        let items = match jsonata::fill(&map.items, states, &Variables::new())? {
            Value::Array(items) => items,
            other => return Err(Failure::new(RUNTIME, format!("not a list of items: {other}"))),
        };
        let children = stream::iter(items.into_iter().enumerate()).map(|(n, item)| self.child(map, n, item));
        let results: Vec<Value> = children.buffered(map.max_concurrency.max(1)).collect().await;
        self.history.checked(Value::Array(results))
    }

    fn child<'b>(&'b self, map: &'b Map, n: usize, item: Value) -> Pin<Box<dyn Future<Output = Value> + 'b>> {
        Box::pin(async move {
            let history = History::new(1);
            let scope = Scope {
                functions: self.functions,
                seed: chance::draw(self.seed, ("child", n, self.history.events.get())),
                context: self.context,
                history: &history,
            };
            let result = scope.run(&map.item_processor.states, map.item_processor.start_at.clone(), item, None).await;
            _ = history.event(1);
            self.history.children.set(self.history.children.get().and(history.counts()));
            self.history.trails.borrow_mut().insert(n, history.trail.take());
            result.unwrap_or(Value::Null)
        })
    }

    fn choice(&self, choice: &Choice, input: Value, variables: &Variables) -> Result<Step, Failure> {
        self.history.event(2)?;
        let states = self.states(&input);
        for rule in &choice.choices {
            if jsonata::fill(&rule.condition, &states, variables)? == Value::Bool(true) {
                return Ok((Some(rule.next.clone()), input));
            }
        }
        Ok((Some(choice.default.clone()), input))
    }

    async fn wait(&self, wait: &Wait, input: Value, variables: &Variables) -> Result<Step, Failure> {
        self.history.event(2)?;
        let states = self.states(&input);
        let seconds = jsonata::fill(&wait.seconds, &states, variables)?;
        let seconds = seconds.as_u64().ok_or_else(|| Failure::new(RUNTIME, format!("Seconds is {seconds}")))?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let output = Self::filled(&wait.output, &states, variables, input)?;
        Ok((Some(wait.next.clone()), output))
    }

    fn pass(&self, pass: &Pass, input: Value, variables: &mut Variables) -> Result<Step, Failure> {
        self.history.event(2)?;
        let states = self.states(&input);
        let output = Self::filled(&pass.output, &states, variables, input)?;
        let assigned: Result<Variables, Failure> = pass
            .assign
            .iter()
            .map(|(name, value)| Ok((name.clone(), jsonata::fill(value, &states, variables)?)))
            .collect();
        variables.extend(assigned?);
        Ok((pass.next.clone(), output))
    }
}

/// `${FindExpiredArn}` → `find-expired`.
fn stem(placeholder: &str) -> String {
    let name = placeholder.trim_start_matches("${").trim_end_matches("Arn}");
    let mut stem = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !stem.is_empty() {
            stem.push('-');
        }
        stem.push(c.to_ascii_lowercase());
    }
    stem
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Functions that answer from a script, the last answer for ever.
    struct Script {
        answers: RefCell<BTreeMap<&'static str, Vec<Result<Value, Failure>>>>,
        calls: RefCell<Vec<String>>,
    }

    impl Functions for Script {
        async fn invoke(&self, stem: &str, _event: &Value) -> Result<Value, Failure> {
            self.calls.borrow_mut().push(stem.to_owned());
            let mut answers = self.answers.borrow_mut();
            let mine = answers.get_mut(stem).unwrap();
            if mine.len() > 1 { mine.remove(0) } else { mine[0].clone() }
        }
    }

    fn script(answers: impl IntoIterator<Item = (&'static str, Vec<Result<Value, Failure>>)>) -> Script {
        Script { answers: RefCell::new(answers.into_iter().collect()), calls: RefCell::default() }
    }

    fn quiet() -> BTreeMap<&'static str, Vec<Result<Value, Failure>>> {
        let tally = json!({});
        BTreeMap::from([
            ("list-regions", vec![Ok(json!({ "jobs": [{ "region": "a" }, { "region": "b" }] }))]),
            ("discover-volumes", vec![Ok(json!({ "volumeIds": ["v"], "cursor": null, "tally": tally }))]),
            ("create-snapshots", vec![Ok(json!({ "deferred": [], "waitSeconds": 0, "tally": tally }))]),
            ("find-expired", vec![Ok(json!({ "snapshotIds": [], "cursor": null, "waitSeconds": 0, "tally": tally }))]),
            ("delete-snapshots", vec![Ok(json!({ "deferred": [], "waitSeconds": 0, "tally": tally }))]),
            ("notify", vec![Ok(json!({ "replayJobs": [], "subject": "", "sent": true }))]),
        ])
    }

    async fn played(functions: &Script) -> (Result<Value, Failure>, Execution) {
        let machine: StateMachine = serde_json::from_str(crate::STATE_MACHINE).unwrap();
        let mut execution = Execution::new(&machine, "night", DateTime::UNIX_EPOCH, json!({}));
        let ended = run(&machine, functions, 1, &mut execution).await;
        (ended, execution)
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_night_is_green_and_its_events_are_those_of_step_functions() {
        let functions = script(quiet());
        let (ended, execution) = played(&functions).await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(
            functions.calls.borrow().len(),
            1 + 2 * 3 + 1,
            "where nothing is to go, nobody is asked to delete it"
        );
        // The parent: start, two tasks (5), map (4), choice (2), succeed (2), end. A child: 3 tasks, 3 choices, 3 passes.
        assert_eq!(execution.counts.events, 1 + 3 * 5 + 3 * 2 + 3 * 2 + 1);
        assert_eq!(execution.counts.transitions, 5 + 2 * 9);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_tried_again_as_often_as_the_machine_says_and_then_caught() {
        let mut answers = quiet();
        answers.insert("find-expired", vec![Err(Failure::new("Ec2Throttled", "slow down"))]);
        let functions = script(answers);
        let (ended, execution) = played(&functions).await;
        assert!(ended.is_ok(), "the report is sent and says nothing failed here: {ended:?}");
        let tries = functions.calls.borrow().iter().filter(|stem| *stem == "find-expired").count();
        assert_eq!(tries, 2 * (1 + 3), "two regions, three retries");
        let tries = |child: &Vec<String>| child.iter().filter(|state| *state == "FindExpired").count();
        assert_eq!(execution.trail.children.iter().map(tries).collect::<Vec<_>>(), [4, 4]);
        assert!(!functions.calls.borrow().contains(&"delete-snapshots".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_redrive_enters_the_state_that_failed_with_its_input() {
        let mut answers = quiet();
        answers.insert(
            "notify",
            vec![
                Ok(json!({ "replayJobs": [{ "region": "b" }], "subject": "", "sent": true })),
                Ok(json!({ "replayJobs": [], "subject": "", "sent": true })),
            ],
        );
        answers.insert(
            "replay-gate",
            vec![Err(Failure::new("RegionsFailed", "b")), Ok(json!({ "jobs": [{ "region": "b" }] }))],
        );
        let functions = script(answers);
        let (ended, mut execution) = played(&functions).await;
        assert_eq!(ended.unwrap_err().error, "RegionsFailed");
        let machine: StateMachine = serde_json::from_str(crate::STATE_MACHINE).unwrap();
        functions.calls.borrow_mut().clear();
        execution.redrive_count += 1;
        assert!(run(&machine, &functions, 1, &mut execution).await.is_ok());
        assert_eq!(functions.calls.borrow()[..2], ["replay-gate", "discover-volumes"]);
        assert_eq!(functions.calls.borrow().iter().filter(|stem| *stem == "discover-volumes").count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_payload_above_the_limit_ends_the_child_and_nothing_else() {
        let mut answers = quiet();
        let large = "x".repeat(PAYLOAD_BYTES);
        answers.insert(
            "discover-volumes",
            vec![
                Ok(json!({ "volumeIds": [large], "cursor": null, "tally": {} })),
                quiet()["discover-volumes"][0].clone(),
            ],
        );
        let functions = script(answers);
        let (ended, execution) = played(&functions).await;
        assert!(ended.is_ok(), "{ended:?}");
        assert!(execution.counts.payload > PAYLOAD_BYTES);
        assert_eq!(functions.calls.borrow().iter().filter(|stem| *stem == "create-snapshots").count(), 1);
    }
}
