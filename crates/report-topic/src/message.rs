//! The message that SNS takes: one variant for people, one for machines.

use contract::limits::SNS_MESSAGE_BYTES;
use contract::text::json_len;
use serde::Serialize;

use crate::words::json;

/// The most that the text for people may take, in bytes of JSON: nobody reads more, and the rest is for the document.
pub const TEXT_BYTES: usize = 64 * 1024;
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
    /// A message of a text for people, of at most [`TEXT_BYTES`], and a document for machines, which is told how many bytes
    /// of JSON it may take.
    #[must_use]
    pub fn new(subject: String, text: String, document: impl FnOnce(usize) -> String) -> Self {
        let room = SNS_MESSAGE_BYTES.saturating_sub(MARGIN_BYTES + json_len(&text) + json_len(&subject));
        let variants = Variants { default: document(room), email: text, sms: subject.clone() };
        Self { body: json(&variants), subject }
    }
}
