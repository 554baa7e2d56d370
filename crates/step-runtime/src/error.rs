//! Errors as the state machine sees them: a stable name and a message.

use std::borrow::Cow;

use lambda_runtime::Diagnostic;
use thiserror::Error;

/// A step's failure. Without a name of its own, the runtime would report a Rust type path, which no `ErrorEquals` in the
/// state machine could match.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name}: {message}")]
pub struct StepError {
    name: Cow<'static, str>,
    message: String,
}

impl StepError {
    /// An error with a name from [`contract::errors`], or EC2's own code.
    pub fn new(name: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into() }
    }

    /// The name that the state machine matches.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What happened, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<StepError> for Diagnostic {
    fn from(error: StepError) -> Self {
        Self { error_type: error.name.into_owned(), error_message: error.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_machine_sees_the_name_and_not_a_rust_path() {
        let diagnostic: Diagnostic = StepError::new(contract::errors::EC2_THROTTLED, "slow down").into();
        assert_eq!((diagnostic.error_type.as_str(), diagnostic.error_message.as_str()), ("Ec2Throttled", "slow down"));
    }
}
