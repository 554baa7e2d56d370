//! What the deployment tells the step.

use report_topic::arn::TopicArn;
use step_runtime::{StepError, env};

/// The environment of the step, read once per process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `EBS_BACKUP_TOPIC_ARN`: where the report goes.
    pub topic: TopicArn,
    /// `EBS_BACKUP_ACCOUNT_NAME`: what people call the account. Any text.
    pub account_name: String,
    /// `EBS_BACKUP_REPORT_WHEN_IDLE`: whether a run without anything to do is reported.
    pub report_when_idle: bool,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`INVALID_CONFIG`](contract::errors::INVALID_CONFIG) with the name of the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, StepError> {
        let report_topic::settings::Settings { topic, account_name } = report_topic::settings::Settings::from_env()?;
        Ok(Self { topic, account_name, report_when_idle: env::flag("EBS_BACKUP_REPORT_WHEN_IDLE")? })
    }
}
