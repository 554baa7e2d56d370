//! The Lambda of [`report_restore`].

use contract::steps::report_restore::Request;
use report_topic::publish::SnsTopic;
use report_topic::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let sdk = step_runtime::sdk::config().await;
    let deployed = Settings::from_env().map(|settings| (SnsTopic::new(&sdk, settings.topic.clone()), settings));
    let clients = ec2::Clients::from_env().await;
    let (deployed, clients) = (&deployed, &clients);
    step_runtime::run(async move |request: Request, _deadline| {
        let (topic, settings) = deployed.as_ref().map_err(Clone::clone)?;
        let ec2 = clients.of_restore(&request.job);
        report_restore::handle(topic, ec2.read(), &settings.account_name, request).await
    })
    .await
}
