//! An account on the local AWS, and the SDK clients to work in it.

use anyhow::{Context, Result, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};

use crate::server::Server;

/// An account. It exists as soon as somebody speaks of it: the server takes an access key of 12 digits for the root
/// credentials of the account with that id.
#[derive(Debug, Clone)]
pub struct Account {
    id: String,
    endpoint: String,
}

impl Account {
    /// The account `id` of `server`.
    ///
    /// # Errors
    /// When `id` is not 12 digits.
    pub fn new(server: &Server, id: &str) -> Result<Self> {
        ensure!(id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()), "an account id is 12 digits, not {id:?}");
        Ok(Self { id: id.to_owned(), endpoint: server.endpoint() })
    }

    /// Its 12 digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a program needs in its environment to work in this account with the AWS CLI, an SDK or the CDK.
    #[must_use]
    pub fn environment(&self, region: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", self.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_REGION", region.to_owned()),
        ]
    }

    /// The configuration that every client of the account is made of.
    #[must_use]
    pub fn sdk_config(&self, region: &str) -> SdkConfig {
        let credentials = Credentials::new(&self.id, "local", None, None, "local-aws");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(&self.endpoint)
            .build()
    }

    /// EC2 in `region`.
    #[must_use]
    pub fn ec2(&self, region: &str) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.sdk_config(region))
    }

    /// Step Functions in `region`.
    #[must_use]
    pub fn sfn(&self, region: &str) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.sdk_config(region))
    }

    /// SNS in `region`.
    #[must_use]
    pub fn sns(&self, region: &str) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.sdk_config(region))
    }

    /// SQS in `region`.
    #[must_use]
    pub fn sqs(&self, region: &str) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk_config(region))
    }

    /// IAM, which has no region.
    #[must_use]
    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.sdk_config("us-east-1"))
    }

    /// The regions that the account has enabled, in the order of their names.
    ///
    /// # Errors
    /// When EC2 does not answer.
    pub async fn regions(&self) -> Result<Vec<String>> {
        let answer = self.ec2("us-east-1").describe_regions().send().await.context("DescribeRegions")?;
        let mut names: Vec<String> =
            answer.regions().iter().filter_map(|r| r.region_name().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }
}
