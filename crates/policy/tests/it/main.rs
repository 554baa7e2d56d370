//! Retention: tables for what people expect, properties for what must never happen.

mod build;
mod plans;
mod properties;
mod tables;
