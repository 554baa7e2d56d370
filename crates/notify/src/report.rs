//! What every variant of the report is rendered from.

use report_topic::arn;
pub use report_topic::words::{counted, json, one_line};

use crate::evaluate::Evaluation;

/// What stands for an account that the execution's ARN does not give.
const UNKNOWN: &str = "unknown";

/// A run's evaluation, and whose run it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<'a> {
    /// What people call the account, on one line.
    pub account_name: String,
    /// The account's number.
    pub account_id: &'a str,
    /// The execution.
    pub execution_arn: &'a str,
    /// Where the console shows it, if that is known.
    pub link: Option<String>,
    /// What became of the run.
    pub evaluation: &'a Evaluation,
}

impl<'a> Report<'a> {
    /// The report on `evaluation`, the run of the execution `execution_arn` in the account named `account_name`.
    #[must_use]
    pub fn new(account_name: &str, execution_arn: &'a str, evaluation: &'a Evaluation) -> Self {
        Self {
            account_name: report_topic::words::account_name(account_name),
            account_id: arn::account_of(execution_arn).unwrap_or(UNKNOWN),
            execution_arn,
            link: arn::console_link(execution_arn),
            evaluation,
        }
    }

    /// What kind of run it was and how it ended: `DRY RUN OK`, `REPLAY 1 FAILED, PURGE HELD`.
    #[must_use]
    pub fn title(&self) -> String {
        let run = &self.evaluation.run;
        let dry_run = if run.dry_run { "DRY RUN " } else { "" };
        let replay = if run.replay > 0 { format!("REPLAY {} ", run.replay) } else { String::new() };
        let held = if self.evaluation.totals().purges_held > 0 { ", PURGE HELD" } else { "" };
        let nothing = if self.evaluation.tag_found_nothing() { ", NO VOLUME SELECTED" } else { "" };
        format!("{dry_run}{replay}{}{held}{nothing}", self.evaluation.status().word())
    }
}
