//! The Lambda of [`delete_test_volumes`].

use chrono::Utc;
use contract::steps::delete_test_volumes::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), step_runtime::Error> {
    let clients = &ec2::Clients::from_env().await;
    step_runtime::run(async move |request: Request, _deadline| {
        delete_test_volumes::handle(&clients.of_restore(&request.job), request, Utc::now()).await
    })
    .await
}
