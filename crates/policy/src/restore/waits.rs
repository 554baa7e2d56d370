//! How long a restore waits between two looks.

use contract::limits::{ATTACH_ROUNDS, AVAILABLE_ROUNDS, CREATE_VOLUME_ROUNDS, DELETE_VOLUME_ROUNDS, PUT_BACK_ROUNDS};

/// The longest wait, in seconds.
pub const LONGEST_WAIT: u32 = 30;
/// The shortest.
const SHORTEST_WAIT: u32 = 5;
/// Looks after which the wait grows by as much again.
const PATIENCE: u32 = 6;

/// The wait after the round number `round`, counted from 0: a volume is most often there after seconds, and one that is not will
/// not be missed by half a minute.
#[must_use]
pub fn after(round: u32) -> u32 {
    (SHORTEST_WAIT * (1 + round / PATIENCE)).min(LONGEST_WAIT)
}

/// All waits of a restore together, in seconds, if each step waits as often as it may.
#[must_use]
pub fn all_together() -> u64 {
    [CREATE_VOLUME_ROUNDS, AVAILABLE_ROUNDS, ATTACH_ROUNDS + PUT_BACK_ROUNDS, DELETE_VOLUME_ROUNDS]
        .into_iter()
        .flat_map(|rounds| 0..rounds)
        .map(|round| u64::from(after(round)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_half_a_minute() {
        assert_eq!([0, 5, 6, 11, 12, 30, 1_000].map(after), [5, 5, 10, 10, 15, 30, 30]);
    }
}
