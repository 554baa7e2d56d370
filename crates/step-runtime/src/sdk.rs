//! The SDK's configuration, the same in every step.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// How long a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one attempt of a call may take. The SDK itself sets no bound.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a call may take with all the SDK's own attempts.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(40);

/// The configuration of this process: credentials and region from the environment, and time-outs.
pub async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).load().await
}

/// The time-outs of every call.
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}
