//! What binds the parts to each other: the state machine, the binaries, the payloads, the error names, the sizes.

mod infra;
mod machine;
mod payloads;
mod sizes;
mod source;
