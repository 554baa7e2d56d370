//! What each error code means, read from the XML that EC2 sends.

use std::time::{Duration, Instant};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::describe_snapshots::DescribeSnapshotsOutput;
use aws_smithy_mocks::mock;
use contract::Pace;
use ec2::port::{CreateSnapshot, DeleteSnapshot, ReadSnapshots, ReadVolumes, Regions};
use ec2::{Ec2Error, Kind};
use policy::model::Tags;
use step_runtime::StepError;

use crate::{daily, ec2, ec2_at, refusal, snapshot_id, volume_id};

/// How often a create, a delete and a read are sent while EC2 answers so.
type Sent = (usize, usize, usize);

const ONCE: Sent = (1, 1, 1);
/// What passes with time: a write waits for another round of the state machine.
const UNTIL_GIVEN_UP: Sent = (1, 1, 6);
const ONCE_MORE: Sent = (1, 1, 2);

/// The status and code that EC2 answers, what it means, how often it is sent, and the error's name when the step fails.
const CODES: [(u16, &str, Kind, Sent, &str); 34] = [
    (503, "RequestLimitExceeded", Kind::Throttled, UNTIL_GIVEN_UP, "Ec2Throttled"),
    (400, "RequestLimitExceeded", Kind::Throttled, UNTIL_GIVEN_UP, "Ec2Throttled"),
    (400, "Throttling", Kind::Throttled, UNTIL_GIVEN_UP, "Ec2Throttled"),
    (400, "EC2ThrottledException", Kind::Throttled, UNTIL_GIVEN_UP, "Ec2Throttled"),
    (500, "InternalError", Kind::Unavailable, UNTIL_GIVEN_UP, "Ec2Unavailable"),
    (500, "InternalFailure", Kind::Unavailable, UNTIL_GIVEN_UP, "Ec2Unavailable"),
    (503, "ServiceUnavailable", Kind::Unavailable, UNTIL_GIVEN_UP, "Ec2Unavailable"),
    (503, "Unavailable", Kind::Unavailable, UNTIL_GIVEN_UP, "Ec2Unavailable"),
    (500, "SomethingNew", Kind::Unavailable, UNTIL_GIVEN_UP, "Ec2Unavailable"),
    (400, "SnapshotCreationPerVolumeRateExceeded", Kind::Limit, ONCE, "SnapshotCreationPerVolumeRateExceeded"),
    (400, "ConcurrentSnapshotLimitExceeded", Kind::Limit, ONCE, "ConcurrentSnapshotLimitExceeded"),
    (400, "PendingSnapshotLimitExceeded", Kind::Limit, ONCE, "PendingSnapshotLimitExceeded"),
    (400, "SnapshotLimitExceeded", Kind::Quota, ONCE, "SnapshotLimitExceeded"),
    (400, "InvalidVolume.NotFound", Kind::VolumeGone, ONCE, "InvalidVolume.NotFound"),
    (400, "InvalidSnapshot.NotFound", Kind::SnapshotGone, ONCE, "InvalidSnapshot.NotFound"),
    (400, "InvalidSnapshot.InUse", Kind::SnapshotInUse, ONCE, "InvalidSnapshot.InUse"),
    (400, "IncorrectState", Kind::Transitional, UNTIL_GIVEN_UP, "IncorrectState"),
    (400, "InvalidState", Kind::Transitional, UNTIL_GIVEN_UP, "InvalidState"),
    (400, "TagLimitExceeded", Kind::Tags, ONCE, "TagLimitExceeded"),
    (400, "TagPolicyViolation", Kind::Tags, ONCE, "TagPolicyViolation"),
    (400, "RequestExpired", Kind::Expired, ONCE_MORE, "RequestExpired"),
    (400, "ExpiredToken", Kind::Expired, ONCE_MORE, "ExpiredToken"),
    (403, "UnauthorizedOperation", Kind::Other, ONCE, "UnauthorizedOperation"),
    (401, "AuthFailure", Kind::Other, ONCE, "AuthFailure"),
    (401, "OptInRequired", Kind::Other, ONCE, "OptInRequired"),
    (400, "CustomerKeyHasBeenRevoked", Kind::Other, ONCE, "CustomerKeyHasBeenRevoked"),
    (400, "InvalidKmsKey.InvalidState", Kind::Other, ONCE, "InvalidKmsKey.InvalidState"),
    (400, "SnapshotLocked", Kind::Other, ONCE, "SnapshotLocked"),
    (400, "UnsupportedOperation", Kind::Other, ONCE, "UnsupportedOperation"),
    (400, "OperationNotPermitted", Kind::Other, ONCE, "OperationNotPermitted"),
    (400, "InvalidParameterValue", Kind::Other, ONCE, "InvalidParameterValue"),
    (400, "DryRunOperation", Kind::Other, ONCE, "DryRunOperation"),
    (400, "requestlimitexceeded", Kind::Other, ONCE, "requestlimitexceeded"),
    (400, "SomethingNew", Kind::Other, ONCE, "SomethingNew"),
];

fn no_snapshots() -> DescribeSnapshotsOutput {
    DescribeSnapshotsOutput::builder().set_snapshots(Some(vec![])).build()
}

#[tokio::test]
async fn each_code_means_what_the_table_says_in_every_call() {
    for (status, code, kind, sent, name) in CODES {
        let words = "Mind the &quot;gap&quot;";
        let create =
            mock!(Client::create_snapshot).sequence().http_status(status, refusal(code, words)).repeatedly().build();
        let delete =
            mock!(Client::delete_snapshot).sequence().http_status(status, refusal(code, words)).repeatedly().build();
        let read =
            mock!(Client::describe_snapshots).sequence().http_status(status, refusal(code, words)).repeatedly().build();
        let errors = [
            ec2(&[&create]).create(&volume_id(1), "", &Tags::default()).await.unwrap_err(),
            ec2(&[&delete]).delete(&snapshot_id(1)).await.unwrap_err(),
            ec2(&[&read]).managed(&daily()).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(
                (error.code(), error.message(), error.kind()),
                (code, r#"Mind the "gap""#, kind),
                "{status} {code}"
            );
            assert_eq!(StepError::from(error).name(), name, "{status} {code}");
        }
        assert_eq!((create.num_calls(), delete.num_calls(), read.num_calls()), sent, "{status} {code}");
    }
}

#[tokio::test]
async fn a_server_that_fails_without_a_word_is_unavailable_and_a_refusal_without_one_is_not() {
    let html = || Some("<html><body>Sorry</body></html>".to_owned());
    for (status, body, kind, name) in [
        (500, None, Kind::Unavailable, "Ec2Unavailable"),
        (502, html(), Kind::Unavailable, "Ec2Unavailable"),
        (503, Some(String::new()), Kind::Unavailable, "Ec2Unavailable"),
        (503, Some("<Response><Errors><Err".to_owned()), Kind::Unavailable, "Ec2Unavailable"),
        (403, None, Kind::Other, "UnknownError"),
        (413, html(), Kind::Other, "UnknownError"),
    ] {
        let case = format!("{status} {body:?}");
        let rule = mock!(Client::describe_snapshots).sequence().http_status(status, body).repeatedly().build();
        let error = ec2(&[&rule]).managed(&daily()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, name), "{case}");
        assert!(!error.message().is_empty(), "{case}");
        assert_eq!(rule.num_calls(), if kind == Kind::Unavailable { 6 } else { 1 }, "{case}");
        assert_eq!(StepError::from(error).name(), name, "{case}");
    }
}

#[tokio::test]
async fn a_refusal_whose_code_is_empty_still_has_a_name() {
    for (status, code, kind, name) in [
        (400, "", Kind::Other, "UnknownError"),
        (403, " \n ", Kind::Other, "UnknownError"),
        (503, "", Kind::Unavailable, "Ec2Unavailable"),
    ] {
        let rule = mock!(Client::delete_snapshot).sequence().http_status(status, refusal(code, "no")).build();
        let error = ec2(&[&rule]).delete(&snapshot_id(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, name), "{status} {code:?}");
    }
}

#[tokio::test]
async fn every_read_rides_out_a_short_trouble() {
    let trouble = || refusal("InternalError", "");
    let regions = mock!(Client::describe_regions)
        .sequence()
        .http_status(503, refusal("RequestLimitExceeded", ""))
        .http_status(500, trouble());
    let regions = regions
        .output(|| {
            aws_sdk_ec2::operation::describe_regions::DescribeRegionsOutput::builder().set_regions(Some(vec![])).build()
        })
        .build();
    assert_eq!(ec2(&[&regions]).enabled_regions().await, Ok(vec![]));
    let volumes = mock!(Client::describe_volumes).sequence().http_status(500, trouble()).times(5);
    let volumes = volumes
        .output(|| {
            aws_sdk_ec2::operation::describe_volumes::DescribeVolumesOutput::builder().set_volumes(Some(vec![])).build()
        })
        .build();
    assert_eq!(ec2(&[&volumes]).volumes(&[volume_id(1)]).await, Ok(vec![]));
    assert_eq!((regions.num_calls(), volumes.num_calls()), (3, 6));
}

#[tokio::test]
async fn a_page_that_fails_is_asked_for_again_and_the_pages_before_it_are_not() {
    let page = |token: Option<&str>| {
        DescribeSnapshotsOutput::builder().set_snapshots(Some(vec![])).set_next_token(token.map(Into::into)).build()
    };
    let first = mock!(Client::describe_snapshots).match_requests(|input| input.next_token().is_none());
    let first = first.sequence().output(move || page(Some("two"))).build();
    let second = mock!(Client::describe_snapshots).match_requests(|input| input.next_token() == Some("two"));
    let second = second.sequence().http_status(500, refusal("InternalError", "")).output(move || page(None)).build();
    ec2(&[&first, &second]).managed(&daily()).await.unwrap();
    assert_eq!((first.num_calls(), second.num_calls()), (1, 2));
}

#[tokio::test]
async fn expired_credentials_are_renewed_once() {
    let rule = mock!(Client::describe_snapshots).sequence().http_status(400, refusal("RequestExpired", ""));
    let rule = rule.output(no_snapshots).build();
    assert_eq!(ec2(&[&rule]).managed(&daily()).await, Ok(vec![]));
    assert_eq!(rule.num_calls(), 2);
}

#[tokio::test]
async fn throttling_slows_down_the_calls_after_it() {
    // A tenth of the bucket: ten calls at once, then two a second. What is not throttled costs one call.
    let pace = Pace { share_percent: 10 };
    let read = |throttled: usize| async move {
        let rule = mock!(Client::describe_snapshots).sequence();
        let rule = if throttled == 0 {
            rule
        } else {
            rule.http_status(503, refusal("RequestLimitExceeded", "")).times(throttled)
        };
        let rule = rule.output(no_snapshots).repeatedly().build();
        let ec2 = ec2_at(pace, &[&rule]);
        let start = Instant::now();
        for _ in 0..4 - throttled {
            ec2.managed(&daily()).await.unwrap();
        }
        start.elapsed()
    };
    // Costs 1, 2 and 4 after each other leave 3 of 10; the next call costs 4.
    let slowed = read(2).await;
    assert!(slowed >= Duration::from_millis(300), "{slowed:?}");
}

#[test]
fn what_passes_with_time_has_a_name_that_the_state_machine_retries() {
    for (error, name) in [
        (Ec2Error::coded("RequestLimitExceeded", "slow down"), "Ec2Throttled"),
        (Ec2Error::coded("InternalError", "?"), "Ec2Unavailable"),
        (Ec2Error::lost("closed"), "Ec2Unavailable"),
        (Ec2Error::coded("UnauthorizedOperation", "no"), "UnauthorizedOperation"),
    ] {
        let step = StepError::from(error.clone());
        assert_eq!(step.name(), name);
        assert!(step.message().contains(error.message()), "{step}");
    }
    assert!(
        StepError::from(Ec2Error::coded("InternalError", "?")).message().contains("InternalError"),
        "EC2's code is told"
    );
}
