//! An account with the stack in it: nights that are run there, and the reports of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::types::Snapshot;
use chrono::{DateTime, Utc};
use contract::errors::REGIONS_FAILED;
use contract::selector::{POLICY_TAG, RUN_TAG, VOLUME_TAG};
use local_aws::fleet;
use local_aws::mail::{Mail, Mailbox, Notification, Queue};
use local_aws::run::{Outcome, RegionProgress, Run};
use local_aws::server::Server;
use local_aws::stack::Stack;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// A night takes seconds; this is for a machine that is busy with other things.
const NIGHT_WITHIN: Duration = Duration::from_secs(180);
/// A report is sent before its execution ends; the backstop speaks up after that.
const MAIL_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks for mail.
const PAUSE: Duration = Duration::from_millis(100);

/// An account with the stack in it.
pub struct Place {
    pub stack: Stack,
    mailbox: Mailbox,
    queue: Queue,
    /// What was taken out of the queue: each test looks for its own.
    received: Mutex<Vec<Notification>>,
}

/// A run that has ended.
pub struct Night {
    pub run: Run,
    pub outcome: Outcome,
}

/// A report, as people and as programs get it.
pub struct Report {
    pub mail: Mail,
    pub document: Value,
}

impl Place {
    pub async fn new(server: &Server, stack: Stack) -> Result<Self> {
        let mailbox = Mailbox::open(server, &stack.topic_arn)?;
        let queue = Queue::subscribe(&stack.account, &stack.home_region, &stack.topic_arn).await?;
        Ok(Self { stack, mailbox, queue, received: Mutex::new(Vec::new()) })
    }

    pub fn ec2(&self, region: &str) -> aws_sdk_ec2::Client {
        self.stack.account.ec2(region)
    }

    /// Runs a night and waits for its end.
    pub async fn night(&self, input: &Value) -> Result<Night> {
        self.follow(Run::start(&self.stack, None, input).await?).await
    }

    /// Runs a night of a policy, with a run id.
    pub async fn night_of(&self, policy: &str, run_id: &str) -> Result<Night> {
        self.night(&json!({ "policy": policy, "runId": run_id })).await
    }

    /// Restores, and waits for the end.
    pub async fn restore(&self, input: &Value) -> Result<Night> {
        self.follow(Run::restore(&self.stack, None, input).await?).await
    }

    pub async fn follow(&self, run: Run) -> Result<Night> {
        let outcome = run.wait(NIGHT_WITHIN).await?;
        Ok(Night { run, outcome })
    }

    /// The report of a run that has had one.
    pub async fn report(&self, night: &Night) -> Result<Report> {
        let mut reports = self.reports(night, 1).await?;
        reports.pop().context("no report")
    }

    /// The reports of a run, which has had exactly `count`: the first, then one for each replay.
    pub async fn reports(&self, night: &Night, count: usize) -> Result<Vec<Report>> {
        let deadline = Instant::now() + MAIL_WITHIN;
        loop {
            let reports = self.reports_so_far(night).await?;
            ensure!(reports.len() <= count, "{} reports of {}, not {count}", reports.len(), night.run.arn());
            if reports.len() == count {
                return Ok(reports);
            }
            ensure!(Instant::now() < deadline, "{} reports of {}, not {count}", reports.len(), night.run.arn());
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The reports of a run that have come: a mail and a document each.
    pub async fn reports_so_far(&self, night: &Night) -> Result<Vec<Report>> {
        let mails = self.mails(night)?.into_iter().filter(|mail| !is_backstop(mail));
        let mut received = self.received.lock().await;
        received.extend(self.queue.take_all().await?);
        let documents = received.iter().filter_map(|notification| notification.document().ok());
        let documents = documents.filter(|document| {
            document["run"]["executionArn"] == night.run.arn() || document["executionArn"] == night.run.arn()
        });
        Ok(mails.zip(documents).map(|(mail, document)| Report { mail, document }).collect())
    }

    /// All mails that name the execution.
    pub fn mails(&self, night: &Night) -> Result<Vec<Mail>> {
        let mut mails = self.mailbox.all()?;
        mails.retain(|mail| mail.text.contains(night.run.arn()));
        Ok(mails)
    }

    /// The mail of the backstop about a run that could send no report.
    pub async fn backstop(&self, night: &Night) -> Result<Mail> {
        let deadline = Instant::now() + MAIL_WITHIN;
        loop {
            if let Some(mail) = self.mails(night)?.into_iter().find(is_backstop) {
                return Ok(mail);
            }
            ensure!(Instant::now() < deadline, "the backstop said nothing about {}", night.run.arn());
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The snapshots of a policy in a region, oldest first.
    pub async fn snapshots(&self, region: &str, policy: &str) -> Result<Vec<Snapshot>> {
        let mut snapshots = fleet::snapshots(&self.ec2(region)).await?;
        snapshots.retain(|snapshot| fleet::tag_of(snapshot, POLICY_TAG) == Some(policy));
        snapshots.sort_by_key(|snapshot| snapshot.start_time().map(|at| (at.secs(), at.subsec_nanos())));
        Ok(snapshots)
    }

    /// Their ids.
    pub async fn snapshot_ids(&self, region: &str, policy: &str) -> Result<BTreeSet<String>> {
        Ok(self.snapshots(region, policy).await?.iter().map(id).collect())
    }

    /// How many snapshots a run has left of each volume.
    pub async fn per_volume(&self, region: &str, policy: &str, run_id: &str) -> Result<BTreeMap<String, usize>> {
        let mut counts = BTreeMap::new();
        for snapshot in self.snapshots(region, policy).await? {
            if fleet::tag_of(&snapshot, RUN_TAG) == Some(run_id) {
                let volume = fleet::tag_of(&snapshot, VOLUME_TAG).unwrap_or_default().to_owned();
                *counts.entry(volume).or_default() += 1;
            }
        }
        Ok(counts)
    }
}

impl Night {
    /// Whether it is red as a run with failed regions is.
    pub fn is_red(&self) -> bool {
        self.outcome.failed_with(REGIONS_FAILED)
    }

    /// The regions of its latest pass.
    pub async fn regions(&self) -> Result<Vec<RegionProgress>> {
        self.run.passes().await?.pop().context("no region was begun")
    }

    /// Redrives it from the failure and waits for its end.
    pub async fn redriven(self, place: &Place) -> Result<Self> {
        let mut run = self.run;
        run.redrive().await?;
        place.follow(run).await
    }

    /// What the execution says, for the message of an assertion.
    pub fn says(&self) -> String {
        let Outcome { status, error, cause, .. } = &self.outcome;
        format!("{status}, {}: {}", error.as_deref().unwrap_or("no error"), cause.as_deref().unwrap_or("no cause"))
    }
}

impl Report {
    /// The lines of the mail that are an execution's input, ready to paste.
    pub fn inputs(&self) -> Result<Vec<Value>> {
        let lines = self.mail.text.lines().filter(|line| line.starts_with('{'));
        lines.map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// When the run was started, in UTC.
    pub fn started_at(&self) -> Result<DateTime<Utc>> {
        let text = self.document["run"]["startedAt"].as_str().context("startedAt")?;
        text.parse().with_context(|| text.to_owned())
    }

    /// The document's entry for a region.
    pub fn region(&self, name: &str) -> Result<&Value> {
        let regions = self.document["regions"].as_array().context("regions")?;
        regions.iter().find(|region| region["region"] == name).with_context(|| format!("{name} is not in the report"))
    }
}

/// The regions that did not go to their end.
pub fn failed(regions: &[RegionProgress]) -> Vec<&str> {
    regions.iter().filter(|region| region.error.is_some()).map(|region| region.region.as_str()).collect()
}

/// The sum of a count over regions.
pub fn total(regions: &[RegionProgress], count: impl Fn(&RegionProgress) -> u64) -> u64 {
    regions.iter().map(count).sum()
}

pub fn id(snapshot: &Snapshot) -> String {
    snapshot.snapshot_id().unwrap_or_default().to_owned()
}

/// `days` ago, as EC2 writes it.
pub fn days_ago(days: i64) -> String {
    (Utc::now() - chrono::TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn is_backstop(mail: &Mail) -> bool {
    mail.text.contains("EBS Backup: a run ended as")
}
