//! The part of the Amazon States Language that the state machine uses. Anything else is refused: a field that nobody
//! interprets would be a night that nobody played.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A state machine, or the part of one that a map runs for each item.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct StateMachine {
    /// For people.
    #[serde(rename = "Comment")]
    _comment: Option<String>,
    /// Must be JSONata.
    pub query_language: QueryLanguage,
    /// The first state.
    pub start_at: String,
    /// How long an execution may take.
    pub timeout_seconds: u64,
    /// The states, by name.
    pub states: States,
}

/// States by their names.
pub type States = BTreeMap<String, State>;

/// The one query language.
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum QueryLanguage {
    /// `JSONata`.
    #[serde(rename = "JSONata")]
    Jsonata,
}

/// A state.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "Type")]
pub enum State {
    /// Calls a function.
    Task(Task),
    /// Runs states for each item of its input.
    Map(Box<Map>),
    /// Goes one way or another.
    Choice(Choice),
    /// Waits.
    Wait(Wait),
    /// Reshapes data.
    Pass(Pass),
    /// Ends well.
    Succeed(Succeed),
    /// Ends badly.
    Fail(Fail),
}

/// What a state hands on. Missing means its result, or its input where it has none.
pub type Template = Option<Value>;
/// Variables that a state sets.
pub type Assign = BTreeMap<String, Value>;

/// Calls a function.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Task {
    #[serde(rename = "Comment")]
    _comment: Option<String>,
    /// Must be `arn:aws:states:::lambda:invoke`.
    pub resource: Resource,
    /// Function and payload.
    pub arguments: Arguments,
    /// How long it may take.
    pub timeout_seconds: u64,
    /// What is tried again.
    #[serde(default)]
    pub retry: Vec<Retrier>,
    /// What is caught.
    #[serde(default)]
    pub catch: Vec<Catcher>,
    /// Variables.
    #[serde(default)]
    pub assign: Assign,
    /// Output.
    pub output: Template,
    /// The next state.
    pub next: String,
}

/// The one resource.
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum Resource {
    /// Lambda's own integration.
    #[serde(rename = "arn:aws:states:::lambda:invoke")]
    LambdaInvoke,
}

/// What a function is called with.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Arguments {
    /// A placeholder such as `${FindExpiredArn}`.
    pub function_name: String,
    /// The event.
    pub payload: Value,
}

/// What is tried again, how often, and after how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Retrier {
    /// Error names.
    pub error_equals: Vec<String>,
    /// Seconds before the first.
    pub interval_seconds: u64,
    /// What the interval is multiplied with.
    pub backoff_rate: f64,
    /// How often.
    pub max_attempts: u32,
    /// The longest interval.
    pub max_delay_seconds: u64,
    /// Must be `FULL`.
    pub jitter_strategy: Jitter,
}

/// How intervals vary.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Jitter {
    /// Between nothing and the whole interval.
    Full,
}

/// What is caught, and where it goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Catcher {
    /// Error names.
    pub error_equals: Vec<String>,
    /// Output.
    pub output: Template,
    /// The next state.
    pub next: String,
}

/// Runs states for each item of its input, each in an execution of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Map {
    #[serde(rename = "Comment")]
    _comment: Option<String>,
    #[serde(rename = "Label")]
    _label: Option<String>,
    /// The items.
    pub items: Value,
    /// How many at once.
    pub max_concurrency: usize,
    /// Must be 100: every item runs to its end.
    pub tolerated_failure_percentage: u32,
    /// What runs.
    pub item_processor: ItemProcessor,
    /// What is caught.
    #[serde(default)]
    pub catch: Vec<Catcher>,
    /// Output.
    pub output: Template,
    /// The next state.
    pub next: String,
}

/// What runs for each item.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ItemProcessor {
    #[serde(rename = "ProcessorConfig")]
    _processor_config: ProcessorConfig,
    /// The first state.
    pub start_at: String,
    /// The states.
    pub states: States,
}

/// The one kind of map.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProcessorConfig {
    #[serde(rename = "Mode")]
    _mode: Mode,
    #[serde(rename = "ExecutionType")]
    _execution_type: ExecutionType,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Mode {
    #[serde(rename = "DISTRIBUTED")]
    Distributed,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum ExecutionType {
    #[serde(rename = "STANDARD")]
    Standard,
}

/// Goes one way or another.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Choice {
    #[serde(rename = "Comment")]
    _comment: Option<String>,
    /// The first whose condition holds is taken.
    pub choices: Vec<Rule>,
    /// Else this one.
    pub default: String,
}

/// One way.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Rule {
    /// When.
    pub condition: Value,
    /// Where.
    pub next: String,
}

/// Waits.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Wait {
    #[serde(rename = "Comment")]
    _comment: Option<String>,
    /// How long.
    pub seconds: Value,
    /// Output.
    pub output: Template,
    /// The next state.
    pub next: String,
}

/// Reshapes data.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Pass {
    #[serde(rename = "Comment")]
    _comment: Option<String>,
    /// Variables.
    #[serde(default)]
    pub assign: Assign,
    /// Output.
    pub output: Template,
    /// The next state; none where it ends.
    pub next: Option<String>,
    #[serde(default, rename = "End")]
    _end: bool,
}

/// Ends well.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Succeed {
    #[serde(rename = "Comment")]
    _comment: Option<String>,
}

/// Ends badly.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Fail {
    #[serde(rename = "Comment")]
    _comment: Option<String>,
    /// The error name.
    pub error: String,
    /// What is said.
    pub cause: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<StateMachine, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn the_state_machine_uses_nothing_that_is_not_played() {
        let machine = parsed(crate::STATE_MACHINE).unwrap();
        assert!(machine.states.contains_key("ReplayGate"));
        let machine = parsed(crate::RESTORE_MACHINE).unwrap();
        assert!(machine.states.contains_key("RestoreFailed"));
    }

    #[test]
    fn a_field_that_nobody_plays_is_refused() {
        for (known, unknown) in
            [(r#""MaxConcurrency": 40"#, r#""MaxConcurrency": 40, "ItemBatcher": {}"#), ("FULL", "NONE")]
        {
            assert!(parsed(&crate::STATE_MACHINE.replace(known, unknown)).is_err(), "{unknown}");
        }
    }
}
