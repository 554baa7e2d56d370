//! Inputs that are refused.

use anyhow::Result;
use local_aws::fleet::{self, VolumeSpec};
use serde_json::json;

use crate::world::calm;

const REGION: &str = "sa-east-1";

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s10_bad_input_is_refused_before_anything_is_done() -> Result<()> {
    let place = calm().await?;
    fleet::make(&place.ec2(REGION), REGION, &[VolumeSpec::new().tag("Input", "a")]).await?;
    for (input, says) in [
        (
            json!({ "policy": "input", "retention": { "keepDays": 1 } }),
            ["retention: unknown field", "expected one of `runId`"],
        ),
        (
            json!({ "policy": "input", "regions": ["mars-north-1"] }),
            ["regions[0]: \\\"mars-north-1\\\" is unknown or not enabled", "one of sa-east-1"],
        ),
        (
            json!({ "policy": "input", "regions": ["eu-west-1"] }),
            ["regions[0]: \\\"eu-west-1\\\" is not covered", "one of sa-east-1"],
        ),
        (json!({ "policy": "weekly" }), ["policy: \\\"weekly\\\" is not deployed", "one of night, aged, world"]),
        (json!({ "runId": "x" }), ["policy: missing, and several are deployed", "one of night"]),
        (json!({ "policy": "input", "runId": "a;b" }), ["a;b", "1 to 256 letters, digits, spaces or + - = . _ : / @"]),
        (json!({ "policy": "input", "dryRun": "yes" }), ["dryRun: ", "expected a boolean"]),
        (json!(["input"]), ["(document): ", "expected a JSON object"]),
    ] {
        let night = place.night(&input).await?;
        assert!(night.outcome.failed_with("InvalidInput"), "{input}: {}", night.says());
        let cause = night.outcome.cause.clone().unwrap_or_default();
        assert!(says.iter().all(|part| cause.contains(part)), "{input}: {cause}");
        assert_eq!(night.run.passes().await?.len(), 0, "{input}: it ended in ListRegions");
        let backstop = place.backstop(&night).await?;
        assert!(
            backstop.text.contains("InvalidInput") && backstop.text.contains("ended as FAILED"),
            "{}",
            backstop.text
        );
        assert_eq!(place.mails(&night)?.len(), 1, "the backstop alone has spoken");
    }
    assert_eq!(place.snapshots(REGION, "input").await?, [], "nothing was made");
    Ok(())
}
