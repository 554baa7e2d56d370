//! The SDK's calls, taken to the simulated EC2 without a connection, so that they take simulated time alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use aws_sdk_ec2::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use ec2_sim::{Delivery, Sim};
use tokio::sync::Notify;

/// The life of one container.
///
/// It ends at a call: the one that finds no life left is sent or not, as it was decided, and never comes back.
#[derive(Debug)]
pub struct Life {
    calls: AtomicU32,
    ended: Notify,
}

/// A life without an end.
const FOR_EVER: u32 = u32::MAX;

impl Default for Life {
    fn default() -> Self {
        Self { calls: AtomicU32::new(FOR_EVER), ended: Notify::new() }
    }
}

impl Life {
    /// Ends with so many calls more: an even number of halves, each call being a half before and a half after it is sent.
    pub fn ends_after(&self, halves: u32) {
        self.calls.store(halves, Ordering::Relaxed);
    }

    /// It does not end.
    pub fn goes_on(&self) {
        self.calls.store(FOR_EVER, Ordering::Relaxed);
    }

    /// Waits for the end.
    pub async fn over(&self) {
        self.ended.notified().await;
    }

    async fn half(&self) {
        let left = self.calls.load(Ordering::Relaxed);
        if left == FOR_EVER {
            return;
        }
        if left == 0 {
            self.ended.notify_one();
            std::future::pending::<()>().await;
        }
        self.calls.store(left - 1, Ordering::Relaxed);
    }
}

/// A configuration for clients of the simulated EC2.
pub fn config(sim: &Arc<Sim>, account: &str, life: &Arc<Life>) -> Builder {
    let wire = Wire { sim: Arc::clone(sim), account: account.into(), life: Arc::clone(life) };
    aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(account, "secret", None, None, "simulated"))
        .region(Region::new("eu-central-1"))
        .timeout_config(step_runtime::sdk::timeouts())
        .time_source(SimulatedTime(Arc::clone(sim)))
        .http_client(wire)
}

/// The simulator's clock, for what goes by the time in the functions.
#[derive(Debug)]
struct SimulatedTime(Arc<Sim>);

impl TimeSource for SimulatedTime {
    fn now(&self) -> SystemTime {
        self.0.clock().now().into()
    }
}

#[derive(Debug, Clone)]
struct Wire {
    sim: Arc<Sim>,
    account: Arc<str>,
    life: Arc<Life>,
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.sent(&request).await })
    }
}

impl Wire {
    async fn sent(self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        self.life.half().await;
        let host = request.uri().split("//").nth(1).unwrap_or_default();
        let region = host.split('.').nth(1).unwrap_or_default();
        let form = request.body().bytes().unwrap_or_default();
        let reply = self.sim.call(&self.account, region, form);
        self.sim.clock().sleep(reply.after).await;
        self.life.half().await;
        match reply.delivery {
            Delivery::Whole(answer) => {
                let status = answer.status.try_into().map_err(|_| closed("no status"))?;
                Ok(HttpResponse::new(status, SdkBody::from(Bytes::from(answer.body))))
            }
            // The half that arrives is thrown away with the connection.
            Delivery::Half(_) => Err(closed("the connection closed in the middle of the answer")),
            Delivery::Closed => Err(closed("the connection closed before the answer")),
            Delivery::Silent => std::future::pending().await,
        }
    }
}

fn closed(why: &str) -> ConnectorError {
    ConnectorError::io(why.to_owned().into())
}
