//! EC2 as far as backups use it, in memory: for tests, for the fault campaign and for the benchmark.
//!
//! [`Sim`] takes calls in the EC2 Query protocol and says what comes back, and when; [`server`] puts it behind HTTP. It
//! behaves as EC2 is documented ([`Behaviour`]): pages with opaque tokens, request buckets, listings that are late,
//! snapshots that take their time, limits, images, locks. On top of that things go wrong as a script says
//! ([`fault`]). Every call stands in a journal ([`journal`]), and nothing is ever forgotten ([`model`]), so that an oracle can
//! look back.
//!
//! **Architecture invariant:** nothing here knows EBS Backup. What it thinks of EC2 is held against two other
//! simulators by one suite that the AWS SDK drives (`tests/conformance`).

mod actions;
pub mod behaviour;
pub mod bucket;
pub mod chance;
pub mod clock;
pub mod fault;
pub mod geography;
pub mod journal;
pub mod model;
mod query;
mod refusal;
mod region;
pub mod server;
mod sim;
mod xml;

pub use behaviour::{Behaviour, Completion, Latency};
pub use clock::Clock;
pub use fault::{Fault, Rule, When};
pub use query::Tag;
pub use server::Server;
pub use sim::{Answer, Delivery, Reply, Sim};
