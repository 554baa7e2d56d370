//! What the deployment tells a step that reports.

use contract::errors::INVALID_CONFIG;
use step_runtime::{StepError, env};

use crate::arn::TopicArn;

/// The environment that all reporting steps have, read once per process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `EBS_BACKUP_TOPIC_ARN`: where the report goes.
    pub topic: TopicArn,
    /// `EBS_BACKUP_ACCOUNT_NAME`: what people call the account. Any text.
    pub account_name: String,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`INVALID_CONFIG`] with the name of the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, StepError> {
        Ok(Self {
            topic: topic(&env::text("EBS_BACKUP_TOPIC_ARN")?)?,
            account_name: env::text("EBS_BACKUP_ACCOUNT_NAME")?,
        })
    }
}

fn topic(arn: &str) -> Result<TopicArn, StepError> {
    TopicArn::new(arn).ok_or_else(|| {
        let expected = "an ARN such as arn:aws:sns:eu-west-1:111122223333:ebs-backup-report";
        StepError::new(
            INVALID_CONFIG,
            format!("EBS_BACKUP_TOPIC_ARN: {arn:?} is not the ARN of an SNS topic: {expected}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_a_topic_that_is_none_is_refused_by_name() {
        let error = topic("ebs-backup-report").unwrap_err();
        assert_eq!(error.name(), INVALID_CONFIG);
        assert!(error.message().starts_with("EBS_BACKUP_TOPIC_ARN: \"ebs-backup-report\""), "{error}");
    }
}
