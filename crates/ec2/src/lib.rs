//! EC2, as the steps see it.
//!
//! [`port`] holds the small traits that a step asks for, in the words of the domain; [`Ec2`] is their one implementation,
//! over the AWS SDK. Paging, pacing, the retry of single calls and the meaning of error codes end here.
//!
//! **Architecture invariant:** of what is shipped this is the only crate that names `aws-sdk-ec2`. Nothing of the SDK appears
//! in a signature but in those that make a client, for tests. What writes is reached through [`Access::write`] alone, which a dry run does not have.

mod adapter;
mod clients;
mod convert;
pub mod error;
pub mod pace;
pub mod port;
mod whole;

pub use adapter::Ec2;
pub use clients::{Access, Clients};
pub use error::{Ec2Error, Kind};
