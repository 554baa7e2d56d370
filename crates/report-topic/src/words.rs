//! Words that all reports use.

use contract::limits::SNS_SUBJECT_CHARS;
use contract::text::clip;
use serde::Serialize;

/// The longest account name in a report, in bytes of JSON. Names are free text.
const ACCOUNT_NAME_BYTES: usize = 120;
/// The longest account name in a subject, so that it cannot push out the account's number.
const SUBJECT_NAME_CHARS: usize = 24;

/// What people call an account, on one line and not too long.
#[must_use]
pub fn account_name(name: &str) -> String {
    clip(&one_line(name), ACCOUNT_NAME_BYTES)
}

/// A subject: fewer than 100 printable ASCII characters on one line, as SNS demands. How it ended comes first, then whose it
/// was, then what; what does not fit is cut off the end.
#[must_use]
pub fn subject(title: &str, account_name: &str, account_id: &str, what: &str) -> String {
    let name: String = account_name.chars().take(SUBJECT_NAME_CHARS).collect();
    let subject = format!("EBS Backup {title}: {} {account_id}, {what}", name.trim());
    let printable = |character: char| if matches!(character, ' '..='~') { character } else { '?' };
    subject.chars().map(printable).take(SNS_SUBJECT_CHARS).collect()
}

/// `text` without line breaks and other control characters.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `count` things: `1 region`, `2 regions`.
#[must_use]
pub fn counted(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// The JSON text of `value`. Only types of numbers, texts and maps by text are rendered here, which always succeeds.
#[must_use]
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
