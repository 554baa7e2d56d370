//! When what was left behind is tried again, and when it is given up.

use std::time::Duration;

use contract::limits::{
    ROUNDS_PER_REGION, SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME, SECONDS_IN_ROUNDS, STALLED_ROUNDS, UNLISTED_ROUNDS,
};
use contract::tally::Rounds;

/// The longest wait between two rounds, in seconds.
pub const LONGEST_WAIT: u32 = 300;

/// What a round did not get done: each item with the error that stood in its way, or `None` when there was no time.
pub type Left<T, E> = Vec<(T, Option<E>)>;

/// What becomes of what is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<T, E> {
    /// Another round after the wait.
    Again {
        /// What is left.
        items: Vec<T>,
        /// How long to wait first.
        wait_seconds: u32,
    },
    /// Each of them has failed; where nothing is left, nothing has.
    GiveUp(Left<T, E>),
}

/// Decides after a round that took `took` and handled something or not (`progress`).
///
/// Where EC2 said "not now", the wait is never shorter than what it asks for between two snapshots of one volume, and
/// doubles while nothing moves. A page that gets stuck is given up once the region has used up its rounds or its time.
pub fn after<T, E>(left: Left<T, E>, progress: bool, took: Duration, rounds: &mut Rounds) -> Next<T, E> {
    let stalled = rounds.stalled + u32::from(!progress);
    let used_up = stalled >= STALLED_ROUNDS && !progress
        || rounds.total >= ROUNDS_PER_REGION
        || rounds.seconds >= SECONDS_IN_ROUNDS;
    if left.is_empty() || used_up {
        return Next::GiveUp(left);
    }
    let wait_seconds = match (left.iter().any(|(_, error)| error.is_some()), progress) {
        (false, _) => 1,
        (true, true) => SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME,
        (true, false) => LONGEST_WAIT.min(SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME << stalled.min(16)),
    };
    rounds.stalled = stalled;
    rounds.total += 1;
    rounds.seconds += took.as_secs() + u64::from(wait_seconds);
    Next::Again { items: left.into_iter().map(|(item, _)| item).collect(), wait_seconds }
}

/// Decides whether a purge is put off, and for how many seconds, as EC2's listing misses snapshots of `missing` volumes.
///
/// So many failed in this run (`failed`): those will never be listed. The listing is eventually consistent, most often within
/// seconds; what it misses when [`UNLISTED_ROUNDS`] are over counts as not made.
pub fn until_listed(missing: u64, failed: u64, rounds: &mut Rounds) -> Option<u32> {
    if missing <= failed || rounds.unlisted >= UNLISTED_ROUNDS {
        return None;
    }
    rounds.unlisted += 1;
    Some(1 + rounds.unlisted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITED: [(u32, Option<&str>); 1] = [(1, Some("PendingSnapshotLimitExceeded"))];

    fn wait(next: &Next<u32, &str>) -> Option<u32> {
        match next {
            Next::Again { wait_seconds, .. } => Some(*wait_seconds),
            Next::GiveUp(_) => None,
        }
    }

    fn round(left: &[(u32, Option<&'static str>)], progress: bool, rounds: &mut Rounds) -> Option<u32> {
        wait(&after(left.to_vec(), progress, Duration::ZERO, rounds))
    }

    #[test]
    fn waits_double_while_nothing_moves_then_it_is_given_up() {
        let mut rounds = Rounds::default();
        let waits: Vec<u32> = std::iter::from_fn(|| round(&LIMITED, false, &mut rounds)).collect();
        assert_eq!(waits[..6], [30, 60, 120, 240, 300, 300]);
        assert_eq!(waits.len(), STALLED_ROUNDS as usize - 1);
    }

    #[test]
    fn with_progress_it_goes_on_after_the_shortest_wait() {
        let mut rounds = Rounds { stalled: 9, total: 500, seconds: 0, ..Rounds::default() };
        assert_eq!(round(&LIMITED, true, &mut rounds), Some(15));
        assert_eq!(round(&[(1, None)], true, &mut rounds), Some(1), "EC2 has nothing against going on");
        assert_eq!(rounds, Rounds { stalled: 9, total: 502, seconds: 16, ..Rounds::default() });
    }

    #[test]
    fn a_purge_waits_for_the_listing_and_not_for_ever() {
        let mut rounds = Rounds::default();
        assert_eq!(until_listed(0, 0, &mut rounds), None, "all are listed");
        assert_eq!(until_listed(3, 3, &mut rounds), None, "the three failed, they will never be listed");
        let waits: Vec<u32> = std::iter::from_fn(|| until_listed(4, 3, &mut rounds)).collect();
        assert_eq!(waits, [2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn what_is_given_up_keeps_its_reason() {
        let mut rounds = Rounds { stalled: STALLED_ROUNDS, ..Rounds::default() };
        assert_eq!(after(LIMITED.to_vec(), false, Duration::ZERO, &mut rounds), Next::GiveUp(LIMITED.to_vec()));
    }

    #[test]
    fn a_stuck_volume_on_every_page_does_not_hold_up_a_large_region() {
        let mut rounds = Rounds::default();
        let mut waited = 0;
        for _page in 0..200 {
            let mut progress = true;
            while let Some(seconds) = round(&LIMITED, progress, &mut rounds) {
                waited += seconds;
                progress = false;
            }
        }
        assert!(waited < 5 * 3_600, "{waited} seconds");
    }

    proptest! {
        #[test]
        fn no_region_goes_round_for_ever(
            script in prop::collection::vec((any::<bool>(), 0_u64..300), ROUNDS_PER_REGION as usize + 1)
        ) {
            let mut rounds = Rounds::default();
            for (progress, took) in script {
                let next = after(LIMITED.to_vec(), progress, Duration::from_secs(took), &mut rounds);
                let Some(seconds) = wait(&next) else {
                    prop_assert!(rounds.seconds < SECONDS_IN_ROUNDS + 2 * 600);
                    return Ok(());
                };
                prop_assert!((SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME..=LONGEST_WAIT).contains(&seconds));
            }
            prop_assert!(false, "still going after {rounds:?}");
        }
    }
}
