//! Which volumes a restore test tries.

use std::collections::BTreeMap;

use contract::restore::Sample;
use contract::{RestoreId, VolumeId};
use sha2::{Digest, Sha256};

use crate::model::SnapshotState;
use crate::restore_point::Candidate;

/// The newest completed snapshot of each volume of a sample.
///
/// The sample is drawn by the restore's id: another test tries other volumes, and one that is asked again tries the same.
#[must_use]
pub fn drawn<'a>(candidates: &'a [Candidate], sample: Sample, restore: &RestoreId) -> Vec<&'a Candidate> {
    let mut newest: BTreeMap<&VolumeId, &Candidate> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| candidate.state == SnapshotState::Completed) {
        let (Some(volume), Some(_)) = (&candidate.volume, &candidate.run) else { continue };
        let best = newest.entry(volume).or_insert(candidate);
        if (candidate.started_at, &candidate.id) > (best.started_at, &best.id) {
            *best = candidate;
        }
    }
    let wanted = sample.of(newest.len());
    let mut in_order: Vec<(&VolumeId, &Candidate)> = newest.into_iter().collect();
    in_order.sort_by_cached_key(|(volume, _)| Sha256::digest(format!("{restore}/{volume}")).to_vec());
    in_order.into_iter().take(wanted).map(|(_, candidate)| candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};
    use contract::{RunId, SnapshotId};
    use std::collections::BTreeSet;

    fn candidate(n: u32, volume: u32, hours: i64, state: SnapshotState) -> Candidate {
        Candidate {
            id: SnapshotId::new(format!("snap-{n:08x}")).unwrap(),
            state,
            started_at: DateTime::UNIX_EPOCH + TimeDelta::hours(hours),
            volume: Some(VolumeId::new(format!("vol-{volume:08x}")).unwrap()),
            run: Some(RunId::new("run").unwrap()),
            policy: None,
            instance: None,
            device: None,
        }
    }

    fn sampled(candidates: &[Candidate], sample: Sample, restore: &str) -> Vec<String> {
        let restore = RestoreId::new(restore).unwrap();
        drawn(candidates, sample, &restore).iter().map(|candidate| candidate.id.to_string()).collect()
    }

    #[test]
    fn s12_the_newest_completed_one_of_ours_of_each_volume_is_tried() {
        let all = [
            candidate(1, 1, 1, SnapshotState::Completed),
            candidate(2, 1, 2, SnapshotState::Completed),
            candidate(3, 1, 3, SnapshotState::Pending),
            Candidate { run: None, ..candidate(4, 1, 4, SnapshotState::Completed) },
            candidate(5, 2, 5, SnapshotState::Error),
        ];
        assert_eq!(sampled(&all, Sample::Percent(100), "a"), ["snap-00000002"]);
    }

    #[test]
    fn every_test_draws_anew_and_every_volume_has_its_turn() {
        let all: Vec<Candidate> = (0..20).map(|n| candidate(n, n, 1, SnapshotState::Completed)).collect();
        let of = |week: u32| sampled(&all, Sample::Volumes(3), &format!("week-{week}"));
        assert_eq!(of(1).len(), 3);
        assert_eq!(of(1), of(1));
        let tried: BTreeSet<String> = (0..52).flat_map(of).collect();
        assert_eq!(tried.len(), 20, "in a year each volume was tried");
    }
}
