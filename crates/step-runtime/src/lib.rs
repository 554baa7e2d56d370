//! What every step's binary shares, so that its `main.rs` only wires: logging, configuration from the environment, the
//! SDK's configuration, named errors, the deadline, and the loop over invocations.
//!
//! **Architecture invariant:** nothing here knows what a step is for.

pub mod deadline;
pub mod env;
mod error;
pub mod sdk;

use std::fmt::Display;
use std::future::Future;

use contract::errors::INVALID_REQUEST;
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
/// is logged here, once, and reported to the state machine under its name.
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
        let deadline = Deadline::of(&event.context);
        let answer = match contract::parse::from_value(&event.payload) {
            // Boxed: an SDK call's future is nested so deeply that rustc gives up on the layout of what holds it.
            Ok(request) => Box::pin(work(request, deadline)).await.map_err(Into::into),
            Err(refusal) => Err(StepError::new(INVALID_REQUEST, refusal.to_string())),
        };
        answer.inspect_err(log_failure)
    }))
    .await
}

fn log_failure(error: &StepError) {
    tracing::error!(error = error.name(), message = error.message(), "step failed");
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
