//! What every step's binary shares, so that its `main.rs` only wires: logging, configuration from the environment, the
//! SDK's configuration, named errors, the deadline, and the loop over invocations.
//!
//! **Architecture invariant:** nothing here knows what a step is for.

pub mod deadline;
pub mod env;
mod error;
pub mod sdk;

use std::any::Any;
use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use contract::errors::{INVALID_REQUEST, STEP_PANICKED};
use futures::FutureExt;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use deadline::Deadline;
pub use error::StepError;
pub use lambda_runtime::Error;

/// Serves invocations of a step until the process ends.
///
/// The event is read as a `Request`; one that is none fails with [`INVALID_REQUEST`] and the path of the field. A failure
/// is reported to the state machine under its name; the Lambda runtime logs it, once.
///
/// # Errors
/// When the Lambda Runtime API cannot be reached.
pub async fn run<Request, Response, Failure, Work, Answer>(work: Work) -> Result<(), Error>
where
    Request: DeserializeOwned,
    Response: Serialize,
    Failure: Into<StepError>,
    Work: Fn(Request, Deadline) -> Answer,
    Answer: Future<Output = Result<Response, Failure>>,
{
    lambda_runtime::tracing::init_default_subscriber();
    let work = &work;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
        answer(work, &event.payload, Deadline::of(&event.context)).await
    }))
    .await
}

/// Answers one invocation, as [`run`] does.
///
/// # Errors
/// [`INVALID_REQUEST`] for an event that is no `Request`, [`STEP_PANICKED`] for a panic, else the step's own error.
pub async fn answer<Request, Response, Failure, Work, Answer>(
    work: &Work,
    event: &Value,
    deadline: Deadline,
) -> Result<Response, StepError>
where
    Request: DeserializeOwned,
    Failure: Into<StepError>,
    Work: Fn(Request, Deadline) -> Answer,
    Answer: Future<Output = Result<Response, Failure>>,
{
    let request =
        contract::parse::from_value(event).map_err(|refusal| StepError::new(INVALID_REQUEST, refusal.to_string()))?;
    // Boxed: an SDK call's future is nested so deeply that rustc gives up on the layout of what holds it.
    let working = Box::pin(async { work(request, deadline).await.map_err(Into::into) });
    // The runtime would catch a panic too, and report it under the name of a Rust type.
    let ended = AssertUnwindSafe(working).catch_unwind().await;
    ended.unwrap_or_else(|panic| Err(StepError::new(STEP_PANICKED, panic_message(&*panic))))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// The text of `error` and of all that caused it, joined by `: `.
pub fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    std::iter::once(error.to_string()).chain(sources.map(ToString::to_string)).fold(String::new(), join)
}

fn join(text: String, part: impl Display) -> String {
    let part = part.to_string();
    if text.is_empty() {
        part
    } else if text.contains(&part) {
        text
    } else {
        format!("{text}: {part}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use contract::steps::list_regions::Execution;
    use proptest::prelude::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(1))
    }

    async fn fails(work: impl AsyncFn(Execution) -> Result<(), StepError>, event: Value) -> StepError {
        let work = &work;
        answer(&async move |execution: Execution, _deadline| work(execution).await, &event, soon()).await.unwrap_err()
    }

    fn execution() -> Value {
        serde_json::json!({ "name": "a", "startTime": "2026-11-23T02:00:00Z" })
    }

    #[tokio::test]
    async fn an_event_that_is_no_request_is_refused_by_field() {
        let error =
            fails(async |_| Ok(()), serde_json::json!({ "name": 7, "startTime": "2026-11-23T02:00:00Z" })).await;
        assert_eq!(error.name(), INVALID_REQUEST);
        assert!(error.message().starts_with("name: "), "{error}");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let single = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(Value::from("2026-11-23T02:00:00Z")),
        ];
        single.prop_recursive(3, 16, 4, |inner| {
            let field = (prop_oneof![Just("name".to_owned()), Just("startTime".to_owned()), ".{0,4}"], inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..3).prop_map(Value::from),
                prop::collection::vec(field, 0..3).prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn s10_any_event_is_a_request_or_refused_by_name_and_not_worked_on(event in any_json()) {
            let worked = std::cell::Cell::new(false);
            let work = async |_: Execution, _: Deadline| -> Result<(), StepError> {
                worked.set(true);
                Ok(())
            };
            match answer(&work, &event, soon()).now_or_never().unwrap() {
                Ok(()) => prop_assert!(event["name"].is_string() && event["startTime"].is_string() && worked.get()),
                Err(error) => {
                    prop_assert_eq!(error.name(), INVALID_REQUEST);
                    prop_assert!(error.message().contains(": ") && !error.message().starts_with(": "), "{}", error);
                    prop_assert!(!worked.get());
                }
            }
        }
    }

    #[tokio::test]
    async fn a_panic_has_a_name_that_is_none_of_rusts() {
        let error = fails(async |_| panic!("at the disco"), execution()).await;
        assert_eq!((error.name(), error.message()), (STEP_PANICKED, "at the disco"));
    }
}
