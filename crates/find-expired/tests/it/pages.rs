//! A purge of many pages.

use contract::limits::DELETIONS_PER_PAGE;
use contract::steps::find_expired::Response;
use contract::{RegionJob, SnapshotId, Tally};

use crate::fake::{Fake, snapshot, snapshot_id};
use crate::{DAY, first_page, job, page};

const EXPIRED: usize = 4_800;

/// 4,800 expired snapshots of one volume and 5,200 that stay, in no order.
fn large() -> Fake {
    let total = 10_000;
    Fake::new(
        [],
        (0..total)
            .map(|n| (n * 7) % total)
            .map(|n| snapshot(n, 0, if n % 25 < 12 { 30 * DAY } else { DAY } + n as i64 % 24)),
    )
}

fn week() -> RegionJob {
    job(Some(7), None)
}

fn all_expired() -> Vec<SnapshotId> {
    (0..10_000).filter(|n| n % 25 < 12).map(snapshot_id).collect()
}

/// Follows the cursor to the last page; `between` sees each page before the next one is asked for.
async fn all_pages(ec2: &Fake, mut between: impl FnMut(&Response)) -> (Vec<Vec<SnapshotId>>, Tally) {
    let mut answer = first_page(ec2, &week()).await;
    let mut pages = Vec::new();
    loop {
        between(&answer);
        pages.push(answer.snapshot_ids);
        assert!(pages.len() < 10, "the cursor leads nowhere");
        match answer.cursor {
            Some(cursor) => answer = page(ec2, &week(), Some(cursor), answer.tally).await,
            None => return (pages, answer.tally),
        }
    }
}

#[tokio::test]
async fn no_deletion_is_repeated_or_lost_over_three_pages_and_each_is_counted_once() {
    for deletes in [true, false] {
        let ec2 = large();
        let (pages, tally) = all_pages(&ec2, |answer| {
            if deletes {
                ec2.delete(&answer.snapshot_ids);
            }
        })
        .await;
        let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [DELETIONS_PER_PAGE, DELETIONS_PER_PAGE, EXPIRED - 2 * DELETIONS_PER_PAGE]);
        assert_eq!(pages.concat(), all_expired());
        let counts = tally.snapshots;
        assert_eq!((counts.managed, counts.expired, counts.kept), (10_000, EXPIRED as u64, 5_200));
        assert_eq!(tally.expired.total(), EXPIRED as u64);
    }
}

#[tokio::test]
async fn a_page_that_is_asked_for_twice_is_the_same() {
    let ec2 = large();
    let first = first_page(&ec2, &week()).await;
    assert_eq!(first, first_page(&ec2, &week()).await);
    let again = async || page(&ec2, &week(), first.cursor.clone(), first.tally.clone()).await;
    assert_eq!(again().await, again().await);
}

#[tokio::test]
async fn s8_no_more_is_handed_over_than_the_plan_that_passed_the_guard_had() {
    let ec2 = large();
    let mut more = (13_000..13_900).map(|n| snapshot(n, 0, 60 * DAY)).collect::<Vec<_>>();
    let (pages, tally) = all_pages(&ec2, |answer| {
        ec2.delete(&answer.snapshot_ids);
        ec2.add("daily", more.drain(..));
    })
    .await;
    assert_eq!(pages.concat().len(), EXPIRED, "what expires meanwhile waits for the next run");
    assert_eq!(tally.snapshots.expired, EXPIRED as u64);
}

#[tokio::test]
async fn a_plan_that_shrinks_meanwhile_ends_early() {
    let ec2 = large();
    let first = first_page(&ec2, &week()).await;
    ec2.delete(&all_expired()[..EXPIRED - 200]);
    let second = page(&ec2, &week(), first.cursor, first.tally).await;
    assert_eq!((second.snapshot_ids.len(), second.cursor), (200, None));
}

#[tokio::test]
async fn exactly_one_page_has_no_cursor() {
    let ec2 = Fake::new(
        [],
        (0..2 * DELETIONS_PER_PAGE).map(|n| snapshot(n, 0, if n < DELETIONS_PER_PAGE { 30 * DAY } else { DAY })),
    );
    let answer = first_page(&ec2, &week()).await;
    assert_eq!((answer.snapshot_ids.len(), answer.cursor), (DELETIONS_PER_PAGE, None));
}
