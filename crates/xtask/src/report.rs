//! One line per step, what a failing step printed, and a summary.

use std::io::{IsTerminal, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The course of a command.
pub struct Report {
    failed: Vec<String>,
    ran: usize,
    tests: Vec<(String, u64)>,
    started: Instant,
}

impl Report {
    /// A report under a heading.
    pub fn new(heading: &str) -> Self {
        println!("{heading}");
        Self { failed: Vec::new(), ran: 0, tests: Vec::new(), started: Instant::now() }
    }

    /// Runs a step and prints how it went. The others run also when it fails.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        print!("  {name:<44}");
        if std::io::stdout().is_terminal() {
            _ = std::io::stdout().flush();
        }
        let started = Instant::now();
        self.ran += 1;
        match work() {
            Ok(value) => {
                println!(" ok     {:>7}", seconds(started.elapsed()));
                Some(value)
            }
            Err(error) => {
                println!(" FAILED {:>7}", seconds(started.elapsed()));
                println!("\n{error:#}\n");
                self.failed.push(name.to_owned());
                None
            }
        }
    }

    /// Runs a step that counts tests.
    pub fn tests(&mut self, name: &str, work: impl FnOnce() -> Result<u64>) {
        if let Some(count) = self.step(name, work) {
            self.tests.push((name.to_owned(), count));
        }
    }

    /// Prints the summary.
    pub fn close(self) -> ExitCode {
        println!();
        for (name, count) in &self.tests {
            println!("  {count:>5} tests  {name}");
        }
        let passed = self.ran - self.failed.len();
        println!("  {:>5} steps  in {}", self.ran, seconds(self.started.elapsed()));
        if !self.failed.is_empty() {
            println!("\nfailed: {}", self.failed.join(", "));
        }
        let tests: u64 = self.tests.iter().map(|(_, count)| count).sum();
        println!("\n{} passed, {} failed", if tests > 0 { tests } else { passed as u64 }, self.failed.len());
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds >= 60 {
        format!("{} m {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// Runs a command to its end and gives what it printed; an error holds all of it.
pub fn capture(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output().map_err(|error| anyhow::anyhow!("{shown}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(text) } else { bail!("{shown}\n{}", text.trim_end()) }
}

/// The command as one could type it.
fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
