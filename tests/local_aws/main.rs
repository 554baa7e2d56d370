//! The whole of EBS Backup on the local AWS: the deployed stack, the real binaries, IAM evaluated, and the report read
//! where the operator reads it.
//!
//! All tests but [`played`] share one server and two accounts. In the calm one nothing ever fails; what takes rights away happens in
//! the stormy one, one test at a time. Tests that run side by side have each a policy of their own, with a tag of its own.
//!
//! Run them with `cargo xtask test`, which sets up what they need.

mod bad_input;
mod by_age;
mod denied;
mod died;
mod documented;
mod dry_run;
mod guard;
mod idle;
mod least_privilege;
mod many_failures;
mod no_report;
mod place;
mod played;
mod restore;
mod restore_rights;
mod state_machine;
mod twice;
mod two_accounts;
mod whole_night;
mod world;
mod world_wide;
