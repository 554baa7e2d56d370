//! What the gate asks Step Functions: the port, and its adapter.

use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use thiserror::Error;

/// The executions of the state machine.
pub trait Executions {
    /// How often the execution was redriven.
    fn redrive_count(&self, execution_arn: &str) -> impl Future<Output = Result<u32, LookUpError>> + Send;
}

/// The execution could not be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct LookUpError(String);

impl LookUpError {
    /// An error that says `reason`.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The executions that Step Functions knows.
#[derive(Debug, Clone)]
pub struct StepFunctions(Client);

impl StepFunctions {
    /// Those of this process's region, which is that of the state machine.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self(Client::new(sdk))
    }
}

impl Executions for StepFunctions {
    async fn redrive_count(&self, execution_arn: &str) -> Result<u32, LookUpError> {
        let answer = self.0.describe_execution().execution_arn(execution_arn).send().await;
        let answer =
            answer.map_err(|error| LookUpError::new(format!("DescribeExecution: {}", step_runtime::chain(&error))))?;
        // An execution that was never redriven may come without the count.
        let count = answer.redrive_count().unwrap_or_default();
        u32::try_from(count).map_err(|_| LookUpError::new(format!("DescribeExecution: redriveCount is {count}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sfn::error::ErrorMetadata;
    use aws_sdk_sfn::operation::describe_execution::{DescribeExecutionError, DescribeExecutionOutput};
    use aws_sdk_sfn::primitives::DateTime;
    use aws_sdk_sfn::types::ExecutionStatus;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    async fn count(rule: &Rule) -> Result<u32, LookUpError> {
        let client = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [rule], |config| config
            .retry_config(aws_sdk_sfn::config::retry::RetryConfig::disabled()));
        StepFunctions(client).redrive_count("arn:of:it").await
    }

    fn answer(redrive_count: Option<i32>) -> DescribeExecutionOutput {
        DescribeExecutionOutput::builder()
            .execution_arn("arn:of:it")
            .state_machine_arn("arn:of:machine")
            .status(ExecutionStatus::Running)
            .start_date(DateTime::from_secs(0))
            .set_redrive_count(redrive_count)
            .build()
            .unwrap()
    }

    #[tokio::test]
    async fn the_count_is_read_from_the_execution_itself() {
        for (given, expected) in [
            (Some(2), Ok(2)),
            (None, Ok(0)),
            (Some(-1), Err(LookUpError::new("DescribeExecution: redriveCount is -1"))),
        ] {
            let rule = mock!(Client::describe_execution)
                .match_requests(|request| request.execution_arn() == Some("arn:of:it"))
                .then_output(move || answer(given));
            assert_eq!(count(&rule).await, expected);
        }
    }

    #[tokio::test]
    async fn a_refusal_says_what_step_functions_said() {
        let rule = mock!(Client::describe_execution).then_error(|| {
            DescribeExecutionError::generic(
                ErrorMetadata::builder().code("AccessDeniedException").message("not yours").build(),
            )
        });
        let error = count(&rule).await.unwrap_err().to_string();
        assert!(error.contains("DescribeExecution") && error.contains("not yours"), "{error}");
    }
}
