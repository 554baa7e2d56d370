//! The real CDK app, deployed to the local AWS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::account::Account;

/// A deployment takes about half a minute on two cores; this is for a machine that is busy with other things.
const CDK_WITHIN: Duration = Duration::from_secs(600);
/// The stage of the app that the local AWS gets.
const STAGE: &str = "Local";
/// Outputs of the stack.
const MACHINE_OUTPUT: &str = "StateMachineArn";
const RESTORE_OUTPUT: &str = "RestoreStateMachineArn";
const TOPIC_OUTPUT: &str = "ReportTopicArn";

/// The CDK app and the functions it is to deploy.
#[derive(Debug, Clone)]
pub struct CdkApp {
    infra: PathBuf,
    lambda_dir: PathBuf,
}

/// What the app says is to be deployed, for all of its accounts.
#[derive(Debug)]
pub struct Synthesized {
    app: CdkApp,
    assembly: String,
}

/// One account in the app's configuration.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    /// Its name: in the stage's name, the report and the console.
    pub name: String,
    /// Where the stack lives.
    pub home_region: String,
    /// Its policies, in the words of the app's configuration.
    pub policies: Vec<Value>,
    /// Who gets the report by mail.
    pub subscribers: Vec<String>,
    /// Whether there is a report when nothing was to do.
    pub report_when_idle: bool,
}

impl AccountConfig {
    /// An account with one policy: every volume that bears the tag `Backup`, the last two snapshots of each.
    #[must_use]
    pub fn new(name: &str, home_region: &str) -> Self {
        Self {
            name: name.to_owned(),
            home_region: home_region.to_owned(),
            policies: vec![json!({ "name": "daily", "tag": { "key": "Backup" }, "retention": { "keepLast": 2 } })],
            subscribers: vec!["operator@example.com".to_owned()],
            report_when_idle: false,
        }
    }

    fn to_json(&self, id: &str) -> Value {
        json!({
            "id": id,
            "name": self.name,
            "homeRegion": self.home_region,
            "policies": self.policies,
            "subscribers": self.subscribers,
            "reportWhenIdle": self.report_when_idle,
            // The functions run as processes of this machine.
            "architecture": if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" },
            "localEngine": true,
        })
    }
}

/// What a deployment left in an account.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The account.
    pub account: Account,
    /// The region it lives in.
    pub home_region: String,
    /// The ARN of the state machine.
    pub machine_arn: String,
    /// The ARN of the state machine of restores.
    pub restore_machine_arn: String,
    /// The ARN of the topic that the report goes to.
    pub topic_arn: String,
    /// The stack's outputs, by name.
    pub outputs: BTreeMap<String, String>,
}

impl CdkApp {
    /// The app in the folder `infra`, where `npm ci` has been run, with the functions laid out in `lambda_dir`.
    ///
    /// # Errors
    /// When the CDK is not installed in `infra`.
    pub fn new(infra: &Path, lambda_dir: &Path) -> Result<Self> {
        let infra = infra.canonicalize().with_context(|| format!("no folder {}", infra.display()))?;
        let lambda_dir = lambda_dir.canonicalize().with_context(|| format!("no folder {}", lambda_dir.display()))?;
        ensure!(
            infra.join("node_modules/.bin/cdk").exists(),
            "the CDK is not installed: run `npm ci` in {}",
            infra.display()
        );
        Ok(Self { infra, lambda_dir })
    }

    /// Bootstraps the account and deploys the stack into it.
    ///
    /// # Errors
    /// When the CDK fails; the message holds all it said.
    pub async fn deploy(&self, account: &Account, config: &AccountConfig) -> Result<Stack> {
        // The two do not need each other, and either leaves a core idle.
        let folder = tempfile::Builder::new().prefix("ebs-backup-cdk-").tempdir()?;
        let accounts = [(account, config)];
        let (synthesized, ()) =
            tokio::try_join!(self.synth(&accounts, folder.path()), self.bootstrap(account, &config.home_region))?;
        synthesized.deploy(account, config).await
    }

    /// Synthesizes the app for several accounts, as one configuration lists them, into `folder`.
    ///
    /// # Errors
    /// When the CDK fails, as it does for a configuration that it refuses.
    pub async fn synth(&self, accounts: &[(&Account, &AccountConfig)], folder: &Path) -> Result<Synthesized> {
        let Some((account, config)) = accounts.first() else { bail!("an app without an account") };
        let config_file = folder.join("accounts.json");
        let listed: Vec<Value> = accounts.iter().map(|(account, config)| config.to_json(account.id())).collect();
        let content = json!({ "stage": STAGE, "lambdaDir": self.lambda_dir, "accounts": listed });
        std::fs::write(&config_file, content.to_string())?;
        let assembly = folder.join("cdk.out").display().to_string();
        let context = format!("config={}", config_file.display());
        let synth = ["synth", "--quiet", "--context", &context, "--output", &assembly];
        self.cdk(account, &config.home_region, &synth).await?;
        Ok(Synthesized { app: self.clone(), assembly })
    }

    /// Bootstraps an account: once, before its first deployment.
    ///
    /// # Errors
    /// When the CDK fails.
    pub async fn bootstrap(&self, account: &Account, region: &str) -> Result<()> {
        let environment = format!("aws://{}/{region}", account.id());
        self.cdk(account, region, &["bootstrap", &environment, "--app", ""]).await
    }

    async fn cdk(&self, account: &Account, region: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(self.infra.join("node_modules/.bin/cdk"));
        command
            .args(arguments)
            .args(["--ci", "--no-color"])
            .current_dir(&self.infra)
            // The developer's own account is none of our business.
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(account.environment(region))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let what = format!("cdk {}", arguments.join(" "));
        let output = tokio::time::timeout(CDK_WITHIN, command.output())
            .await
            .with_context(|| format!("`{what}` did not end in {} s", CDK_WITHIN.as_secs()))?
            .with_context(|| format!("cannot run `{what}`"))?;
        if !output.status.success() {
            bail!(
                "`{what}` failed ({}):\n{}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
        }
        Ok(())
    }
}

impl Synthesized {
    /// Deploys the stack of one of the app's accounts, which must be bootstrapped.
    ///
    /// # Errors
    /// When the CDK fails; the message holds all it said.
    pub async fn deploy(&self, account: &Account, config: &AccountConfig) -> Result<Stack> {
        let region = &config.home_region;
        let work = tempfile::Builder::new().prefix("ebs-backup-cdk-").tempdir()?;
        let outputs_file = work.path().join("outputs.json");
        let outputs_arg = outputs_file.display().to_string();
        let stacks = format!("{STAGE}-{}/*", config.name);
        let deploy = ["deploy", &stacks, "--app", &self.assembly, "--require-approval", "never"];
        self.app.cdk(account, region, &[&deploy[..], &["--outputs-file", &outputs_arg]].concat()).await?;
        let outputs = read_outputs(&outputs_file)?;
        let output = |name: &str| outputs.get(name).cloned().with_context(|| format!("the stack has no output {name}"));
        Ok(Stack {
            account: account.clone(),
            home_region: region.clone(),
            machine_arn: output(MACHINE_OUTPUT)?,
            restore_machine_arn: output(RESTORE_OUTPUT)?,
            topic_arn: output(TOPIC_OUTPUT)?,
            outputs,
        })
    }
}

/// The CDK writes `{"<stack id>": {"<output>": "<value>"}}`; one stack is deployed at a time.
fn read_outputs(file: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(file).context("the CDK wrote no outputs")?;
    let stacks: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(&text).context("the CDK's outputs")?;
    Ok(stacks.into_values().flatten().collect())
}
