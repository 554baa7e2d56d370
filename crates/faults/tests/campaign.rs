//! The fault campaign, as far as every change has to pass it. `cargo xtask faults --schedules 10000` goes further.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use faults::campaign;

/// Schedules that every change has to pass.
const SCHEDULES: u64 = 500;

#[test]
fn s1_to_s12_hold_on_nights_that_go_wrong() {
    let (next, bad) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SCHEDULES {
                        break;
                    }
                    let (_, faults) = campaign::play(seed).unwrap();
                    let shown = |fault: &faults::judge::Fault| format!("seed {seed}: {}: {}", fault.rule, fault.what);
                    bad.lock().unwrap().extend(faults.iter().map(shown));
                }
            });
        }
    });
    let bad = bad.into_inner().unwrap();
    assert!(bad.is_empty(), "cargo xtask faults --seed N --show plays one again:\n{}", bad.join("\n"));
}

#[test]
fn a_seed_replays_exactly() {
    // Nights with everything in them: kills, lost answers, second deliveries, redrives.
    for seed in [9, 60, 634, 731, 1114] {
        let [first, second] = [(); 2].map(|()| campaign::play(seed).unwrap().0);
        assert_eq!(first.sim.journal(), second.sim.journal(), "seed {seed}");
        let reports = |played: &campaign::Played| {
            played.nights.iter().flatten().flat_map(|run| run.reports.clone()).collect::<Vec<_>>()
        };
        assert_eq!(reports(&first), reports(&second), "seed {seed}");
    }
}
