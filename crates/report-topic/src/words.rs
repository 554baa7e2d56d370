//! Words that all reports use.

use contract::limits::SNS_SUBJECT_CHARS;
use contract::text::clip;
use serde::Serialize;
use serde_json::Value;

/// The longest account name in a report, in bytes of JSON. Names are free text.
const ACCOUNT_NAME_BYTES: usize = 120;
/// The longest account name in a subject, so that it cannot push out the account's number.
const SUBJECT_NAME_CHARS: usize = 24;
/// The longest end of a JSON text that one cut can spoil: a surrogate pair, `\ud83d\ude00`.
const LONGEST_ESCAPE: usize = 12;

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

/// The message inside `cause`, the JSON that Lambda makes of an error: `{"errorType":…,"errorMessage":…}`. It may have
/// been cut anywhere. What is no such JSON is the message itself.
#[must_use]
pub fn message_in(cause: &str) -> String {
    if let Ok(Value::Object(error)) = serde_json::from_str(cause) {
        return error.get("errorMessage").and_then(Value::as_str).unwrap_or(cause).to_owned();
    }
    cut_message(cause).unwrap_or_else(|| cause.to_owned())
}

fn cut_message(cause: &str) -> Option<String> {
    let (_, rest) = cause.trim_start().strip_prefix('{')?.split_once("\"errorMessage\"")?;
    let raw = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let mut escaped = false;
    let end = raw.char_indices().find_map(|(at, character)| {
        let closes = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        closes.then_some(at)
    });
    if let Some(end) = end {
        return unescape(&raw[..end]);
    }
    // The cut may have gone through an escape: drop characters until the rest is a text again.
    let starts = raw.char_indices().map(|(at, _)| at).rev().take(LONGEST_ESCAPE);
    std::iter::once(raw.len()).chain(starts).find_map(|end| unescape(&raw[..end])).map(|text| text + "…")
}

fn unescape(raw: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{raw}\"")).ok()
}
