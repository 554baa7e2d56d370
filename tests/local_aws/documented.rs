//! Mails that the documentation shows, held against the mails that are sent.
//!
//! In docs/RESTORE.md a block follows the line `<!-- mail: NAME -->`. It is a real mail, so all that differs from one restore to the
//! next counts as the same: every word with a digit in it, and the letter of a device. `cargo xtask generate` writes the block anew.

use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};

/// One test at a time rewrites the file.
static FILE: Mutex<()> = Mutex::new(());

/// Checks that the block `name` shows this mail.
pub fn shows(name: &str, mail: &str) -> Result<()> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/RESTORE.md");
    let _alone = FILE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let text = std::fs::read_to_string(&path)?;
    let marker = format!("<!-- mail: {name} -->\n```text\n");
    let begin = text.find(&marker).with_context(|| format!("no block {name}"))? + marker.len();
    let end = begin + text[begin..].find("```").context("the block does not end")?;
    let mail = format!("{}\n", mail.trim_end());
    let (documented, sent) = (masked(&text[begin..end]), masked(&mail));
    if documented != sent && std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, [&text[..begin], &mail, &text[end..]].concat())?;
        return Ok(());
    }
    ensure!(
        documented == sent,
        "docs/RESTORE.md is out of date: cargo xtask generate. Of the mail {name} it shows\n{documented}\nand sent was\n{sent}"
    );
    Ok(())
}

/// The text with `#` for every word that has a digit in it.
fn masked(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(length);
        let is_device = part.len() == 3 && part.starts_with("sd");
        masked.push_str(if is_device || part.contains(|c: char| c.is_ascii_digit()) { "#" } else { part });
        rest = after;
    }
    masked.replace("# minutes", "# minute")
}

#[test]
fn what_differs_from_restore_to_restore_counts_as_the_same() {
    let (one, other) = ("vol-0a1 of 2026-11-26 14:08:39 UTC, 20 GiB\n", "vol-ff2 of 2027-01-02 00:00:00 UTC, 8 GiB\n");
    assert_eq!(masked(one), masked(other));
    assert_ne!(masked(one), masked("vol-0a1 at 2026-11-26 14:08:39 UTC, 20 GiB\n"));
}
