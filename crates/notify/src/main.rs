//! The binary of the step `notify`.

use chrono::Utc;
use notify::metrics::StandardOutput;
use notify::settings::Settings;
use report_topic::publish::SnsTopic;
use step_runtime::StepError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let sdk = step_runtime::sdk::config().await;
    let deployed = Settings::from_env().map(|settings| (SnsTopic::new(&sdk, settings.topic.clone()), settings));
    let deployed = &deployed;
    step_runtime::run(async move |request, _deadline| {
        let (topic, settings) = deployed.as_ref().map_err(Clone::clone)?;
        notify::handle(topic, &StandardOutput, settings, Utc::now(), request).await.map_err(StepError::from)
    })
    .await
}
