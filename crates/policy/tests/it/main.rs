//! Retention: tables for what people expect, properties for what must never happen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod build;
mod plans;
mod properties;
mod tables;
