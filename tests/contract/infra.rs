//! Names and numbers that the CDK app shares with the code.

use contract::Orphans;
use contract::config::PurgeGuard;
use contract::limits::REGIONS_PER_RUN;
use contract::restore::Sample;
use contract::retention::{MAX_COUNT, MAX_KEEP_DAYS};
use contract::span::MAX_DAYS;
use contract::{errors, selector};

use crate::source::{STEPS, states, text};

/// A number as TypeScript writes it here, `36_500`.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let (head, tail) = digits.split_at(digits.len() - 3);
    format!("{head}_{tail}")
}

/// How long orphans are kept where a configuration does not say.
fn default_orphans() -> String {
    let Orphans::KeepWithin(span) = Orphans::default() else { panic!("for ever") };
    span.to_string()
}

#[test]
fn the_cdk_app_uses_the_names_of_the_code() {
    let names = text("infra/lib/names.ts");
    for stem in STEPS {
        assert!(names.contains(&format!("'{stem}'")), "{stem}");
    }
    assert!(names.contains(&format!("POLICY_TAG = '{}'", selector::POLICY_TAG)));
    assert!(names.contains(&format!("KEEP_TAG = '{}'", selector::KEEP_TAG)));
    for tag in [selector::RUN_TAG, selector::VOLUME_TAG] {
        assert!(names.contains(&format!("'{tag}'")), "{tag}");
    }
    assert!(names.contains(&format!("REGIONS_FAILED = '{}'", errors::REGIONS_FAILED)));
    assert!(names.contains(&format!("RESTORE_TAG = '{}'", selector::RESTORE_TAG)));
    assert!(names.contains(&format!("TEST_TAG = '{}'", selector::TEST_TAG)));
    assert!(names.contains(&format!("RESTORE_FAILED = '{}'", errors::RESTORE_FAILED)));
    assert!(names.contains(&format!("INVALID_INPUT = '{}'", errors::INVALID_INPUT)));
    assert!(names.contains(&format!("NO_RESTORE_POINT = '{}'", errors::NO_RESTORE_POINT)));
    // The mails of the backstop name these.
    let (runbook, backstop) = (text("docs/RUNBOOK.md"), text("infra/lib/backstop.ts"));
    assert!(runbook.contains("\n## A restore was cut off\n") && backstop.contains("A restore was cut off"));

    let metrics = text("crates/notify/src/metrics.rs");
    assert!(metrics.contains("NAMESPACE: &str = \"EbsBackup\"") && names.contains("METRICS_NAMESPACE = 'EbsBackup'"));
    assert!(metrics.contains("DIMENSION: &str = \"Policy\""));
    assert!(text("infra/lib/dashboard.ts").contains("dimensionsMap: { Policy: policy }"));
    let shown: Vec<&str> =
        names.lines().filter_map(|line| line.trim().strip_prefix("| '")?.split('\'').next()).collect();
    assert!(!shown.is_empty());
    for metric in shown {
        assert!(metrics.contains(&format!("(\"{metric}\",")), "the dashboard shows {metric}, which nobody writes");
    }
}

#[test]
fn the_cdk_app_sets_the_variables_that_the_functions_read() {
    for (crate_name, variables) in [
        ("list-regions", vec!["EBS_BACKUP_CONFIG"]),
        ("find-restore-points", vec!["EBS_BACKUP_CONFIG"]),
        ("report-restore", vec!["EBS_BACKUP_TOPIC_ARN", "EBS_BACKUP_ACCOUNT_NAME"]),
        ("notify", vec!["EBS_BACKUP_TOPIC_ARN", "EBS_BACKUP_ACCOUNT_NAME", "EBS_BACKUP_REPORT_WHEN_IDLE"]),
    ] {
        let function = text(&format!("infra/lib/functions/{crate_name}.ts"));
        let code: String = ["main", "settings"]
            .iter()
            .filter_map(|file| {
                std::fs::read_to_string(crate::source::path(&format!("crates/{crate_name}/src/{file}.rs"))).ok()
            })
            .chain(["report-topic"].map(|shared| text(&format!("crates/{shared}/src/settings.rs"))))
            .collect();
        for variable in variables {
            assert!(function.contains(variable), "infra does not set {variable} for {crate_name}");
            assert!(code.contains(variable), "{crate_name} does not read {variable}");
        }
    }
}

#[test]
fn the_cdk_app_has_the_bounds_of_the_contract() {
    let config = text("infra/lib/config.ts");
    let guard = PurgeGuard::default();
    for (what, wanted) in [
        ("keepDays", format!("keepDays: whole(1, {})", grouped(MAX_KEEP_DAYS))),
        ("counts of keep rules", format!("const count = () => whole(1, {}).optional();", grouped(MAX_COUNT))),
        ("the longest span", format!("spanHours(text) <= {} * 24", grouped(MAX_DAYS))),
        ("orphans", format!("orphans.default({{ keepWithin: '{}' }})", default_orphans())),
        ("floor", "floor: whole(1, 100).default(1)".to_owned()),
        ("maxPercent", format!("maxPercent: whole(1, 100).default({})", guard.max_percent)),
        ("minSnapshots", format!("minSnapshots: whole(0, 100_000).default({})", guard.min_snapshots)),
        ("sharePercent", format!("sharePercent: whole(1, 100).default({})", contract::Pace::default().share_percent)),
        ("regionConcurrency", format!("regionConcurrency: whole(1, {REGIONS_PER_RUN})")),
        ("sample of a restore test", format!("whole({}, {})", Sample::BOUNDS.start(), Sample::BOUNDS.end())),
        ("policy name", "[a-z0-9][a-z0-9-]{0,31}".to_owned()),
    ] {
        assert!(config.contains(&wanted), "{what}: infra/lib/config.ts does not say {wanted:?}");
    }
    let concurrency = states()["BackUpRegions"]["MaxConcurrency"].as_u64().unwrap();
    assert_eq!(concurrency, REGIONS_PER_RUN as u64, "as many regions at once as there may be in a run");
}
