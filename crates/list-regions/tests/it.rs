//! `list-regions` over an account in memory.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use std::cell::Cell;

use contract::steps::list_regions::{Execution, Request};
use contract::{Config, Region, RegionJob};
use ec2::Ec2Error;
use ec2::port::Regions;
use serde_json::{Value, json};
use step_runtime::StepError;

/// An account with these regions enabled.
struct Account {
    enabled: Vec<Region>,
    denied: bool,
    asked: Cell<u32>,
}

impl Regions for Account {
    async fn enabled_regions(&self) -> Result<Vec<Region>, Ec2Error> {
        self.asked.set(self.asked.get() + 1);
        if self.denied { Err(Ec2Error::coded("UnauthorizedOperation", "no")) } else { Ok(self.enabled.clone()) }
    }
}

fn account(enabled: &[&str]) -> Account {
    let enabled = enabled.iter().map(|region| Region::new(*region).unwrap()).collect();
    Account { enabled, denied: false, asked: Cell::new(0) }
}

/// The four regions of most of these tests, not in the order of their names.
fn four() -> Account {
    account(&["us-east-1", "eu-west-1", "ap-south-1", "eu-central-1"])
}

fn policy(name: &str, regions: &Value) -> Value {
    json!({"name": name, "tag": {"key": "Backup", "value": "gold"}, "retention": {"keepDays": 7, "keepLast": 3}, "floor": 2,
           "regions": regions, "purgeGuard": {"maxPercent": 40, "minSnapshots": 10}})
}

fn config(policies: &[Value]) -> Config {
    contract::parse::from_value(&json!({"policies": policies, "pace": {"sharePercent": 35}})).unwrap()
}

fn daily() -> Config {
    config(&[policy("daily", &json!({}))])
}

async fn plan(account: &Account, config: &Config, input: Value) -> Result<Vec<RegionJob>, StepError> {
    plan_of("5f1c0a3e-execution", account, config, input).await
}

async fn plan_of(name: &str, account: &Account, config: &Config, input: Value) -> Result<Vec<RegionJob>, StepError> {
    let execution = Execution { name: name.to_owned(), start_time: "2026-11-23T02:00:07.123Z".parse().unwrap() };
    list_regions::handle(account, config, Request { input, execution }).await.map(|response| response.jobs)
}

fn names(jobs: &[RegionJob]) -> Vec<&str> {
    jobs.iter().map(|job| job.region.as_str()).collect()
}

#[tokio::test]
async fn an_empty_input_gives_one_complete_job_per_enabled_region() {
    let jobs = plan(&four(), &daily(), json!({})).await.unwrap();
    assert_eq!(names(&jobs), ["ap-south-1", "eu-central-1", "eu-west-1", "us-east-1"]);
    let expected = json!({
        "region": "ap-south-1", "runId": "5f1c0a3e-execution", "startedAt": "2026-11-23T02:00:07.123Z", "dryRun": false,
        "replay": 0, "approvePurge": null, "adopt": false, "pace": {"sharePercent": 35},
        "policy": {"name": "daily", "tag": {"key": "Backup", "value": "gold"}, "retention": {"keepLast": 3, "keepWithin": "7d"},
                   "floor": 2, "purgeGuard": {"maxPercent": 40, "minSnapshots": 10}, "minimum": null,
                   "orphans": {"keepWithin": "90d"}, "timeZone": "UTC", "adopt": false, "advice": false},
    });
    assert_eq!(serde_json::to_value(&jobs[0]).unwrap(), expected);
}

#[tokio::test]
async fn the_input_is_carried_into_every_job() {
    let input = json!({"runId": "daily-2026-11-22T02:00:00Z", "policy": "daily", "dryRun": true, "approvePurge": "20261123020007-0123456789abcdef"});
    let jobs = plan(&four(), &daily(), input).await.unwrap();
    assert_eq!(jobs.len(), 4);
    for job in jobs {
        assert_eq!((job.run_id.as_str(), job.dry_run), ("daily-2026-11-22T02:00:00Z", true));
        assert_eq!(job.approve_purge.as_ref().map(|plan| plan.as_str()), Some("20261123020007-0123456789abcdef"));
    }
}

#[tokio::test]
async fn the_policy_includes_and_excludes_regions_and_the_input_picks_among_them() {
    for (regions, asked, expected) in [
        (json!({"include": ["eu-west-1", "us-east-1", "eu-west-1"]}), None, vec!["eu-west-1", "us-east-1"]),
        (json!({"exclude": ["eu-west-1", "us-east-1", "sa-east-1"]}), None, vec!["ap-south-1", "eu-central-1"]),
        (json!({"include": ["eu-west-1", "us-east-1"], "exclude": ["eu-west-1"]}), None, vec!["us-east-1"]),
        // Included and not enabled: it stays, so that it fails on its own and the report says so.
        (json!({"include": ["eu-west-1", "me-south-1"]}), None, vec!["eu-west-1", "me-south-1"]),
        (json!({}), Some(vec!["us-east-1", "ap-south-1", "us-east-1"]), vec!["ap-south-1", "us-east-1"]),
        (json!({"exclude": ["eu-west-1"]}), Some(vec!["us-east-1"]), vec!["us-east-1"]),
    ] {
        let input = asked.as_ref().map_or(json!({}), |asked| json!({"regions": asked}));
        let jobs = plan(&four(), &config(&[policy("daily", &regions)]), input).await.unwrap();
        assert_eq!(names(&jobs), expected, "{regions} {asked:?}");
    }
}

#[tokio::test]
async fn s10_a_bad_input_is_refused_before_ec2_is_asked() {
    let several = config(&[policy("daily", &json!({})), policy("weekly", &json!({}))]);
    for (input, parts) in [
        (
            json!({"regions": ["eu-west-1", "Frankfurt"]}),
            vec!["regions[1]", "Frankfurt", "a region code such as eu-west-1"],
        ),
        (json!({"policy": "hourly"}), vec!["policy", "hourly", "daily, weekly"]),
        (json!({"policy": "Daily!"}), vec!["policy", "Daily!", "lower-case letters"]),
        (json!({}), vec!["policy", "missing", "daily, weekly"]),
        (json!({"policy": "daily", "runId": "a;b"}), vec!["runId", "a;b", "the value of a tag"]),
        (json!({"policy": "daily", "runId": ""}), vec!["runId", "\"\"", "1 to 256"]),
        (json!({"policy": "daily", "dryRun": "yes"}), vec!["dryRun", "yes", "boolean"]),
        (json!({"policy": "daily", "approvePurge": "all"}), vec!["approvePurge", "all", "16 hexadecimal digits"]),
        (json!({"policy": "daily", "retention": {"keepDays": 1}}), vec!["retention", "unknown field", "runId"]),
        (json!(["eu-west-1"]), vec!["eu-west-1", "a JSON object"]),
        (json!(null), vec!["null", "a JSON object"]),
    ] {
        let account = four();
        let error = plan(&account, &several, input.clone()).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{input}");
        for part in parts {
            assert!(error.message().contains(part), "{input}: {part} is not in {:?}", error.message());
        }
        assert_eq!(account.asked.get(), 0, "{input}");
    }
}

#[tokio::test]
async fn s10_a_region_that_cannot_be_run_is_refused_with_field_value_and_what_would_be_right() {
    let regions = json!({"exclude": ["us-east-1"]});
    for (asked, parts) in [
        (
            json!(["eu-west-1", "mars-north-1"]),
            vec!["regions[1]", "mars-north-1", "unknown or not enabled", "ap-south-1, eu-central-1, eu-west-1"],
        ),
        (json!(["me-south-1"]), vec!["regions[0]", "me-south-1", "not enabled", "ap-south-1, eu-central-1, eu-west-1"]),
        (
            json!(["us-east-1"]),
            vec!["regions[0]", "us-east-1", "not covered by the policy daily", "ap-south-1, eu-central-1, eu-west-1"],
        ),
        (json!([]), vec!["regions", "[]", "leave the field out"]),
    ] {
        let error = plan(&four(), &config(&[policy("daily", &regions)]), json!({"regions": asked})).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{asked}");
        for part in parts {
            assert!(error.message().contains(part), "{asked}: {part} is not in {:?}", error.message());
        }
    }
}

#[tokio::test]
async fn an_unnamed_policy_is_the_only_one_and_a_named_one_is_found() {
    assert_eq!(plan(&four(), &daily(), json!({})).await.unwrap()[0].policy.name.as_str(), "daily");
    let several = config(&[policy("daily", &json!({})), policy("weekly", &json!({}))]);
    assert_eq!(plan(&four(), &several, json!({"policy": "weekly"})).await.unwrap()[0].policy.name.as_str(), "weekly");
}

#[tokio::test]
async fn s10_an_execution_name_that_is_no_tag_value_is_refused_as_run_id() {
    let error = plan_of("Größe;1", &four(), &daily(), json!({})).await.unwrap_err();
    assert_eq!(error.name(), "InvalidInput");
    assert!(error.message().contains("runId") && error.message().contains("Größe;1"), "{error}");
    assert!(plan_of("Größe;1", &four(), &daily(), json!({"runId": "one"})).await.is_ok(), "it is not needed then");
}

#[tokio::test]
async fn s10_a_policy_that_leaves_no_region_is_a_wrong_configuration() {
    let nowhere = config(&[policy("daily", &json!({"include": ["eu-west-1"], "exclude": ["eu-west-1"]}))]);
    let error = plan(&four(), &nowhere, json!({})).await.unwrap_err();
    assert_eq!(error.name(), "InvalidConfig");
    assert!(error.message().contains("daily") && error.message().contains("include and exclude"), "{error}");
}

#[tokio::test]
async fn s10_more_regions_than_a_run_can_report_are_refused() {
    let enabled = |count: u32| (1..=count).map(|n| format!("eu-test-{n}")).collect::<Vec<_>>();
    let of = |count| account(&enabled(count).iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(plan(&of(40), &daily(), json!({})).await.unwrap().len(), 40);
    let error = plan(&of(41), &daily(), json!({})).await.unwrap_err();
    assert_eq!(error.name(), "InvalidInput");
    assert!(error.message().contains("41 regions: at most 40"), "{error}");
    assert_eq!(plan(&of(41), &daily(), json!({"regions": ["eu-test-41"]})).await.unwrap().len(), 1);
}

#[tokio::test]
async fn when_the_regions_cannot_be_listed_the_run_fails_by_name() {
    let account = Account { denied: true, ..four() };
    assert_eq!(plan(&account, &daily(), json!({})).await.unwrap_err().name(), "UnauthorizedOperation");
}

#[tokio::test]
async fn s10_adoption_is_refused_unless_the_policy_allows_it() {
    let error = plan(&four(), &daily(), json!({"adopt": true})).await.unwrap_err();
    assert_eq!(error.name(), "InvalidInput");
    assert!(error.message().starts_with("adopt: true, and the policy daily does not allow it"), "{error}");
}
