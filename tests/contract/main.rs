//! What binds the parts to each other: the state machine, the binaries, the payloads, the error names, the sizes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod docs;
mod door;
mod infra;
mod machine;
mod payloads;
mod sizes;
mod source;
