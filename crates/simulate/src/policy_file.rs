//! Reading a policy as `infra/config/accounts.json` holds it.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use contract::{JobPolicy, Policy, PolicyName};
use serde_json::{Value, json};

/// Reads the policy of a file: an object as in `policies` of an account. Only `retention` is needed; `schedule` may be there,
/// and its time zone counts.
///
/// # Errors
/// When the file cannot be read, or is no policy: with the path of the field, its value, and what would be right.
pub fn read(path: &Path) -> Result<JobPolicy> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    // One without a name goes by that of its file, where that is one.
    let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| PolicyName::new(stem).ok());
    parse(&text, stem.as_ref().map_or("policy", PolicyName::as_str))
        .with_context(|| format!("{} is no policy", path.display()))
}

/// Reads the text of such a file; `name` is for a policy without one.
///
/// # Errors
/// When it is no policy.
pub fn parse(text: &str, name: &str) -> Result<JobPolicy> {
    let mut policy: Value = serde_json::from_str(text).context("it is not JSON")?;
    let fields = policy.as_object_mut().ok_or_else(|| anyhow!("it must be an object such as {{\"retention\": …}}"))?;
    fields.entry("name").or_insert_with(|| name.into());
    fields.entry("tag").or_insert_with(|| json!({ "key": "Backup" }));
    if let Some(schedule) = fields.remove("schedule")
        && let Some(zone) = schedule.get("timeZone")
    {
        fields.entry("timeZone").or_insert_with(|| zone.clone());
    }
    let policy: Policy = contract::parse::from_value(&policy)?;
    Ok(JobPolicy::from(&policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_needs_no_more_than_its_retention_and_may_be_a_whole_one() {
        assert!(parse(r#"{"retention":{"keepDaily":7}}"#, "policy").is_ok());
        let whole = r#"{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDaily":7},"floor":2,
            "schedule":{"expression":"cron(0 2 * * ? *)","timeZone":"Europe/Berlin"}}"#;
        let policy = parse(whole, "policy").unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!((policy.floor.get(), policy.time_zone.to_string().as_str()), (2, "Europe/Berlin"));
    }

    #[test]
    fn s10_what_is_no_policy_is_refused_with_field_and_remedy() {
        for (text, part) in [
            ("", "not JSON"),
            ("[]", "must be an object"),
            ("{}", "missing field `retention`"),
            (r#"{"retention":{}}"#, "retention: \"{}\" is not a valid retention: at least one of keepLast"),
            (r#"{"retention":{"keepDaily":7},"zone":"UTC"}"#, "unknown field `zone`"),
        ] {
            let error =
                format!("{:#}", parse(text, "policy").err().map_or_else(String::new, |error| format!("{error:#}")));
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
