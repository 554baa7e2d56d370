//! Reading a list of moments.

use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};

/// Reads moments from a file, one a line, as RFC 3339 writes them. Empty lines, and what follows a `#`, count for nothing.
///
/// # Errors
/// When the file cannot be read, or a line is something else: with its number and what would be right.
pub fn read(path: &Path) -> Result<Vec<DateTime<Utc>>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

/// Reads the text of such a file.
///
/// # Errors
/// When a line is no moment.
pub fn parse(text: &str) -> Result<Vec<DateTime<Utc>>> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let moments = (1..).zip(lines).filter(|(_, line)| !line.is_empty());
    moments
        .map(|(number, line)| {
            let moment: DateTime<Utc> = line
                .parse()
                .with_context(|| format!("line {number}: {line:?} is no moment: one such as 2026-11-23T02:00:00Z"))?;
            Ok(moment)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_stand_one_a_line_and_what_is_none_is_named() {
        let text = "2026-11-23T02:00:00Z\n\n  2026-11-22T03:00:00+01:00  # by hand\n# nothing\n";
        let moments = parse(text).unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(
            moments.iter().map(DateTime::to_rfc3339).collect::<Vec<_>>(),
            ["2026-11-23T02:00:00+00:00", "2026-11-22T02:00:00+00:00"]
        );
        let error = parse("2026-11-23T02:00:00Z\nyesterday").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("line 2: \"yesterday\" is no moment: one such as 2026-11-23T02:00:00Z"));
    }
}
