//! A large night, small enough for every change: several pages of volumes, of snapshots and of deletions.
//! `cargo xtask scale` plays the largest ones.

use faults::scale::{self, Shape};

#[test]
fn s5_s6_a_region_of_many_pages_is_done_once_and_within_all_limits() {
    let outcome = scale::play(Shape { regions: 2, volumes: 1_300, expired: 1_300 }).unwrap();
    assert!(outcome.check().is_ok(), "{:?}: {outcome:?}", outcome.check());
    assert_eq!(outcome.throttled, 0, "a run keeps to its share of the buckets");
    let ratio = outcome.seconds / outcome.share_bound_seconds;
    assert!(ratio < 1.3, "{ratio} times what the share of the buckets allows: {outcome:?}");
}
