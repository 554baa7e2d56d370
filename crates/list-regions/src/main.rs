//! The Lambda of [`list_regions`].

use contract::Config;
use contract::steps::list_regions::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let config = step_runtime::env::json::<Config>("EBS_BACKUP_CONFIG");
    let ec2 = ec2::Clients::from_env().await.home();
    let (config, ec2) = (&config, &ec2);
    step_runtime::run(async move |request: Request, _deadline| {
        list_regions::handle(ec2, config.as_ref().map_err(Clone::clone)?, request).await
    })
    .await
}
