//! The state machine as the server takes it.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::world::calm;

/// ValidateStateMachineDefinition of the local AWS accepts everything; its CreateStateMachine does read the JSONata. So
/// the definition is put to both, and the second is shown to be able to refuse.
#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn the_deployed_state_machine_is_accepted() -> Result<()> {
    let stack = &calm().await?.stack;
    let sfn = stack.account.sfn(&stack.home_region);
    let deployed = sfn.describe_state_machine().state_machine_arn(&stack.machine_arn).send().await?;
    let definition = deployed.definition();
    assert!(!definition.contains("${"), "a placeholder was left");
    let validated = sfn.validate_state_machine_definition().definition(definition).send().await?;
    assert_eq!((validated.result().as_str(), validated.diagnostics().len()), ("OK", 0));

    let create = async |name: &str, definition: &str| {
        sfn.create_state_machine().name(name).definition(definition).role_arn(deployed.role_arn()).send().await
    };
    let accepted = create("accepted", definition).await?;
    sfn.delete_state_machine().state_machine_arn(accepted.state_machine_arn()).send().await?;
    let mut broken: Value = serde_json::from_str(definition)?;
    broken["States"]["ListRegions"]["Output"] = "{% $states.result.( %}".into();
    let refused = create("broken", &broken.to_string()).await.err().context("a broken expression is accepted")?;
    assert!(refused.into_service_error().is_invalid_definition());
    Ok(())
}
