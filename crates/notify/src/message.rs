//! The message that SNS takes: one variant for people, one for machines.

use contract::limits::SNS_MESSAGE_BYTES;
use contract::text::json_len;
use serde::Serialize;

use crate::report::{Report, json};
use crate::{document, subject, text};

/// The most that the text for people may take, in bytes of JSON: nobody reads more, and the rest is for the document.
const TEXT_BYTES: usize = 64 * 1024;
/// Kept free of [`SNS_MESSAGE_BYTES`]: the message's own frame, and what SNS may count besides.
const MARGIN_BYTES: usize = 2 * 1024;

/// A message to the report's topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The subject of the mail.
    pub subject: String,
    /// The body, for `MessageStructure=json`: an object with a text per kind of subscriber, at most
    /// [`SNS_MESSAGE_BYTES`] in all.
    pub body: String,
}

/// What each kind of subscriber gets. Only people get something else than the document, so it is in the message once.
#[derive(Debug, Clone, Serialize)]
struct Variants {
    /// Queues, functions, HTTPS endpoints, Firehose, and mail as JSON: the document.
    default: String,
    /// Mail: the text.
    email: String,
    /// Telephones: the subject says it all.
    sms: String,
}

impl Message {
    /// Renders `report`.
    #[must_use]
    pub fn of(report: &Report<'_>) -> Self {
        let subject = subject::of(report);
        let email = text::render(report, TEXT_BYTES);
        let room = SNS_MESSAGE_BYTES.saturating_sub(MARGIN_BYTES + json_len(&email) + json_len(&subject));
        let variants = Variants { default: document::render(report, room), email, sms: subject.clone() };
        Self { subject, body: json(&variants) }
    }
}
