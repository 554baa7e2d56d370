//! Where reports go: the topic, the message for it, and what the reports of runs and of restores have in common.
//!
//! **Architecture invariant:** nothing here knows what is reported.

pub mod arn;
pub mod message;
pub mod publish;
pub mod settings;
pub mod words;
