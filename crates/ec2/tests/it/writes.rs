//! Creates and deletes.

use std::sync::{Arc, Mutex};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::create_snapshot::{CreateSnapshotInput, CreateSnapshotOutput};
use aws_sdk_ec2::operation::delete_snapshot::DeleteSnapshotOutput;
use aws_sdk_ec2::types::ResourceType;
use aws_smithy_mocks::mock;
use contract::{Pace, RegionJob};
use ec2::port::{CreateSnapshot, DeleteSnapshot};
use ec2::{Access, Kind};
use policy::model::Tags;

use crate::{ec2, ec2_at, refusal, snapshot_id, volume_id};

#[tokio::test]
async fn s11_the_create_call_bears_every_tag() {
    let sent = Arc::new(Mutex::new(Vec::<CreateSnapshotInput>::new()));
    let seen = Arc::clone(&sent);
    let rule = mock!(Client::create_snapshot).then_compute_output(move |input| {
        seen.lock().unwrap().push(input.clone());
        CreateSnapshotOutput::builder().snapshot_id(snapshot_id(9).as_str()).build()
    });
    let tags = Tags::from_iter((0..50).map(|n| (format!("key-{n}"), format!("value {n}"))));
    let id = ec2(&[&rule]).create(&volume_id(1), "what it is", &tags).await.unwrap();
    assert_eq!(id, snapshot_id(9));
    let sent = sent.lock().unwrap();
    let [input] = sent.as_slice() else { panic!("{} calls", sent.len()) };
    assert_eq!((input.volume_id(), input.description()), (Some(volume_id(1).as_str()), Some("what it is")));
    let [specification] = input.tag_specifications() else { panic!("one specification") };
    assert_eq!(specification.resource_type(), Some(&ResourceType::Snapshot));
    let of_call: Tags = specification.tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
    assert_eq!(of_call, tags);
}

#[tokio::test]
async fn s5_an_answer_without_a_snapshot_id_may_be_a_snapshot_and_is_not_asked_for_again() {
    for answer in [None, Some(""), Some("snap-soon")] {
        let rule = mock!(Client::create_snapshot)
            .sequence()
            .output(move || CreateSnapshotOutput::builder().set_snapshot_id(answer.map(Into::into)).build())
            .repeatedly()
            .build();
        let error = ec2(&[&rule]).create(&volume_id(1), "", &Tags::default()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{answer:?}: {error}");
        assert_eq!(rule.num_calls(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn s5_an_ambiguous_create_is_never_sent_twice() {
    let cut = "<CreateSnapshotResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><snapshotId>snap-0123";
    for (status, body) in [
        (500, refusal("InternalError", "An internal error has occurred")),
        (503, refusal("Unavailable", "The server is overloaded")),
        (503, refusal("ServiceUnavailable", "")),
        (500, refusal("SomethingNew", "")),
        (408, refusal("RequestTimeout", "")),
        (500, None),
        (502, Some("<html>Bad Gateway</html>".to_owned())),
        (504, Some("upstream".to_owned())),
        (200, Some(cut.to_owned())),
        (200, None),
    ] {
        let case = format!("{status} {body:?}");
        let rule = mock!(Client::create_snapshot).sequence().http_status(status, body).repeatedly().build();
        let error = ec2(&[&rule]).create(&volume_id(1), "", &Tags::default()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{case}: {error:?}");
        assert_eq!(rule.num_calls(), 1, "{case}");
    }
}

#[tokio::test]
async fn a_write_is_one_attempt_and_what_was_throttled_is_not_ambiguous() {
    let slow_down = || refusal("RequestLimitExceeded", "Request limit exceeded.");
    let create = mock!(Client::create_snapshot).sequence().http_status(503, slow_down()).repeatedly().build();
    let error = ec2(&[&create]).create(&volume_id(1), "", &Tags::default()).await.unwrap_err();
    assert_eq!((error.kind(), create.num_calls()), (Kind::Throttled, 1));

    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sent);
    let delete = mock!(Client::delete_snapshot).then_compute_output(move |input| {
        seen.lock().unwrap().push(input.snapshot_id().map(ToOwned::to_owned));
        DeleteSnapshotOutput::builder().build()
    });
    ec2(&[&delete]).delete(&snapshot_id(5)).await.unwrap();
    assert_eq!(*sent.lock().unwrap(), [Some(snapshot_id(5).to_string())]);
}

#[tokio::test]
async fn after_throttling_the_next_create_waits_for_its_turn() {
    // A tenth of the bucket: ten calls at once, then one every two seconds. One call was throttled, so each further one
    // costs two, and the fifth after it has to wait.
    let create = mock!(Client::create_snapshot)
        .sequence()
        .http_status(503, refusal("RequestLimitExceeded", ""))
        .repeatedly()
        .build();
    let ec2 = ec2_at(Pace { share_percent: 10 }, &[&create]);
    ec2.ready_to_create().await;
    _ = ec2.create(&volume_id(1), "", &Tags::default()).await;
    for _ in 0..4 {
        ec2.ready_to_create().await;
    }
    let a_moment = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(a_moment, ec2.ready_to_create()).await.is_err(), "the bucket is empty");
}

#[test]
fn s9_a_dry_run_has_nothing_to_write_with() {
    for dry_run in [true, false] {
        let job: RegionJob = contract::parse::from_text(&format!(
            r#"{{"region":"eu-west-1","runId":"one","startedAt":"2026-11-23T02:00:07Z","dryRun":{dry_run},"replay":0,
                "approvePurge":null,"pace":{{"sharePercent":80}},
                "policy":{{"name":"daily","tag":{{"key":"Backup"}},"retention":{{"keepDays":7}},"floor":1,"purgeGuard":{{}}}}}}"#
        ))
        .unwrap();
        let access = Access::new(&job, Arc::new("ec2"));
        assert_eq!(access.read(), &"ec2");
        assert_eq!(access.write().is_none(), dry_run);
    }
}
