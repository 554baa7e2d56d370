//! The topic that reports go to: the port, and its adapter for SNS.

use aws_config::{Region, SdkConfig};
use aws_sdk_sns::Client;
use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError as SnsError;
use contract::errors::{REPORT_REFUSED, SNS_UNAVAILABLE};
use step_runtime::StepError;
use thiserror::Error;

use crate::arn::TopicArn;
use crate::message::Message;

/// Where reports go.
pub trait ReportTopic {
    /// Sends `message` to all subscribers.
    fn publish(&self, message: &Message) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// Why a report did not go out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishError {
    /// SNS could not be reached, throttled, or failed on its side: worth another try.
    #[error("SNS is not available: {0}")]
    Unavailable(String),
    /// SNS refused it, and would again.
    #[error("SNS refused the report: {0}")]
    Refused(String),
}

impl From<PublishError> for StepError {
    fn from(error: PublishError) -> Self {
        let name = match error {
            PublishError::Unavailable(_) => SNS_UNAVAILABLE,
            PublishError::Refused(_) => REPORT_REFUSED,
        };
        Self::new(name, error.to_string())
    }
}

/// A topic in SNS.
#[derive(Debug, Clone)]
pub struct SnsTopic {
    client: Client,
    arn: TopicArn,
}

impl SnsTopic {
    /// The topic `arn`, reached in its own region: no other takes a message for it.
    #[must_use]
    pub fn new(sdk: &SdkConfig, arn: TopicArn) -> Self {
        let config = aws_sdk_sns::config::Builder::from(sdk).region(Region::new(arn.region().to_owned())).build();
        Self { client: Client::from_conf(config), arn }
    }
}

impl ReportTopic for SnsTopic {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let request = self.client.publish().topic_arn(self.arn.as_str()).message_structure("json");
        let request = request.subject(&message.subject).message(&message.body);
        request.send().await.map(drop).map_err(|error| classified(&error))
    }
}

fn classified(error: &SdkError<SnsError, HttpResponse>) -> PublishError {
    let text = step_runtime::chain(error);
    let unavailable = match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            // `Throttled`, `ThrottlingException`, and `KMSThrottling…` of the topic's key.
            let throttled = refusal.err().code().is_some_and(|code| code.contains("Throttl"));
            status >= 500 || status == 429 || throttled
        }
        _ => false,
    };
    if unavailable { PublishError::Unavailable(text) } else { PublishError::Refused(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sns::error::ErrorMetadata;
    use aws_sdk_sns::operation::publish::PublishOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    fn arn() -> TopicArn {
        TopicArn::new("arn:aws:sns:eu-west-1:111122223333:ebs-backup-report").unwrap()
    }

    fn message() -> Message {
        Message { subject: "EBS Backup OK".to_owned(), body: r#"{"default":"{}"}"#.to_owned() }
    }

    async fn publish(rule: &Rule) -> Result<(), PublishError> {
        let client = mock_client!(aws_sdk_sns, RuleMode::MatchAny, [rule], |config| config
            .retry_config(aws_sdk_sns::config::retry::RetryConfig::disabled()));
        SnsTopic { client, arn: arn() }.publish(&message()).await
    }

    #[tokio::test]
    async fn subject_variants_and_topic_arrive() {
        let rule = mock!(Client::publish)
            .match_requests(|request| {
                request.topic_arn() == Some(arn().as_str())
                    && request.subject() == Some("EBS Backup OK")
                    && request.message() == Some(r#"{"default":"{}"}"#)
                    && request.message_structure() == Some("json")
            })
            .then_output(|| PublishOutput::builder().message_id("1").build());
        assert_eq!(publish(&rule).await, Ok(()));
    }

    #[tokio::test]
    async fn throttling_is_tried_again_and_a_refusal_is_not() {
        for (code, name) in [
            ("Throttled", SNS_UNAVAILABLE),
            ("ThrottlingException", SNS_UNAVAILABLE),
            ("KMSThrottling", SNS_UNAVAILABLE),
            ("AuthorizationError", REPORT_REFUSED),
            ("NotFound", REPORT_REFUSED),
            ("InvalidParameter", REPORT_REFUSED),
            ("KMSDisabled", REPORT_REFUSED),
        ] {
            let rule = mock!(Client::publish)
                .then_error(move || SnsError::generic(ErrorMetadata::builder().code(code).message("because").build()));
            let error: StepError = publish(&rule).await.unwrap_err().into();
            assert_eq!(error.name(), name, "{code}");
            assert!(error.message().contains("because"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_failure_on_the_side_of_sns_is_tried_again() {
        let rule =
            mock!(Client::publish).then_http_response(|| HttpResponse::new(503.try_into().unwrap(), "down".into()));
        assert!(matches!(publish(&rule).await, Err(PublishError::Unavailable(_))));
    }
}
