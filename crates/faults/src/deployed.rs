//! What the CDK app deploys, from the template that its own tests keep: so no number stands here a second time.

use std::collections::BTreeMap;

use serde_json::Value;

const TEMPLATE: &str = include_str!("../../../infra/test/__snapshots__/production.json");

/// The size of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// When Lambda stops it.
    pub time_out_seconds: u64,
    /// How much memory it has.
    pub memory_mib: u64,
}

/// The functions, by their stems.
#[must_use]
pub fn sizes() -> BTreeMap<String, Size> {
    let template: Value = serde_json::from_str(TEMPLATE).unwrap_or_default();
    let resources = template["Resources"].as_object();
    let functions = resources.into_iter().flatten().map(|(_, resource)| resource);
    functions
        .filter(|resource| resource["Type"] == "AWS::Lambda::Function")
        .filter_map(|function| {
            let properties = &function["Properties"];
            let stem = properties["FunctionName"].as_str()?.strip_prefix("ebs-backup-")?.to_owned();
            let size = Size {
                time_out_seconds: properties["Timeout"].as_u64()?,
                memory_mib: properties["MemorySize"].as_u64()?,
            };
            Some((stem, size))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_step_has_its_size() {
        let sizes = super::sizes();
        assert_eq!(sizes.len(), 14, "{sizes:?}");
        assert_eq!(sizes["create-snapshots"].time_out_seconds, 900);
    }
}
