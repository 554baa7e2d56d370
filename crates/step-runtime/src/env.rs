//! Configuration from the environment, read once per process.
//!
//! A wrong value does not end the process: it becomes an error that every invocation reports by name, because a Lambda
//! that dies at its start tells the state machine nothing.

use contract::errors::INVALID_CONFIG;
use serde::de::DeserializeOwned;

use crate::StepError;

/// The text of the variable `name`.
///
/// # Errors
/// [`INVALID_CONFIG`] when it is not set or empty.
pub fn text(name: &str) -> Result<String, StepError> {
    check(name, std::env::var(name).ok())
}

/// The variable `name`, a JSON object, as a `T`.
///
/// # Errors
/// [`INVALID_CONFIG`] when it is not set or is not a `T`; the message names the field.
pub fn json<T: DeserializeOwned>(name: &str) -> Result<T, StepError> {
    parse(name, &text(name)?)
}

/// The variable `name`, which is `true` or `false`.
///
/// # Errors
/// [`INVALID_CONFIG`] when it is anything else.
pub fn flag(name: &str) -> Result<bool, StepError> {
    let value = text(name)?;
    value.parse().map_err(|_| refuse(name, &format!("{value:?} is neither true nor false")))
}

fn check(name: &str, value: Option<String>) -> Result<String, StepError> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| refuse(name, "the variable is not set"))
}

fn parse<T: DeserializeOwned>(name: &str, value: &str) -> Result<T, StepError> {
    contract::parse::from_text(value).map_err(|refusal| refuse(name, &refusal.to_string()))
}

fn refuse(name: &str, reason: &str) -> StepError {
    StepError::new(INVALID_CONFIG, format!("{name}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_a_wrong_configuration_names_variable_field_and_value() {
        let error = parse::<contract::Config>("EBS_BACKUP_CONFIG", r#"{"policies":[]}"#).unwrap_err();
        assert_eq!(error.name(), INVALID_CONFIG);
        assert!(error.message().starts_with("EBS_BACKUP_CONFIG: "), "{error}");
        assert!(error.message().contains("at least one policy"), "{error}");
    }

    #[test]
    fn s10_a_missing_variable_is_named() {
        assert_eq!(check("X", None).unwrap_err().message(), "X: the variable is not set");
    }
}
