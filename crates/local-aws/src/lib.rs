//! The local AWS: a whole run of EBS Backup on the developer's machine, through the real CDK app, the real binaries and
//! with IAM evaluated.
//!
//! A [`server::Server`] is one process that plays AWS for any number of [`account::Account`]s. A [`stack::CdkApp`] is
//! deployed into an account, a [`fleet`] of volumes is made there, [`run::Run`]s are started and followed, and the
//! reports are read where the operator reads them ([`mail`]). [`deny`] takes a region away, as a service control policy
//! would.
//!
//! **Architecture invariant:** this crate is for development only. No step links it, and nothing in it knows how a step
//! works: it sees what an operator sees, which is the AWS API.

pub mod account;
pub mod artefacts;
pub mod deny;
pub mod fleet;
mod http;
pub mod mail;
pub mod run;
pub mod server;
pub mod setup;
pub mod stack;
