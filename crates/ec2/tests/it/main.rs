//! The adapter over a mocked SDK client, and over real connections on the loopback interface.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod errors;
mod hostile;
mod reads;
mod restores;
mod wire;
mod writes;

use std::time::Duration;

use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::types::Filter;
use aws_smithy_mocks::{Rule, RuleMode, mock_client};
use contract::{Pace, PolicyName, SnapshotId, VolumeId};
use ec2::Ec2;

/// EC2 that answers by these rules.
fn ec2(rules: &[&Rule]) -> Ec2 {
    ec2_at(Pace::default(), rules)
}

fn ec2_at(pace: Pace, rules: &[&Rule]) -> Ec2 {
    let client =
        mock_client!(aws_sdk_ec2, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()));
    Ec2::new(&client, pace).with_first_pause(Duration::from_millis(1))
}

/// An error as EC2 writes it.
fn refusal(code: &str, message: &str) -> Option<String> {
    Some(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>5ca1ab1e</RequestID></Response>"#
    ))
}

/// Filters as `name=value,value`.
fn shown(filters: &[Filter]) -> Vec<String> {
    filters.iter().map(|filter| format!("{}={}", filter.name().unwrap(), filter.values().join(","))).collect()
}

fn volume_id(n: usize) -> VolumeId {
    VolumeId::new(format!("vol-{n:017x}")).unwrap()
}

fn snapshot_id(n: usize) -> SnapshotId {
    SnapshotId::new(format!("snap-{n:017x}")).unwrap()
}

fn daily() -> PolicyName {
    PolicyName::new("daily").unwrap()
}
