//! When what was deferred is tried again, and when it is given up.

use contract::limits::{IDLE_ROUNDS, ROUNDS_PER_REGION, SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME};

/// The longest wait between two rounds, in seconds.
pub const LONGEST_WAIT: u32 = 300;

/// What a round left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferred {
    /// The step ran out of time; EC2 has nothing against going on.
    OutOfTime,
    /// EC2 said: not now.
    Limited,
}

/// What becomes of what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another round after the wait.
    Again {
        /// Rounds in a row that got nothing done.
        round: u32,
        /// How long to wait first.
        wait_seconds: u32,
    },
    /// It failed.
    GiveUp,
}

/// Decides after a round that left something behind. `round` counts the rounds in a row on this page that got nothing
/// done, `rounds` those of the whole region.
///
/// A wait is never shorter than what EC2 asks for between two snapshots of one volume, and doubles while nothing moves.
#[must_use]
pub fn after(deferred: Deferred, progress: bool, round: u32, rounds: u32) -> Next {
    let round = if progress { 0 } else { round + 1 };
    if round >= IDLE_ROUNDS || rounds >= ROUNDS_PER_REGION {
        return Next::GiveUp;
    }
    let wait_seconds = match deferred {
        Deferred::OutOfTime => 1,
        Deferred::Limited => LONGEST_WAIT.min(SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME << round),
    };
    Next::Again { round, wait_seconds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_while_nothing_moves_then_it_is_given_up() {
        let mut round = 0;
        let mut waits = Vec::new();
        while let Next::Again { round: next, wait_seconds } = after(Deferred::Limited, false, round, 0) {
            waits.push(wait_seconds);
            round = next;
        }
        assert_eq!(waits, [30, 60, 120, 240, 300, 300, 300, 300, 300]);
    }

    #[test]
    fn progress_begins_anew() {
        assert_eq!(after(Deferred::Limited, true, 9, 500), Next::Again { round: 0, wait_seconds: 15 });
        assert_eq!(after(Deferred::OutOfTime, true, 0, 0), Next::Again { round: 0, wait_seconds: 1 });
    }

    proptest! {
        #[test]
        fn no_region_goes_round_for_ever(progress in prop::collection::vec(any::<bool>(), ROUNDS_PER_REGION as usize + 1)) {
            let (mut round, mut rounds) = (0, 0);
            for moved in progress {
                match after(Deferred::Limited, moved, round, rounds) {
                    Next::Again { round: next, wait_seconds } => {
                        prop_assert!((SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME..=LONGEST_WAIT).contains(&wait_seconds));
                        round = next;
                        rounds += 1;
                    }
                    Next::GiveUp => return Ok(()),
                }
            }
            prop_assert!(false, "still going after {rounds} rounds");
        }
    }
}
