//! What it looks like: headings, aligned lines, colour where there is a terminal.

use std::io::IsTerminal as _;
use std::sync::LazyLock;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

static COLOUR: LazyLock<bool> =
    LazyLock::new(|| std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none());

fn painted(code: &str, text: &str) -> String {
    if *COLOUR { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

pub fn bold(text: &str) -> String {
    painted("1", text)
}

pub fn dim(text: &str) -> String {
    painted("2", text)
}

pub fn green(text: &str) -> String {
    painted("32", text)
}

pub fn red(text: &str) -> String {
    painted("31", text)
}

/// A mark for what went well or did not.
pub fn mark(good: bool) -> String {
    if good { green("✓") } else { red("✗") }
}

/// The title of the whole.
pub fn title(text: &str) {
    println!("\n{}", bold(text));
}

/// A chapter.
pub fn heading(text: &str) {
    println!("\n{} {}", green("▸"), bold(text));
}

/// A line of a chapter.
pub fn line(text: &str) {
    println!("  {text}");
}

/// A line of lesser weight.
pub fn note(text: &str) {
    println!("  {}", dim(text));
}

pub fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// A text as somebody else wrote it, with a bar down its side, and no more than so many lines of it.
pub fn quote(text: &str, lines: usize) {
    let text: Vec<&str> = text.trim_end().lines().collect();
    for line in text.iter().take(lines) {
        println!("  {} {line}", dim("│"));
    }
    if let Some(more) = text.len().checked_sub(lines).filter(|more| *more > 0) {
        println!("  {} {}", dim("│"), dim(&format!("… and {more} more lines")));
    }
}

/// Turns while something takes long; nothing at all where there is no terminal.
pub fn spinner(text: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("  {spinner:.green} {msg} {elapsed:.dim}") {
        bar.set_style(style);
    }
    bar.set_message(text.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A table without lines; the columns from `numbers_from` on are numbers. Each row begins with its mark.
pub fn table(header: &[&str], numbers_from: usize, rows: &[(String, Vec<String>)]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table.add_rows(rows.iter().map(|(_, cells)| cells));
    for (index, column) in table.column_iter_mut().enumerate() {
        if index >= numbers_from {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let marks = std::iter::once(" ").chain(rows.iter().map(|(mark, _)| mark.as_str()));
    for (index, (mark, line)) in marks.zip(table.lines()).enumerate() {
        let line = line.trim_end();
        println!("  {mark}{}", if index == 0 { dim(line) } else { line.to_owned() });
    }
}

/// What must be true, said as it is found.
#[derive(Debug, Default)]
pub struct Expectations {
    unmet: Vec<String>,
}

impl Expectations {
    /// Says whether `what` is true.
    pub fn expect(&mut self, met: bool, what: &str) {
        println!("  {} {what}", mark(met));
        if !met {
            self.unmet.push(what.to_owned());
        }
    }

    /// # Errors
    /// When anything was not met.
    pub fn all_met(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.unmet.is_empty(), "not as it should be:\n    {}", self.unmet.join("\n    "));
        Ok(())
    }
}
