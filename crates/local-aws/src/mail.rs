//! The reports, read where they arrive: as mail at the topic's subscribers, and as messages in a queue.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::account::Account;
use crate::server::Server;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What a subscriber of a topic received by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The topic it was sent to.
    pub topic_arn: String,
    /// The subscriber's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The body.
    pub text: String,
}

/// The mail of one topic's subscribers, from now on.
#[derive(Debug)]
pub struct Mailbox {
    file: PathBuf,
    topic_arn: String,
    read: usize,
}

impl Mailbox {
    /// The mail that `server` delivers to the subscribers of `topic_arn` from now on.
    ///
    /// # Errors
    /// When the mail there cannot be read.
    pub fn open(server: &Server, topic_arn: &str) -> Result<Self> {
        let mut mailbox = Self { file: server.mailbox(), topic_arn: topic_arn.to_owned(), read: 0 };
        mailbox.read = mailbox.all()?.len();
        Ok(mailbox)
    }

    /// The mails that came since the last call, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new_mails(&mut self) -> Result<Vec<Mail>> {
        let mut mails = self.all()?;
        let new = mails.split_off(self.read.min(mails.len()));
        self.read += new.len();
        Ok(new)
    }

    /// Waits for the next mail.
    ///
    /// # Errors
    /// When none has come `within` that time.
    pub async fn next(&mut self, within: Duration) -> Result<Mail> {
        let deadline = Instant::now() + within;
        loop {
            let mails = self.all()?;
            if let Some(mail) = mails.into_iter().nth(self.read) {
                self.read += 1;
                return Ok(mail);
            }
            if Instant::now() > deadline {
                bail!("no mail from {} in {} s", self.topic_arn, within.as_secs());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// All mails so far, also those from before this mailbox was opened.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn all(&self) -> Result<Vec<Mail>> {
        let text = match std::fs::read_to_string(&self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.context("the mailbox")?,
        };
        let mut mails = Vec::new();
        for line in text.lines() {
            let mail: Value = serde_json::from_str(line).context("the mailbox")?;
            let field = |name: &str| mail[name].as_str().unwrap_or_default().to_owned();
            if field("topic") == self.topic_arn {
                mails.push(Mail {
                    topic_arn: field("topic"),
                    to: field("to"),
                    subject: field("subject"),
                    text: field("text"),
                });
            }
        }
        Ok(mails)
    }
}

/// What a queue received from a topic: what a program sees of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The subject.
    pub subject: String,
    /// The message for a queue.
    pub message: String,
}

impl Notification {
    /// The message as the JSON document it is.
    ///
    /// # Errors
    /// When it is none.
    pub fn document(&self) -> Result<Value> {
        serde_json::from_str(&self.message).with_context(|| format!("not JSON: {}", self.message))
    }
}

/// A queue that is subscribed to a topic.
#[derive(Debug, Clone)]
pub struct Queue {
    account: Account,
    region: String,
    url: String,
}

impl Queue {
    /// Makes a queue in `region` and subscribes it to the topic there.
    ///
    /// # Errors
    /// When SQS or SNS refuses it.
    pub async fn subscribe(account: &Account, region: &str, topic_arn: &str) -> Result<Self> {
        let client = account.sqs(region);
        let topic = topic_arn.rsplit(':').next().unwrap_or(topic_arn);
        let made = client.create_queue().queue_name(format!("{topic}-readers")).send().await.context("CreateQueue")?;
        let url = made.queue_url().context("CreateQueue gave no URL")?.to_owned();
        let arn = format!("arn:aws:sqs:{region}:{}:{topic}-readers", account.id());
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "sns.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": { "ArnEquals": { "aws:SourceArn": topic_arn } },
            }],
        });
        let set =
            client.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::Policy, policy.to_string());
        set.send().await.context("SetQueueAttributes")?;
        let subscribe = account.sns(region).subscribe().topic_arn(topic_arn).protocol("sqs").endpoint(arn);
        subscribe.send().await.context("Subscribe")?;
        Ok(Self { account: account.clone(), region: region.to_owned(), url })
    }

    /// Takes the next notification out of the queue.
    ///
    /// # Errors
    /// When none has come `within` that time, or the queue does not answer.
    pub async fn next(&self, within: Duration) -> Result<Notification> {
        let deadline = Instant::now() + within;
        // A client of its own for each call: a queue may outlive the runtime that a client is bound to.
        let client = self.account.sqs(&self.region);
        loop {
            if let Some(notification) = self.take(&client).await? {
                return Ok(notification);
            }
            if Instant::now() > deadline {
                bail!("no notification in {} s", within.as_secs());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Takes all that is in the queue now.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn take_all(&self) -> Result<Vec<Notification>> {
        let client = self.account.sqs(&self.region);
        let mut notifications = Vec::new();
        while let Some(notification) = self.take(&client).await? {
            notifications.push(notification);
        }
        Ok(notifications)
    }

    async fn take(&self, client: &aws_sdk_sqs::Client) -> Result<Option<Notification>> {
        let received = client.receive_message().queue_url(&self.url).max_number_of_messages(1).send();
        let received = received.await.context("ReceiveMessage")?;
        let Some(message) = received.messages().first() else { return Ok(None) };
        let handle = message.receipt_handle().context("a message without a handle")?;
        let delete = client.delete_message().queue_url(&self.url).receipt_handle(handle);
        delete.send().await.context("DeleteMessage")?;
        let envelope: Value = serde_json::from_str(message.body().unwrap_or_default()).context("the envelope")?;
        let field = |name: &str| envelope[name].as_str().unwrap_or_default().to_owned();
        Ok(Some(Notification { subject: field("Subject"), message: field("Message") }))
    }
}
