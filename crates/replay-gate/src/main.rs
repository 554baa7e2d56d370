//! The binary of the step `replay-gate`.

use replay_gate::StepFunctions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let executions = StepFunctions::new(&step_runtime::sdk::config().await);
    let executions = &executions;
    step_runtime::run(async move |request, _deadline| replay_gate::handle(executions, request).await).await
}
