//! The Lambda of [`discover_volumes`].

use contract::steps::discover_volumes::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let clients = &ec2::Clients::from_env().await;
    step_runtime::run(async move |request: Request, _deadline| {
        discover_volumes::handle(clients.of(&request.job).read(), request).await
    })
    .await
}
