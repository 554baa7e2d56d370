//! The Lambda of [`adopt_snapshots`].

use contract::steps::adopt_snapshots::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let clients = &ec2::Clients::from_env().await;
    step_runtime::run(async move |request: Request, deadline| {
        adopt_snapshots::handle(&clients.of(&request.job), request, deadline).await
    })
    .await
}
