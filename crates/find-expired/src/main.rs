//! The Lambda of [`find_expired`].

use contract::steps::find_expired::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let clients = &ec2::Clients::from_env().await;
    step_runtime::run(async move |request: Request, _deadline| {
        find_expired::handle(clients.of(&request.job).read(), request).await
    })
    .await
}
