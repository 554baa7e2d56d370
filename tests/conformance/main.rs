//! What EC2 documents, asked of three simulated EC2s by the AWS SDK: our own, MiniStack's and moto's.
//!
//! A case is one behaviour. Our own simulator must behave as documented in all of them. Where one of the others does not, the
//! list of differences says what it does instead; a difference that is not listed is an error, and one that is listed
//! and no longer there is as well. `docs/SIMULATOR.md` shows the list.
//!
//! The cases against our own simulator run with plain `cargo test`; those against the others with `cargo xtask test`,
//! which sets up what they need.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alone;
mod case;
mod cases;
mod differences;
mod document;
mod moto;
mod suite;
