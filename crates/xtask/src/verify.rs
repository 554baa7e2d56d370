//! `check` and `test`: what must hold before anything is merged. CI calls the same.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::report::{Report, capture};
use crate::tools::Tools;
use crate::workspace::{Workspace, cargo};

/// The documentation is for maintainers, who build it with private items: links to these are welcome.
const RUSTDOC: &str = "--deny warnings --allow rustdoc::private_intra_doc_links";

/// The quick part.
pub fn check(workspace: &Workspace, tools: &Tools<'_>) -> ExitCode {
    tools.announce_first_build();
    let mut report = Report::new("Checking");
    checks(&mut report, workspace, tools);
    report.close()
}

/// Everything.
pub fn test(workspace: &Workspace, tools: &Tools<'_>) -> ExitCode {
    tools.announce_first_build();
    let mut report = Report::new("Testing");
    checks(&mut report, workspace, tools);
    let local = report.step("build, local AWS", || tools.local_aws());
    report.tests("Rust tests", || count_rust(&capture(workspace.cargo("test").arg("--quiet"))?));
    report.tests("CDK tests", || {
        tools.npm()?;
        count_node(&capture(Command::new("npm").args(["test", "--silent"]).current_dir(workspace.infra()))?)
    });
    report.tests("tests on the local AWS", || {
        let local = local.as_ref().context("there is no local AWS")?;
        let mut tests = workspace.cargo("test");
        tests.args(["--quiet", "--test", "local_aws", "--", "--ignored"]).envs([local.environment()]);
        count_rust(&capture(&mut tests)?)
    });
    report.tests("EC2, three times", || {
        let local = local.as_ref().context("there is no local AWS")?;
        let mut tests = workspace.cargo("test");
        tests.args(["--quiet", "--test", "conformance", "--", "--ignored"]).envs([local.environment()]);
        count_rust(&capture(tests.envs([tools.moto()?]))?)
    });
    report.close()
}

fn checks(report: &mut Report, workspace: &Workspace, tools: &Tools<'_>) {
    report.step("formatting", || {
        capture(Command::new(cargo()).args(["fmt", "--all", "--check"]).current_dir(&workspace.root)).map(drop)
    });
    report.step("spelling", || {
        let bin = tools.venv("typos", &workspace.root.join("crates/xtask/requirements/typos.txt"))?;
        capture(Command::new(bin.join("typos")).current_dir(&workspace.root)).map(drop)
    });
    report.step("clippy", || {
        capture(workspace.cargo("clippy").args(["--quiet", "--all-targets", "--", "--deny", "warnings"])).map(drop)
    });
    report.step("documentation", || {
        let mut doc = workspace.cargo("doc");
        capture(doc.args(["--quiet", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", RUSTDOC)).map(drop)
    });
    report.step("licences and sources", || {
        let program = tools.cargo_deny()?;
        let mut deny = Command::new(program);
        capture(deny.current_dir(&workspace.root).args(["--locked", "check", "bans", "licenses", "sources"])).map(drop)
    });
    report.step("TypeScript", || {
        tools.npm()?;
        capture(Command::new("npm").args(["run", "check", "--silent"]).current_dir(workspace.infra())).map(drop)
    });
}

/// Rewrites what is generated from the code.
pub fn generate(workspace: &Workspace, tools: &Tools<'_>) -> Result<()> {
    let mut tests = workspace.cargo("test");
    tests.args(["--quiet", "--test", "contract", "--test", "conformance"]);
    capture(tests.env("UPDATE_GENERATED", "1"))?;
    tools.npm()?;
    capture(Command::new("npm").args(["run", "test:update", "--silent"]).current_dir(workspace.infra()))?;
    let local = tools.local_aws()?;
    let mut mails = workspace.cargo("test");
    mails.args(["--quiet", "--test", "local_aws", "--", "--ignored", "restore::"]).envs([local.environment()]);
    capture(mails.env("UPDATE_GENERATED", "1"))?;
    Ok(())
}

/// The number of tests that cargo says passed.
fn count_rust(output: &str) -> Result<u64> {
    count(
        output.lines().filter_map(|line| line.strip_prefix("test result: ok. ")?.split_once(" passed")).map(|(n, _)| n),
    )
}

/// The number of tests that Node's runner says passed.
fn count_node(output: &str) -> Result<u64> {
    count(
        output
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("ℹ ").trim_start_matches("# ").strip_prefix("pass ")),
    )
}

fn count<'a>(numbers: impl Iterator<Item = &'a str>) -> Result<u64> {
    let total = numbers.filter_map(|number| number.trim().parse::<u64>().ok()).sum();
    if total == 0 {
        bail!("no test ran");
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_from_the_closing_lines() {
        let cargo = "test result: ok. 18 passed; 0 failed\nnoise\ntest result: ok. 2 passed; 0 failed";
        assert_eq!(count_rust(cargo).unwrap(), 20);
        assert_eq!(count_node("ℹ tests 7\nℹ pass 7\nℹ fail 0").unwrap(), 7);
    }

    #[test]
    fn a_run_without_a_test_is_a_failure() {
        assert!(count_rust("test result: ok. 0 passed; 0 failed").is_err());
    }
}
