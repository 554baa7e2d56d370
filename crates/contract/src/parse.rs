//! Parsing at the door: every refusal names the field, the value, and what would be right.

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// The longest part of a refused value that a message repeats, in bytes of JSON.
const SHOWN_VALUE: usize = 80;
/// The longest path that a message names, in bytes of JSON: a field that nobody knows may have any name.
const SHOWN_PATH: usize = 200;
/// The longest reason, in bytes of JSON. serde repeats a wrong value or name whole; its longest list of fields fits.
const SHOWN_REASON: usize = 600;

/// A value that is not what its type demands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{value:?} is not a valid {what}: {expected}")]
pub struct InvalidValue {
    /// What the value was meant to be, for example `run id`.
    pub what: &'static str,
    /// The value as it was given, shortened.
    pub value: String,
    /// What would be right.
    pub expected: String,
}

impl InvalidValue {
    /// A refusal of `value` as a `what`.
    pub fn new(what: &'static str, value: &str, expected: impl Into<String>) -> Self {
        Self { what, value: crate::text::clip(value, SHOWN_VALUE), expected: expected.into() }
    }
}

/// A JSON document that is refused, with the path of the field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {reason}{}", shown(.value.as_deref()))]
pub struct InvalidDocument {
    /// Where in the document, for example `policies[0].tag.key`; `(document)` for the whole.
    pub path: String,
    /// What is wrong, and what would be right.
    pub reason: String,
    /// The value found there, as JSON, where there is one.
    pub value: Option<String>,
}

fn shown(value: Option<&str>) -> String {
    value.map(|value| format!(" (found {value})")).unwrap_or_default()
}

/// Reads `document`, a JSON object, as a `T`.
///
/// # Errors
/// [`InvalidDocument`] with the path of the first field that is wrong.
pub fn from_value<T: DeserializeOwned>(document: &Value) -> Result<T, InvalidDocument> {
    // serde would read an array as a struct, field by field in their order.
    if !document.is_object() {
        return Err(InvalidDocument {
            path: "(document)".to_owned(),
            reason: "expected a JSON object".to_owned(),
            value: Some(crate::text::clip(&document.to_string(), SHOWN_VALUE)),
        });
    }
    serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        // A field whose name is empty has an empty path.
        let whole = path == "." || path.is_empty();
        let value = if whole { None } else { at_path(document, error.path()) };
        InvalidDocument {
            path: if whole { "(document)".to_owned() } else { crate::text::clip(&path, SHOWN_PATH) },
            reason: crate::text::clip(&error.inner().to_string(), SHOWN_REASON),
            value: value.map(|value| crate::text::clip(&value.to_string(), SHOWN_VALUE)),
        }
    })
}

/// Reads the JSON text `document` as a `T`.
///
/// # Errors
/// [`InvalidDocument`] when the text is not JSON or a field is wrong.
pub fn from_text<T: DeserializeOwned>(document: &str) -> Result<T, InvalidDocument> {
    let value: Value = serde_json::from_str(document).map_err(|error| InvalidDocument {
        path: "(document)".to_owned(),
        reason: format!("not JSON: {error}"),
        value: None,
    })?;
    from_value(&value)
}

fn at_path<'a>(document: &'a Value, path: &serde_path_to_error::Path) -> Option<&'a Value> {
    use serde_path_to_error::Segment;
    path.iter().try_fold(document, |value, segment| match segment {
        Segment::Seq { index } => value.get(index),
        Segment::Map { key } => value.get(key),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExecutionInput;

    #[test]
    fn s10_a_refusal_is_short_whatever_is_refused() {
        let long = "x".repeat(100_000);
        for (input, path, reason) in [
            (format!(r#"{{"{long}":1}}"#), "xxx", "unknown field `xxx"),
            (format!(r#"{{"dryRun":"{long}"}}"#), "dryRun", "invalid type: string \"xxx"),
            (format!(r#"{{"runId":"{long}"}}"#), "runId", "\"xxx"),
        ] {
            let refusal = from_text::<ExecutionInput>(&input).unwrap_err();
            assert!(refusal.path.starts_with(path) && refusal.reason.starts_with(reason), "{refusal}");
            assert!(refusal.to_string().len() < 1_000, "{}", refusal.to_string().len());
        }
    }

    #[test]
    fn s10_a_field_without_a_name_is_refused_with_a_path() {
        let refusal = from_text::<ExecutionInput>(r#"{"":1}"#).unwrap_err();
        assert_eq!(refusal.path, "(document)");
        assert!(refusal.reason.starts_with("unknown field ``"), "{refusal}");
    }
}
