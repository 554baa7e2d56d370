//! The largest nights.

fn main() {}
