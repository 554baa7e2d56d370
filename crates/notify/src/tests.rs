//! The step as a whole, with a topic and a log that only remember.

use std::sync::Mutex;

use contract::Tally;
use contract::limits::{REGIONS_PER_RUN, SNS_MESSAGE_BYTES, SNS_SUBJECT_CHARS, TALLY_BYTES};
use contract::steps::notify::{MapFailure, RegionResult, Results};
use insta::{assert_json_snapshot, assert_snapshot};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::nights;
use report_topic::arn::TopicArn;

#[derive(Default)]
struct Remembered {
    answer: Option<PublishError>,
    messages: Mutex<Vec<Message>>,
    lines: Mutex<Vec<Value>>,
}

impl ReportTopic for Remembered {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        self.messages.lock().unwrap().push(message.clone());
        self.answer.clone().map_or(Ok(()), Err)
    }
}

impl MetricsLog for Remembered {
    fn write(&self, line: &Value) {
        self.lines.lock().unwrap().push(line.clone());
    }
}

impl Remembered {
    fn sent(&self) -> usize {
        self.messages.lock().unwrap().len()
    }

    fn measured(&self) -> usize {
        self.lines.lock().unwrap().len()
    }
}

fn settings(report_when_idle: bool) -> Settings {
    let topic = TopicArn::new("arn:aws:sns:eu-west-1:111122223333:ebs-backup-report").unwrap();
    Settings { topic, account_name: "acme".to_owned(), report_when_idle }
}

fn now() -> DateTime<Utc> {
    "2026-11-23T02:30:00Z".parse().unwrap()
}

async fn run(world: &Remembered, report_when_idle: bool, request: Request) -> Result<Response, NotifyError> {
    handle(world, world, &settings(report_when_idle), now(), request).await
}

fn message(account_name: &str, request: Request) -> Message {
    let evaluation = Evaluation::of(request.jobs, &request.results).unwrap();
    super::message(&Report::new(account_name, &request.execution_arn, &evaluation))
}

fn variant(message: &Message, name: &str) -> String {
    let body: Value = serde_json::from_str(&message.body).unwrap();
    body[name].as_str().unwrap().to_owned()
}

fn document(message: &Message) -> Value {
    serde_json::from_str(&variant(message, "default")).unwrap()
}

fn mail(request: Request) -> String {
    let message = message("acme", request);
    format!("Subject: {}\n\n{}", message.subject, variant(&message, "email"))
}

/// A snapshot with sorted keys: whether `Value` keeps their order depends on what else is built.
macro_rules! assert_sorted {
    ($value:expr) => {
        insta::with_settings!({ sort_maps => true }, { assert_json_snapshot!($value) })
    };
}

#[test]
fn o5_the_mail_of_a_good_night() {
    assert_snapshot!(mail(nights::good()));
}

#[test]
fn o5_the_mail_of_a_bad_night() {
    assert_snapshot!(mail(nights::bad()));
}

#[test]
fn the_mail_of_a_night_without_anything_to_do() {
    assert_snapshot!(mail(nights::idle()));
}

#[test]
fn s6_the_mail_of_a_night_on_which_only_volumes_failed() {
    assert_snapshot!(mail(nights::incomplete()));
}

#[test]
fn the_mail_of_a_dry_run() {
    assert_snapshot!(mail(nights::dry_run()));
}

#[test]
fn the_mail_of_a_replay() {
    assert_snapshot!(mail(nights::replay()));
}

#[test]
fn the_mail_of_a_night_with_volumes_of_older_types() {
    assert_snapshot!(mail(nights::advised()));
}

#[test]
fn the_document_sums_the_advice_of_all_regions_and_dates_its_prices() {
    let told = document(&message("acme", nights::advised()));
    let expected = json!({
        "volumes": 7, "savesCents": 188 + 64_500 + 3 * 1_500 + 437, "pricesAsOf": "2026-01", "pricesRegion": "us-east-1",
    });
    assert_eq!(told["advice"], expected);
    assert_eq!(told["regions"][0]["tally"]["advice"]["volumes"]["more"], 3);
    assert_eq!(document(&message("acme", nights::good())).get("advice"), None, "nothing of it where there is none");
    assert!(!mail(nights::good()).contains("CHEAPER"));
}

/// Numbers from outside may be anything: the report goes out, and a sum without room stays at its largest.
#[test]
fn absurd_advice_is_told_as_far_as_there_is_room() {
    let absurd = json!({ "advice": {
        "volumes": { "first": [{ "volumeId": "vol-0123456789abcdef0", "to": "gp3\n\u{1b}", "savesCents": i64::MIN, "note": "cold" }],
                     "more": u64::MAX },
        "savesCents": u64::MAX,
    } });
    let results = vec![nights::succeeded("eu-west-1", &absurd), nights::succeeded("us-east-1", &absurd)];
    let message = message("acme", nights::request(nights::jobs(&["eu-west-1", "us-east-1"]), results));
    assert_eq!(document(&message)["advice"]["savesCents"], u64::MAX);
    let text = variant(&message, "email");
    assert!(text.contains(" as gp3: 92,233,720,368,547,758.08 USD more a month, for cold data only"), "{text}");
    assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{text}");
}

#[test]
fn s7_the_mail_of_a_lost_map() {
    assert_snapshot!(mail(nights::lost_map()));
}

#[test]
fn the_document_of_a_bad_night() {
    assert_sorted!(&document(&message("acme", nights::bad())));
}

#[test]
fn the_metrics_of_a_bad_night() {
    let request = nights::bad();
    let evaluation = Evaluation::of(request.jobs, &request.results).unwrap();
    assert_sorted!(&metrics::of(&evaluation, now()).unwrap());
}

#[test]
fn a_dry_run_has_no_metrics_that_could_pass_for_a_night() {
    let request = nights::dry_run();
    let evaluation = Evaluation::of(request.jobs, &request.results).unwrap();
    assert_eq!(metrics::of(&evaluation, now()), None);
}

#[test]
fn every_metric_that_is_announced_has_a_value() {
    let request = nights::good();
    let line = metrics::of(&Evaluation::of(request.jobs, &request.results).unwrap(), now()).unwrap();
    let announced = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
    assert!(announced.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_u64()), "{line}");
    assert_eq!(line["RunSucceeded"], 1);
}

#[test]
fn what_the_report_offers_to_paste_is_an_input_that_is_taken() {
    let text = mail(nights::bad());
    let inputs: Vec<contract::ExecutionInput> = text
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| contract::parse::from_text(line).unwrap())
        .collect();
    let regions = |at: usize| inputs[at].regions.as_ref().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(regions(0), ["ap-south-1", "eu-central-1", "us-east-1", "us-west-2"]);
    assert_eq!((regions(1), inputs[1].approve_purge.is_some()), (vec!["eu-west-1".to_owned()], true));
    assert!(inputs.iter().all(|input| input.run_id.is_some() && input.policy.is_some() && !input.dry_run));
}

#[test]
fn s9_a_dry_run_offers_nothing_to_paste_that_would_write() {
    assert!(!mail(nights::dry_run()).contains("approvePurge"));
}

#[tokio::test]
async fn s7_a_bad_night_is_reported_and_its_regions_are_due_for_replay() {
    let world = Remembered::default();
    let response = run(&world, false, nights::bad()).await.unwrap();
    let regions: Vec<&str> = response.replay_jobs.iter().map(|job| job.region.as_str()).collect();
    assert_eq!(regions, ["ap-south-1", "eu-central-1", "us-east-1", "us-west-2"]);
    assert_eq!((response.sent, world.sent(), world.measured()), (true, 1, 1));
    assert_eq!(response.subject, "EBS Backup FAILED, PURGE HELD: acme 111122223333, daily: 3 of 7 regions failed");
}

#[tokio::test]
async fn nothing_is_sent_when_nothing_was_to_do_unless_it_is_wanted() {
    for (report_when_idle, sent) in [(false, 0), (true, 1)] {
        let world = Remembered::default();
        let response = run(&world, report_when_idle, nights::idle()).await.unwrap();
        assert_eq!((response.sent, world.sent()), (sent == 1, sent));
        assert_eq!(world.measured(), 1, "the metrics of a quiet night are metrics, too");
    }
}

#[tokio::test]
async fn a_tag_that_selects_nothing_any_more_is_told() {
    let kept = serde_json::json!({ "snapshots": { "managed": 40, "kept": 40 } });
    let request = nights::request(nights::jobs(&["eu-west-1"]), vec![nights::succeeded("eu-west-1", &kept)]);
    let text = mail(request.clone());
    assert!(text.contains("\nOK, NO VOLUME SELECTED: nothing is backed up."), "{text}");
    assert!(text.contains("the policy has 40 snapshots there"), "{text}");
    assert!(!text.contains("To do: nothing"), "{text}");
    assert!(run(&Remembered::default(), false, request).await.unwrap().sent);
}

#[tokio::test]
async fn a_replay_and_a_dry_run_are_always_answered() {
    for change in [|job: &mut contract::RegionJob| job.replay = 1, |job: &mut contract::RegionJob| job.dry_run = true] {
        let mut request = nights::idle();
        request.jobs.iter_mut().for_each(change);
        assert!(run(&Remembered::default(), false, request).await.unwrap().sent);
    }
}

#[tokio::test]
async fn a_report_that_is_tried_again_is_measured_once() {
    for (answer, measured) in
        [(PublishError::Unavailable("down".to_owned()), 0), (PublishError::Refused("no".to_owned()), 1)]
    {
        let world = Remembered { answer: Some(answer.clone()), ..Remembered::default() };
        assert_eq!(run(&world, false, nights::good()).await, Err(NotifyError::Publish(answer)));
        assert_eq!(world.measured(), measured);
    }
}

#[tokio::test]
async fn s10_a_request_without_jobs_is_refused() {
    let request = Request { jobs: Vec::new(), ..nights::good() };
    let error: StepError = run(&Remembered::default(), false, request).await.unwrap_err().into();
    assert_eq!(error.name(), INVALID_REQUEST);
}

/// The largest run, with `worst` regions as bad as can be: failed ones first, then well but large ones.
fn large(failed: usize, ugly_error: &str) -> Request {
    let tally = serde_json::to_value(nights::worst_tally()).unwrap();
    let mut well = tally.clone();
    well["volumes"] = json!({ "discovered": 1, "created": 1 });
    let regions: Vec<String> = (0..REGIONS_PER_RUN).map(|n| format!("eu-region-{n:02}{}", "x".repeat(20))).collect();
    let results = regions.iter().enumerate().map(|(at, region)| {
        // Every region fails in its own way: causes that are shared would be told once.
        let own_error = format!("{at}{ugly_error}");
        // Failed regions are the last in the order of names, so that only their weight brings them to the front.
        if at + failed >= REGIONS_PER_RUN {
            json!({ "region": region, "outcome": "failed", "error": own_error, "cause": own_error, "tally": tally })
        } else {
            nights::succeeded(region, &well)
        }
    });
    let results = Results::Regions(results.collect());
    let mut jobs = nights::jobs(&regions.iter().map(String::as_str).collect::<Vec<_>>());
    for job in &mut jobs {
        job.run_id = contract::RunId::new("r".repeat(256)).unwrap();
    }
    Request { jobs, results, ..nights::good() }
}

#[test]
fn a_report_with_more_than_fits_says_how_much_was_left_out() {
    assert!(
        serde_json::to_vec(&nights::worst_tally()).unwrap().len() * 10 >= TALLY_BYTES * 7,
        "not the worst tally any more"
    );
    let message = message("acme", large(REGIONS_PER_RUN, &"\u{1}\"".repeat(300)));
    assert!(message.body.len() <= SNS_MESSAGE_BYTES, "{}", message.body.len());
    let (text, document) = (variant(&message, "email"), document(&message));
    assert!(text.len() < 70_000, "{}", text.len());
    assert!(text.contains("did not fit: eu-region-"), "{text}");
    let without = document["regions"].as_array().unwrap().iter().filter(|region| region["tally"].is_null()).count();
    assert!(without > 0, "all fit: this tests nothing");
    assert_eq!(document["talliesLeftOut"], without);
}

#[test]
fn a_failed_region_is_never_cut_before_a_healthy_one() {
    let failed = 5;
    let message = message("acme", large(failed, &"\u{1}\"".repeat(300)));
    let (text, document) = (variant(&message, "email"), document(&message));
    let regions = document["regions"].as_array().unwrap();
    assert_eq!(regions.len(), REGIONS_PER_RUN, "every region is there with its numbers");
    for region in regions.iter().filter(|region| region["status"] == "FAILED") {
        assert!(region["tally"].is_object(), "{region}");
        assert!(text.contains(&format!("--- {}: FAILED", region["region"].as_str().unwrap())));
    }
    assert!(text.contains("did not fit"), "all fit: this tests nothing");
}

#[test]
fn a_name_of_an_account_can_be_anything() {
    for name in ["", "Müller & Söhne\r\nBcc: all@example.com", "日本", &"a".repeat(500), "\u{7f}\u{0}"] {
        let message = message(name, nights::bad());
        assert!(message.subject.starts_with("EBS Backup FAILED, PURGE HELD: "), "{}", message.subject);
        assert!(message.subject.contains("111122223333"), "{}", message.subject);
        assert!(
            message.subject.len() <= SNS_SUBJECT_CHARS
                && message.subject.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        );
        assert!(!variant(&message, "email").contains('\r'));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_report_fits(
        name in ".{0,200}", policy in "[a-z0-9][a-z0-9-]{0,31}", error in ".{0,300}", failed in 0..=REGIONS_PER_RUN,
        dry_run: bool, replay in 0_u32..1_000, lost: bool,
    ) {
        let mut request = large(failed, &error);
        for job in &mut request.jobs {
            job.policy.name = policy.parse().unwrap();
            (job.dry_run, job.replay) = (dry_run, replay);
        }
        if lost {
            request.results = Results::Failed(MapFailure { error: error.clone(), cause: error });
        }
        let message = message(&name, request);
        prop_assert!(message.body.len() <= SNS_MESSAGE_BYTES, "{}", message.body.len());
        prop_assert!((1..=SNS_SUBJECT_CHARS).contains(&message.subject.len()));
        prop_assert!(message.subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let text = variant(&message, "email");
        prop_assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
        prop_assert_eq!(&document(&message)["schemaVersion"], 1);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let single = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX]).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "succeeded",
            "failed",
            "eu-west-1",
            "vol-0123456789abcdef0",
            "{\"errorMessage\":\"\\ud83d"
        ])
        .prop_map(Value::from),
        (1_usize..3_000).prop_map(|times| Value::from("\u{1b}[31m\n\"".repeat(times))),
    ];
    single.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Puts `value` somewhere into `document`: as many levels down as `way` goes.
fn spoil(document: &mut Value, way: &[prop::sample::Index], value: Value) {
    let child = way.split_first().and_then(|(at, rest)| {
        let inner: Vec<&mut Value> = match &mut *document {
            Value::Object(fields) => fields.values_mut().collect(),
            Value::Array(items) => items.iter_mut().collect(),
            _ => Vec::new(),
        };
        let count = inner.len().max(1);
        inner.into_iter().nth(at.index(count)).map(|child| (child, rest))
    });
    match child {
        Some((child, rest)) => spoil(child, rest, value),
        None => *document = value,
    }
}

/// What a region gives back, most often with something in it that does not belong there.
fn any_result() -> impl Strategy<Value = Value> {
    let base = (0..nights::REGIONS.len(), 0_usize..5).prop_map(|(region, kind)| {
        let region = nights::REGIONS[region];
        match kind {
            0 => nights::failed(region, "Ec2Throttled", "slow down"),
            1 => nights::succeeded(region, &json!({ "volumes": { "discovered": 2, "created": 1, "failed": 1 } })),
            2 => nights::succeeded(region, &serde_json::to_value(nights::worst_tally()).unwrap()),
            _ => nights::succeeded(region, &serde_json::to_value(Tally::default()).unwrap()),
        }
    });
    // Counts whose sums have no room in 64 bits, or come round to the right number if they are left to overflow.
    let number = || prop::sample::select(vec![0, 0, 1, u64::MAX - 1, u64::MAX]);
    let absurd = (0..nights::REGIONS.len(), prop::array::uniform6(number()), prop::array::uniform6(number()));
    let absurd = absurd.prop_map(|(region, [discovered, created, existing, planned, skipped, failed], of_snapshots)| {
        let [managed, kept, expired, deleted, gone, overdue] = of_snapshots;
        let tally = json!({
            "volumes": { "discovered": discovered, "created": created, "existing": existing, "planned": planned,
                         "skipped": skipped, "failed": failed },
            "snapshots": { "managed": managed, "kept": kept, "expired": expired, "deleted": deleted, "alreadyGone": gone,
                           "overdue": overdue },
        });
        nights::succeeded(nights::REGIONS[region], &tally)
    });
    let base = prop_oneof![5 => base, 1 => absurd];
    let way = prop::collection::vec(any::<prop::sample::Index>(), 1..6);
    (base, prop::option::of((way, any_json()))).prop_map(|(mut result, spoilt)| {
        spoilt.into_iter().for_each(|(way, value)| spoil(&mut result, &way, value));
        result
    })
}

/// Whether `result` says, beyond doubt, that all is well in `region`. Counted in numbers that have room for any sum.
fn clearly_well(region: &str, result: &Value) -> bool {
    let Ok(RegionResult::Succeeded { region: of, tally }) = contract::parse::from_value(result) else { return false };
    let counts = &tally.volumes;
    let known = [counts.created, counts.existing, counts.planned, counts.skipped].map(u128::from).iter().sum::<u128>();
    of.as_str() == region && counts.failed == 0 && known == u128::from(counts.discovered)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn s7_whatever_comes_back_a_region_counts_as_well_only_when_it_clearly_says_so(
        results in prop::collection::vec(prop_oneof![6 => any_result(), 1 => any_json()], 0..10),
    ) {
        let request = nights::request(nights::jobs(&nights::REGIONS), results.clone());
        let of = |region: &str| results.iter().filter(|result| result["region"] == region).collect::<Vec<_>>();
        let doubtful: Vec<&str> = nights::REGIONS
            .into_iter()
            .filter(|region| of(region).is_empty() || !of(region).iter().all(|result| clearly_well(region, result)))
            .collect();

        let evaluation = Evaluation::of(request.jobs.clone(), &request.results).unwrap();
        let replayed = evaluation.replay_jobs();
        prop_assert_eq!(replayed.iter().map(|job| job.region.as_str()).collect::<Vec<_>>(), doubtful.clone());
        let totals = evaluation.totals();
        prop_assert_eq!(totals.regions_failed + totals.regions_incomplete, doubtful.len() as u64);
        if let Some(line) = metrics::of(&evaluation, now()) {
            prop_assert_eq!(&line["RunSucceeded"], u64::from(doubtful.is_empty()));
        }

        let message = message("acme", request);
        prop_assert!(message.body.len() <= SNS_MESSAGE_BYTES, "{}", message.body.len());
        prop_assert_eq!(message.subject.contains("OK"), doubtful.is_empty(), "{}", message.subject);
        let (text, document) = (variant(&message, "email"), document(&message));
        prop_assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
        for region in &doubtful {
            prop_assert!(text.contains(region));
            let entries = document["regions"].as_array().unwrap().iter();
            let told = entries.filter(|entry| entry["region"] == *region && entry["status"] != "OK").count();
            prop_assert_eq!(told, 1, "{}", region);
        }
    }
}
