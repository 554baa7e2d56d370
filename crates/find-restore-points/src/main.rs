//! The Lambda of [`find_restore_points`].

use contract::Config;
use contract::steps::find_restore_points::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let config = step_runtime::env::json::<Config>("EBS_BACKUP_CONFIG");
    let clients = ec2::Clients::from_env().await;
    let home = clients.home();
    let (config, clients, home) = (&config, &clients, &home);
    step_runtime::run(async move |request: Request, _deadline| {
        let config = config.as_ref().map_err(Clone::clone)?;
        find_restore_points::handle(home, |region, pace| clients.in_region(region, pace), config, request).await
    })
    .await
}
