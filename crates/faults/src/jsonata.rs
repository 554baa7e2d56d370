//! Expressions of the state machine.

use std::collections::{BTreeMap, HashMap};

use bumpalo::Bump;
use jsonata_rs::JsonAta;
use serde_json::Value;

use crate::machine::Failure;

/// The error of an expression that has no value, or is none.
pub const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";

/// Fills a template: every string `{% … %}` becomes the value of the expression in it.
pub fn fill(template: &Value, states: &Value, variables: &BTreeMap<String, Value>) -> Result<Value, Failure> {
    match template {
        Value::String(text) => match text.strip_prefix("{%").and_then(|text| text.strip_suffix("%}")) {
            Some(expression) => evaluate(expression.trim(), states, variables),
            None => Ok(template.clone()),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, states, variables)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| Ok((name.clone(), fill(value, states, variables)?)))
            .collect::<Result<_, _>>()
            .map(Value::Object),
        other => Ok(other.clone()),
    }
}

fn evaluate(expression: &str, states: &Value, variables: &BTreeMap<String, Value>) -> Result<Value, Failure> {
    // Nine of ten expressions are a plain path, and JSONata's answer to one is what stands there.
    if let Some(found) = plain_path(expression, states, variables) {
        return found.cloned().ok_or_else(|| failure(expression, "it has no value"));
    }
    let arena = Bump::new();
    let jsonata = JsonAta::new(expression, &arena).map_err(|error| failure(expression, &error.to_string()))?;
    jsonata.register_function("type", 1, |context, arguments| {
        let of = arguments.first().copied().unwrap_or(jsonata_rs::Value::undefined());
        let name = match () {
            () if of.is_undefined() => return Ok(of),
            () if of.is_null() => "null",
            () if of.is_bool() => "boolean",
            () if of.is_number() => "number",
            () if of.is_string() => "string",
            () if of.is_array() => "array",
            () if of.is_function() => "function",
            () => "object",
        };
        Ok(jsonata_rs::Value::string(context.arena, name))
    });
    let mut bindings: HashMap<&str, &Value> = HashMap::from([("states", states)]);
    bindings.extend(variables.iter().map(|(name, value)| (name.as_str(), value)));
    // What is not mentioned need not be copied.
    bindings.retain(|name, _| expression.contains(&format!("${name}")));
    let value = jsonata.evaluate(None, Some(&bindings)).map_err(|error| failure(expression, &error.to_string()))?;
    if value.is_undefined() {
        return Err(failure(expression, "it has no value"));
    }
    serde_json::from_str(&value.serialize(false)).map_err(|error| failure(expression, &error.to_string()))
}

/// `$name.field.field`, through objects alone: what stands there, `Some(None)` when nothing does, `None` for any other
/// expression.
fn plain_path<'a>(
    expression: &str,
    states: &'a Value,
    variables: &'a BTreeMap<String, Value>,
) -> Option<Option<&'a Value>> {
    let path = expression.strip_prefix('$')?;
    if !path.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') {
        return None;
    }
    let mut names = path.split('.');
    let mut at = match names.next()? {
        "states" => states,
        variable => match variables.get(variable) {
            Some(value) => value,
            None => return Some(None),
        },
    };
    for name in names {
        match at {
            Value::Object(fields) => match fields.get(name) {
                Some(value) => at = value,
                None => return Some(None),
            },
            // JSONata maps a path over an array: that is for JSONata.
            Value::Array(_) => return None,
            _ => return Some(None),
        }
    }
    Some(Some(at))
}

fn failure(expression: &str, why: &str) -> Failure {
    Failure::new(QUERY_EVALUATION_ERROR, format!("{expression}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(template: &Value) -> Result<Value, Failure> {
        let states = json!({ "input": { "one": ["a"], "none": [], "cursor": null, "n": 7, "text": "0123456789" } });
        fill(template, &states, &BTreeMap::from([("job".to_owned(), json!({ "region": "eu-west-1" }))]))
    }

    #[test]
    fn expressions_have_the_values_that_jsonata_gives_them() {
        for (expression, expected) in [
            ("$states.input.one", json!(["a"])),
            ("$states.input.none", json!([])),
            ("$states.input.cursor", json!(null)),
            ("$job.region", json!("eu-west-1")),
            ("$count($states.input.one) > 0", json!(true)),
            ("$count($states.input.none) > 0", json!(false)),
            ("$type($states.input.cursor) = 'string'", json!(false)),
            ("$type($states.input.text) = 'string'", json!(true)),
            ("$type($states.input) = 'object'", json!(true)),
            ("$exists($states.input.missing) ? $states.input.missing : 0", json!(0)),
            ("$substring($exists($states.input.n) ? $string($states.input.n) : '', 0, 200)", json!("7")),
            ("$substring($states.input.text, 0, 3)", json!("012")),
        ] {
            assert_eq!(filled(&json!(format!("{{% {expression} %}}"))).unwrap(), expected, "{expression}");
        }
        assert_eq!(filled(&json!({ "a": ["{% $states.input.n %}", 1] })).unwrap(), json!({ "a": [7, 1] }));
    }

    #[test]
    fn what_has_no_value_is_an_error() {
        for expression in ["{% $states.input.missing %}", "{% $nobody %}", "{% $states.input.n.m %}", "{% ( %}"] {
            assert_eq!(filled(&json!(expression)).unwrap_err().error, QUERY_EVALUATION_ERROR, "{expression}");
        }
    }
}
