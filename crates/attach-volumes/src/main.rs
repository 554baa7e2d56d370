//! The Lambda of [`attach_volumes`].

use contract::steps::attach_volumes::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let clients = &ec2::Clients::from_env().await;
    step_runtime::run(async move |request: Request, deadline| {
        attach_volumes::handle(&clients.of_restore(&request.job), request, deadline).await
    })
    .await
}
