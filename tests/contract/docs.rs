//! What the documentation says of numbers and names, against the code; and which crate may know what.

use contract::limits::{
    ATTACH_ROUNDS, AVAILABLE_ROUNDS, CREATE_VOLUME_ROUNDS, DELETIONS_PER_PAGE, LOOK_UP_SECONDS, PUT_BACK_ROUNDS,
    REGIONS_PER_RUN, ROUNDS_PER_REGION, SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME, SECONDS_IN_ROUNDS, STALLED_ROUNDS,
    VOLUMES_PER_PAGE, VOLUMES_PER_RESTORE,
};
use contract::tally::{ADVICE_SHOWN, CASES_SHOWN, EXPIRED_SHOWN, IDS_SHOWN, Rounds, WARNINGS_SHOWN};
use contract::{errors, prices};

use crate::source::{STEPS, machine, text};

/// A number as people write it, `2,000`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    if digits.len() <= 3 {
        return digits;
    }
    let (head, tail) = digits.split_at(digits.len() - 3);
    format!("{head},{tail}")
}

#[test]
fn the_limits_are_those_of_the_code() {
    let limits = text("docs/LIMITS.md");
    let hours = machine()["TimeoutSeconds"].as_u64().unwrap() / 3_600;
    for said in [
        format!("pages of {VOLUMES_PER_PAGE}"),
        format!("of {} deletions", grouped(DELETIONS_PER_PAGE)),
        format!("| regions in a run | {REGIONS_PER_RUN} |"),
        format!("| duration of a run | {hours} hours |"),
        format!(
            "| {}; {} hours in them; {STALLED_ROUNDS},",
            grouped(ROUNDS_PER_REGION as usize),
            SECONDS_IN_ROUNDS / 3_600
        ),
    ] {
        assert!(limits.contains(&said), "docs/LIMITS.md does not say {said:?}");
    }
    let minutes = |rounds: std::ops::Range<u32>| rounds.map(policy::restore::waits::after).sum::<u32>() / 60;
    assert_eq!(minutes(0..CREATE_VOLUME_ROUNDS), 32, "the waits for a create in docs/LIMITS.md");
    assert_eq!(minutes(0..AVAILABLE_ROUNDS), 52, "the waits for a volume in docs/LIMITS.md");
    assert_eq!(minutes(0..ATTACH_ROUNDS), 12, "the waits for an attachment in docs/LIMITS.md");
    assert_eq!(minutes(ATTACH_ROUNDS..ATTACH_ROUNDS + PUT_BACK_ROUNDS), 20, "the waits to put back in docs/LIMITS.md");
    for said in [
        format!("| volumes in a restore | {VOLUMES_PER_RESTORE} |"),
        "half an hour until EC2 takes a create, 50 minutes until a volume is available, 12 minutes to attach, 20 more to put back".to_owned(),
    ] {
        assert!(limits.contains(&said), "docs/LIMITS.md does not say {said:?}");
    }
    let mut rounds = Rounds::default();
    let waits: u32 = std::iter::from_fn(|| policy::rounds::until_listed(1, 0, &mut rounds)).sum();
    let late = SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME - LOOK_UP_SECONDS;
    for said in [
        format!("| {SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME} s between two snapshots of a volume |"),
        format!(
            "upon a look-up older than {LOOK_UP_SECONDS} s, so that a listing that is up to {late} s late makes no twin"
        ),
        format!("a purge that waits up to {waits} s for what was made to be listed"),
        format!(
            "the first {IDS_SHOWN} of each list of a region; failures and overdue the first {CASES_SHOWN}, snapshots to be deleted, warnings and advice the first {WARNINGS_SHOWN};"
        ),
    ] {
        assert!(limits.contains(&said), "docs/LIMITS.md does not say {said:?}");
    }
    assert_eq!((EXPIRED_SHOWN, ADVICE_SHOWN), (WARNINGS_SHOWN, WARNINGS_SHOWN));
    let readme = text("README.md");
    assert!(readme.contains(&format!("pages of {}", grouped(DELETIONS_PER_PAGE))));
    assert!(readme.contains(&format!("each region, {REGIONS_PER_RUN} at once")));
}

#[test]
fn the_prices_are_those_of_the_code() {
    let advice = text("docs/ADVICE.md");
    let dated = format!("List prices of {} as of {}", prices::PRICES_REGION, prices::PRICES_AS_OF);
    assert!(advice.contains(&dated), "docs/ADVICE.md does not say {dated:?}");
    let usd = |price: i64| {
        let digits = format!("{}.{:05}", price / 100_000, price % 100_000);
        let short = digits.trim_end_matches('0');
        digits[..short.len().max("0.00".len())].to_owned()
    };
    for (name, price) in [
        ("gp2", prices::GP2),
        ("gp3", prices::GP3),
        ("io1", prices::IO1),
        ("io2", prices::IO2),
        ("st1", prices::ST1),
        ("sc1", prices::SC1),
        ("standard", prices::STANDARD),
    ] {
        let row = advice.lines().find(|line| line.starts_with(&format!("| {name} | 0."))).unwrap();
        let tiers = price.iops.iter().chain(price.mibps).map(|tier| usd(tier.each));
        for said in tiers.chain([usd(price.gib)]) {
            assert!(row.split([' ', ';']).any(|word| word == said), "{said} is not in {row:?}");
        }
    }
}

#[test]
fn the_runbook_knows_every_error_name_of_ours() {
    let runbook = text("docs/RUNBOOK.md");
    let names = text("crates/contract/src/errors.rs");
    let names: Vec<&str> =
        names.lines().filter_map(|line| line.strip_prefix("pub const ")?.split('"').nth(1)).collect();
    assert!(names.contains(&errors::REGION_LOST) && names.len() > 10, "{names:?}");
    // RegionsFailed is the red execution itself, whose report the runbook begins with.
    for name in names.into_iter().filter(|name| *name != errors::REGIONS_FAILED) {
        assert!(runbook.contains(&format!("`{name}`")), "docs/RUNBOOK.md does not know {name}");
    }
}

#[test]
fn dependencies_point_one_way() {
    let dependencies = |name: &str| {
        let manifest = text(&format!("crates/{name}/Cargo.toml"));
        let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap().to_owned();
        section.lines().filter_map(|line| line.split(['.', ' ']).next()).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    for pure in ["contract", "policy"] {
        for known in dependencies(pure) {
            assert!(
                !known.starts_with("aws-") && known != "tokio" && known != "lambda_runtime",
                "{pure} knows {known}"
            );
        }
    }
    for name in STEPS.into_iter().chain(["contract", "policy", "step-runtime"]) {
        assert!(!dependencies(name).contains(&"aws-sdk-ec2".to_owned()), "{name} knows aws-sdk-ec2");
    }
    assert!(dependencies("ec2").contains(&"aws-sdk-ec2".to_owned()));
}
