//! The input of an execution: what the schedule, or an operator in the console, may say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{PlanId, PolicyName, Region, RunId};

/// The input of an execution. Every field is optional; an unknown one is refused.
///
/// It may *name* a policy, never define one: whoever may start an execution cannot shorten retention.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(title = "EBS Backup: input of an execution")]
pub struct ExecutionInput {
    /// The run to start, or to go on with: volumes that already have a snapshot of this run are not snapshotted again.
    /// Default: the execution's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The policy to run. May be left out where only one is deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
    /// Only these of the policy's regions. Default: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<Vec<Region>>,
    /// Write nothing: report what the run would do. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// Let this one purge pass although the guard held it; the report of the held run shows the value. A plan that has
    /// changed since is held again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve_purge: Option<PlanId>,
    /// Adopt the snapshots that the script before EBS Backup left behind, so that the policy's retention applies to them:
    /// those that a dry run lists. The policy must allow it. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub adopt: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The JSON Schema of [`ExecutionInput`], as `statemachine/input.schema.json` holds it.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(ExecutionInput).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::from_text;

    #[test]
    fn an_empty_input_is_a_full_run() {
        assert_eq!(from_text::<ExecutionInput>("{}").unwrap(), ExecutionInput::default());
    }

    #[test]
    fn s10_bad_input_is_refused_with_field_value_and_remedy() {
        for (input, path, part) in [
            (r#"{"retention":{"keepDays":1}}"#, "retention", "unknown field `retention`, expected one of `runId`"),
            (r#"{"regions":["eu-west-1","Frankfurt"]}"#, "regions[1]", "a region code such as eu-west-1"),
            (r#"{"runId":"a;b"}"#, "runId", "the value of a tag"),
            (r#"{"dryRun":"yes"}"#, "dryRun", "expected a boolean"),
            (r#"{"approvePurge":"all"}"#, "approvePurge", "as the report shows it"),
            (r#"[]"#, "(document)", "expected a JSON object (found [])"),
        ] {
            let error = from_text::<ExecutionInput>(input).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.path, path, "{error}");
        }
    }
}
