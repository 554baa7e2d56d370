//! The step as a whole, with a topic that only remembers and an EC2 that lists what it is told to.

use std::sync::Mutex;

use contract::limits::{
    PAYLOAD_BYTES, RESTORE_VOLUME_BYTES, SNS_MESSAGE_BYTES, SNS_SUBJECT_CHARS, VOLUMES_PER_RESTORE,
};
use contract::{Device, InstanceId, RestoreId};
use insta::assert_snapshot;
use policy::model::Tags;
use policy::restore::seen::SeenAttachment;
use report_topic::publish::PublishError;
use serde_json::{Value, json};

use super::*;

const ARN: &str = "arn:aws:states:eu-west-1:111122223333:execution:ebs-backup-restore:restore-1";
const INSTANCE: &str = "i-0123456789abcdef0";
const NEW: &str = "vol-0aaaaaaaaaaaaaaa1";
const OLD: &str = "vol-0bbbbbbbbbbbbbbb2";
const SAFETY: &str = "snap-0ccccccccccccccc3";

#[derive(Default)]
struct World {
    /// What bears the restore's tag, with its state and where it is attached.
    made: Vec<SeenVolume>,
    /// What else is there.
    others: Vec<SeenVolume>,
    unreachable: bool,
    refuses: bool,
    messages: Mutex<Vec<Message>>,
}

fn seen(id: &str, state: &str, attachment: Option<&str>) -> SeenVolume {
    SeenVolume {
        id: VolumeId::new(id).unwrap(),
        state: state.to_owned(),
        created_at: Some("2026-11-26T10:00:09Z".parse().unwrap()),
        tags: Tags::default(),
        attachments: attachment
            .map(|state| SeenAttachment {
                instance: InstanceId::new(INSTANCE).unwrap(),
                device: Device::new("/dev/sdf").unwrap(),
                state: state.to_owned(),
            })
            .into_iter()
            .collect(),
    }
}

impl World {
    fn with(made: &[(&str, &str, Option<&str>)], others: &[(&str, &str, Option<&str>)]) -> Self {
        let seen =
            |all: &[(&str, &str, Option<&str>)]| all.iter().map(|(id, state, at)| seen(id, state, *at)).collect();
        Self { made: seen(made), others: seen(others), ..Self::default() }
    }
}

impl ReportTopic for World {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        self.messages.lock().unwrap().push(message.clone());
        if self.refuses { Err(PublishError::Refused("no".to_owned())) } else { Ok(()) }
    }
}

impl SeeVolumes for World {
    async fn seen(&self, ids: &[VolumeId]) -> Result<Vec<SeenVolume>, Ec2Error> {
        Ok(self.others.iter().filter(|volume| ids.contains(&volume.id)).cloned().collect())
    }

    async fn attached_to(&self, _: &InstanceId) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("each volume says where it is")
    }

    async fn of_restore(&self, restore: &RestoreId) -> Result<Vec<SeenVolume>, Ec2Error> {
        assert_eq!(restore.as_str(), "restore-1");
        if self.unreachable { Err(Ec2Error::coded("RequestLimitExceeded", "slow down")) } else { Ok(self.made.clone()) }
    }

    async fn of_tests(&self) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("only its own volumes are reported")
    }
}

/// `base` with these fields changed.
fn with(mut base: Value, more: &Value) -> Value {
    for (field, value) in more.as_object().unwrap() {
        base[field] = value.clone();
    }
    base
}

fn job(more: &Value) -> Value {
    let base = json!({
        "region": "eu-west-1", "restoreId": "restore-1", "startedAt": "2026-11-26T10:00:00Z", "dryRun": false, "test": false,
        "source": {"volumeId": OLD}, "at": null, "attach": null, "replace": false,
        "initializationRateMiBps": null, "tags": {}, "backup": true, "pace": {"sharePercent": 80},
    });
    with(base, more)
}

fn attaching() -> Value {
    job(&json!({"attach": {"instanceId": INSTANCE}, "replace": true, "at": "2026-11-26T09:00:00Z"}))
}

fn volume(more: &Value) -> Value {
    let base = json!({
        "snapshotId": "snap-0123456789abcdef0", "takenAt": "2026-11-26T02:00:07Z", "source": OLD,
        "runId": "daily-2026-11-26T02:00:00Z",
        "wanted": {"volumeType": "gp3", "sizeGiB": 100, "iops": 3000, "throughput": 125, "zone": "eu-west-1a",
                   "encrypted": true, "kmsKeyId": null},
        "device": "/dev/sdf", "replaces": null, "progress": "available", "volumeId": NEW,
        "availableAfter": 12, "safetySnapshotId": null, "failure": null,
    });
    with(base, more)
}

/// A volume that was to take the place of the old one, which is snapshotted.
fn replacing(progress: &str, failure: Option<(&str, &str)>) -> Value {
    let failure = failure.map(|(error, reason)| json!({"error": error, "reason": reason}));
    volume(&json!({"replaces": OLD, "safetySnapshotId": SAFETY, "progress": progress, "failure": failure}))
}

fn request(job: &Value, volumes: &[Value], stopped: Option<(&str, &str)>) -> Request {
    let stopped = stopped.map(|(error, cause)| json!({"error": error, "cause": cause}));
    let request = json!({"job": job, "volumes": volumes, "stopped": stopped, "executionArn": ARN});
    contract::parse::from_value(&request).unwrap()
}

async fn reported(world: &World, request: Request) -> Response {
    handle(world, world, "acme", request).await.unwrap()
}

fn variant(world: &World, name: &str) -> String {
    let messages = world.messages.lock().unwrap();
    let body: Value = serde_json::from_str(&messages[0].body).unwrap();
    body[name].as_str().unwrap().to_owned()
}

/// The mail, with its subject.
async fn mail(world: World, request: Request) -> String {
    let answer = reported(&world, request).await;
    let mail = variant(&world, "email");
    assert_eq!(answer.text.join("\n") + "\n", mail, "the execution's output says the same");
    assert_eq!(world.messages.lock().unwrap()[0].subject, answer.subject);
    assert!(answer.subject.len() <= SNS_SUBJECT_CHARS);
    for line in mail.lines().filter(|line| line.contains("aws ec2 delete-")) {
        assert!(line.trim_start().starts_with("# "), "whoever pastes the block deletes nothing: {line}");
    }
    format!("Subject: {}\nFailed: {}\n\n{mail}", answer.subject, answer.failed)
}

#[tokio::test]
async fn a_volume_that_is_available() {
    let world = World::with(&[(NEW, "available", None)], &[]);
    assert_snapshot!(mail(world, request(&job(&json!({})), &[volume(&json!({}))], None)).await);
}

#[tokio::test]
async fn a_volume_of_a_snapshot_of_others() {
    let job = job(&json!({"source": {"snapshotId": "snap-0123456789abcdef0"}, "initializationRateMiBps": 300}));
    let volume = volume(&json!({"source": null, "runId": null, "device": null, "takenAt": "2026-11-20T02:00:00Z"}));
    assert_snapshot!(mail(World::with(&[(NEW, "available", None)], &[]), request(&job, &[volume], None)).await);
}

#[tokio::test]
async fn a_volume_that_took_the_place_of_another() {
    let world = World::with(&[(NEW, "in-use", Some("attached"))], &[(OLD, "available", None)]);
    assert_snapshot!(mail(world, request(&attaching(), &[replacing("attached", None)], None)).await);
}

#[tokio::test]
async fn a_volume_that_failed_and_the_old_one_is_back() {
    let world = World::with(&[(NEW, "available", None)], &[(OLD, "in-use", Some("attached"))]);
    let volume = replacing("putBack", Some(("AttachmentLimitExceeded", "too many volumes")));
    assert_snapshot!(mail(world, request(&attaching(), &[volume], None)).await);
}

#[tokio::test]
async fn a_volume_that_failed_and_the_old_one_is_off() {
    let world = World::with(&[(NEW, "available", None)], &[(OLD, "available", None)]);
    let reason = format!("{OLD} was NOT put back: /dev/sdf is empty. Why: UnauthorizedOperation: no");
    let volume = replacing("failed", Some(("StillWaiting", &reason)));
    assert_snapshot!(mail(world, request(&attaching(), &[volume], None)).await);
}

#[tokio::test]
async fn a_device_that_did_not_let_go() {
    let world = World::with(&[(NEW, "available", None)], &[(OLD, "in-use", Some("busy"))]);
    let reason = format!("{OLD} is still busy at /dev/sdf: most often it is mounted; unmount it in the instance");
    let volume = replacing("failed", Some(("StillWaiting", &reason)));
    assert_snapshot!(mail(world, request(&attaching(), &[volume], None)).await);
}

#[tokio::test]
async fn a_restore_that_stopped_half_way() {
    let world = World::with(&[(NEW, "in-use", Some("attached"))], &[(OLD, "available", None)]);
    let cause = r#"{"errorType":"Ec2Throttled","errorMessage":"RequestLimitExceeded: Request limit exceeded."}"#;
    let volume = volume(&json!({"replaces": OLD}));
    assert_snapshot!(mail(world, request(&attaching(), &[volume], Some(("Ec2Throttled", cause)))).await);
}

#[tokio::test]
async fn an_instance_of_which_one_volume_could_not_be_made() {
    let job = job(&json!({"source": {"instanceId": INSTANCE}, "attach": {"instanceId": INSTANCE}}));
    let made = "vol-0aaaaaaaaaaaaaaa9";
    let error = json!({"error": "VolumeError", "reason": "EC2 could not make it, and gives no reason. Most often it is the KMS key"});
    let note = json!({"error": "NotAttached", "reason": "another volume of this restore failed, so none was attached"});
    let volumes = [
        volume(&json!({"failure": note, "device": "/dev/xvda"})),
        volume(
            &json!({"volumeId": made, "progress": "failed", "failure": error, "availableAfter": null, "device": "/dev/sdg"}),
        ),
        volume(&json!({
            "volumeId": null, "progress": "failed", "availableAfter": null, "device": "/dev/sdh",
            "failure": {"error": "InsufficientVolumeCapacity", "reason": "There is not enough capacity."},
        })),
    ];
    let world = World::with(&[(NEW, "available", None), (made, "error", None)], &[]);
    assert_snapshot!(mail(world, request(&job, &volumes, None)).await);
}

#[tokio::test]
async fn an_instance_that_is_back() {
    let job = job(&json!({"source": {"instanceId": INSTANCE}, "attach": {"instanceId": INSTANCE}}));
    let second = "vol-0aaaaaaaaaaaaaaa9";
    let volumes = [
        volume(&json!({"progress": "attached"})),
        volume(&json!({"progress": "attached", "volumeId": second, "device": "/dev/sdg"})),
    ];
    let world = World::with(&[(NEW, "in-use", Some("attached")), (second, "in-use", Some("attached"))], &[]);
    assert_snapshot!(mail(world, request(&job, &volumes, None)).await);
}

fn test_job() -> Value {
    job(&json!({"test": true, "source": {"sample": {"volumes": 3}}}))
}

#[tokio::test]
async fn a_test_that_passed() {
    let volumes = [
        volume(&json!({"progress": "deleted", "device": null})),
        volume(&json!({"progress": "deleted", "device": null, "volumeId": "vol-0aaaaaaaaaaaaaaa9"})),
    ];
    assert_snapshot!(mail(World::default(), request(&test_job(), &volumes, None)).await);
}

#[tokio::test]
async fn a_test_that_failed() {
    let error = json!({"error": "VolumeLost", "reason": "EC2 does not know it. Most often it is the KMS key"});
    let left = json!({"error": "StillDeferred", "reason": "it was not deleted: VolumeInUse: it is in use"});
    let third = "vol-0aaaaaaaaaaaaaaa9";
    let volumes = [
        volume(&json!({"progress": "deleted", "device": null, "availableAfter": null, "failure": error})),
        volume(&json!({"progress": "failed", "device": null, "volumeId": third, "failure": left})),
        volume(&json!({"progress": "deleted", "device": null, "volumeId": "vol-0aaaaaaaaaaaaaab0"})),
    ];
    let world = World::with(&[(third, "in-use", None), ("vol-0ddddddddddddddd4", "available", None)], &[]);
    assert_snapshot!(mail(world, request(&test_job(), &volumes, None)).await);
}

#[tokio::test]
async fn a_dry_run() {
    let job = with(attaching(), &json!({"dryRun": true}));
    let planned = json!({"progress": "planned", "volumeId": null, "availableAfter": null, "replaces": OLD});
    assert_snapshot!(mail(World::default(), request(&job, &[volume(&planned)], None)).await);
}

#[tokio::test]
async fn a_volume_that_nobody_heard_of() {
    let failed = json!({
        "progress": "failed", "volumeId": null, "availableAfter": null,
        "failure": {"error": "StillDeferred", "reason": "Ec2Unavailable: no answer"},
    });
    let world =
        World::with(&[("vol-0ddddddddddddddd4", "available", None), ("vol-0ddddddddddddddd5", "deleting", None)], &[]);
    assert_snapshot!(mail(world, request(&job(&json!({})), &[volume(&failed)], None)).await);
}

#[tokio::test]
async fn ec2_could_not_be_asked() {
    let world = World { unreachable: true, ..World::default() };
    let volume = replacing("failed", Some(("Ec2Unavailable", "no answer")));
    assert_snapshot!(mail(world, request(&attaching(), &[volume], None)).await);
}

#[tokio::test]
async fn what_the_old_volume_is_decides_what_is_said_first() {
    for (progress, new, old, expected) in [
        (
            "attached",
            Some("attached"),
            Some(("available", None)),
            "EBS Backup RESTORE OK: acme 111122223333, vol-0bbbbbbbbbbbbbbb2",
        ),
        (
            "putBack",
            None,
            Some(("in-use", Some("attached"))),
            "EBS Backup RESTORE FAILED: acme 111122223333, vol-0bbbbbbbbbbbbbbb2: 1 problem",
        ),
        (
            "failed",
            None,
            Some(("available", None)),
            "EBS Backup RESTORE FAILED: acme 111122223333, vol-0bbbbbbbbbbbbbbb2 DETACHED",
        ),
        (
            "puttingBack",
            None,
            Some(("available", None)),
            "EBS Backup RESTORE FAILED: acme 111122223333, vol-0bbbbbbbbbbbbbbb2 DETACHED",
        ),
        ("failed", None, None, "EBS Backup RESTORE FAILED: acme 111122223333, vol-0bbbbbbbbbbbbbbb2 DETACHED"),
        (
            "available",
            Some("attached"),
            Some(("available", None)),
            "EBS Backup RESTORE FAILED: acme 111122223333, vol-0bbbbbbbbbbbbbbb2: 1 problem",
        ),
        (
            "failed",
            None,
            Some(("in-use", Some("busy"))),
            "EBS Backup RESTORE FAILED: acme 111122223333, vol-0bbbbbbbbbbbbbbb2: 1 problem",
        ),
    ] {
        let others: Vec<_> = old.into_iter().map(|(state, at)| (OLD, state, at)).collect();
        let world = World::with(&[(NEW, "available", new)], &others);
        let failure = (progress != "attached").then_some(("X", "y"));
        let answer = reported(&world, request(&attaching(), &[replacing(progress, failure)], None)).await;
        assert_eq!(answer.subject, expected, "{progress} {old:?}");
        let text = answer.text.join("\n");
        let there = matches!(old, Some((_, Some("attached")))) || progress == "attached";
        let replaced = new == Some("attached");
        assert_eq!(text.contains("ATTENTION"), !there && !replaced, "{text}");
        assert_eq!(text.contains("Delete nothing of this restore"), !there && !replaced, "{text}");
        assert_eq!(
            text.contains("delete-snapshot"),
            there,
            "while the old one is off nobody is told to delete its copy: {text}"
        );
    }
}

fn text_of(answer: &Response) -> String {
    answer.text.join("\n")
}

/// The command that attaches a volume to the instance at the device.
fn attaches(id: &str) -> String {
    format!("aws ec2 attach-volume --volume-id {id} --instance-id {INSTANCE} --device /dev/sdf --region eu-west-1")
}

const GO_ON: &str = "  Or go on with the restored one, in its place:\n";

#[tokio::test]
async fn whoever_has_lost_the_old_volume_can_go_on_with_the_new_one() {
    let wait_old = format!("    aws ec2 wait volume-available --volume-ids {OLD} --region eu-west-1\n");
    for (new, old, before) in [
        (("available", None), Some(("available", None)), ""),
        (("available", None), None, ""),
        (("available", None), Some(("deleting", None)), ""),
        (("available", None), Some(("in-use", Some("busy"))), wait_old.as_str()),
        (("available", None), Some(("in-use", Some("detaching"))), wait_old.as_str()),
    ] {
        let others: Vec<_> = old.into_iter().map(|(state, at)| (OLD, state, at)).collect();
        let world = World::with(&[(NEW, new.0, new.1)], &others);
        let text =
            text_of(&reported(&world, request(&attaching(), &[replacing("failed", Some(("X", "y")))], None)).await);
        assert!(text.contains(&format!("{GO_ON}{before}    {}\n", attaches(NEW))), "{old:?}: {text}");
        assert!(text.starts_with("EBS Backup RESTORE FAILED\nATTENTION: vol-0bbbbbbbbbbbbbbb2 is "), "{text}");
        let gone = matches!(old, None | Some(("deleting", _)));
        assert_eq!(text.contains(&attaches(OLD)), !gone, "{old:?}: {text}");
        assert!(text.find("  ATTENTION: ").unwrap() < text.find("  from ").unwrap(), "what to do comes first: {text}");
    }
    for (state, at) in [("error", None), ("in-use", Some("attached"))] {
        let mut made = seen(NEW, state, at);
        made.attachments.iter_mut().for_each(|at| at.device = Device::new("/dev/sdz").unwrap());
        let world = World { made: vec![made], ..World::with(&[], &[(OLD, "available", None)]) };
        let text =
            text_of(&reported(&world, request(&attaching(), &[replacing("failed", Some(("X", "y")))], None)).await);
        assert!(text.contains(&attaches(OLD)) && !text.contains(&attaches(NEW)), "{state}: {text}");
        assert!(
            text.contains(&format!("  ATTENTION: {OLD} is not attached to {INSTANCE} any more.")),
            "{state}: {text}"
        );
    }
}

#[tokio::test]
async fn a_volume_in_the_place_of_another_that_was_to_come_off_again() {
    for (state, first, second) in [
        ("attached", "To go on with it, do nothing.", attaches(OLD)),
        ("attaching", "See whether it is attached by now", attaches(OLD)),
        ("detaching", "is off, and vol-0aaaaaaaaaaaaaaa1 is detaching in its place.", attaches(NEW)),
        ("busy", "is off, and vol-0aaaaaaaaaaaaaaa1 is busy in its place.", attaches(NEW)),
    ] {
        let world = World::with(&[(NEW, "in-use", Some(state))], &[(OLD, "available", None)]);
        let answer = reported(&world, request(&attaching(), &[replacing("puttingBack", Some(("X", "y")))], None)).await;
        let text = text_of(&answer);
        assert!(text.contains(&format!("ATTENTION: {NEW} is {state} in the place of {OLD}")), "{text}");
        assert!(text.contains(first) && text.contains(&second), "{state}: {text}");
        assert!(!text.contains("Nothing has to be done"), "{state}: {text}");
        assert_eq!(answer.subject.ends_with("DETACHED"), state != "attached", "{state}");
    }
}

#[tokio::test]
async fn a_set_of_which_only_some_took_their_place() {
    let (second, old) = ("vol-0aaaaaaaaaaaaaaa9", "vol-0bbbbbbbbbbbbbbb9");
    let job = with(attaching(), &json!({"source": {"instanceId": INSTANCE}}));
    let volumes = [
        replacing("attached", None),
        volume(&json!({"volumeId": second, "replaces": old, "source": old, "device": "/dev/sdg"})),
    ];
    let world = World::with(
        &[(NEW, "in-use", Some("attached")), (second, "available", None)],
        &[(OLD, "available", None), (old, "in-use", Some("attached"))],
    );
    assert_snapshot!(mail(world, request(&job, &volumes, Some(("Sandbox.Timedout", "")))).await);
}

#[tokio::test]
async fn a_volume_that_replaced_another_is_not_mounted_somewhere_else() {
    let (there, plain) = (replacing("attached", None), volume(&json!({"progress": "attached"})));
    for (volume, replaced) in [(there, true), (plain, false)] {
        let world = World::with(&[(NEW, "in-use", Some("attached"))], &[(OLD, "available", None)]);
        let text = text_of(&reported(&world, request(&attaching(), &[volume], None)).await);
        let start =
            format!("start the instance:\n    aws ec2 start-instances --instance-ids {INSTANCE} --region eu-west-1");
        assert_eq!(text.contains(&start), replaced, "{text}");
        assert_eq!(text.contains("/mnt/restored"), !replaced, "{text}");
        assert_eq!(text.contains("This is the restored data."), !replaced, "{text}");
        let safe = format!(
            "    # aws ec2 wait snapshot-completed --snapshot-ids {SAFETY} --region eu-west-1\n    # aws ec2 delete-volume"
        );
        assert_eq!(text.contains(&safe), replaced, "{text}");
    }
}

#[tokio::test]
async fn the_old_volume_is_backed_up_until_somebody_says_otherwise() {
    let foreign = with(replacing("attached", None), &json!({"runId": null}));
    let of_another = with(replacing("attached", None), &json!({"source": "vol-0eeeeeeeeeeeeeee5"}));
    for (volume, excluded, again, keep) in [
        (replacing("attached", None), false, true, true),
        (replacing("attached", None), true, false, true),
        (foreign, false, true, false),
        (of_another, true, false, false),
    ] {
        let mut old = seen(OLD, "available", None);
        if excluded {
            old.tags = [("ebs-backup:exclude".to_owned(), "x".to_owned())].into_iter().collect();
        }
        let world = World { others: vec![old], ..World::with(&[(NEW, "in-use", Some("attached"))], &[]) };
        let text = text_of(&reported(&world, request(&attaching(), &[volume], None)).await);
        let says_again = text.contains("it is backed up every night until it is deleted or tagged ebs-backup:exclude.");
        assert_eq!(says_again, again, "{text}");
        assert_eq!(text.contains("tag snap-0123456789abcdef0 ebs-backup:keep if it has to stay"), keep, "{text}");
    }
}

#[tokio::test]
async fn a_volume_that_was_being_made_when_the_restore_stopped_can_be_attached_once_it_is_there() {
    for (state, attach) in
        [("available", None), ("creating", None), ("available", Some(INSTANCE)), ("creating", Some(INSTANCE))]
    {
        let job = job(&json!({"attach": attach.map(|id| json!({"instanceId": id}))}));
        let creating = volume(&json!({"progress": "creating", "availableAfter": null}));
        let stopped = Some(("States.Timeout", ""));
        let text =
            text_of(&reported(&World::with(&[(NEW, state, None)], &[]), request(&job, &[creating], stopped)).await);
        let attach = format!("    aws ec2 attach-volume --volume-id {NEW}");
        let wait = format!("    aws ec2 wait volume-in-use --volume-ids {NEW} --region eu-west-1\n    lsblk");
        assert_eq!(text.contains(&attach) && text.contains(&wait), state == "available", "{state}: {text}");
        assert!(text.contains(&format!("  now         {state}")), "{text}");
    }
}

#[tokio::test]
async fn a_volume_that_came_to_its_device_unheard_is_there() {
    let job = job(&json!({"attach": {"instanceId": INSTANCE}}));
    for (state, there) in [("attached", true), ("attaching", false)] {
        let world = World::with(&[(NEW, "in-use", Some(state))], &[]);
        let text = text_of(&reported(&world, request(&job, &[volume(&json!({}))], Some(("States.Timeout", "")))).await);
        assert_eq!(text.contains("Every volume is where it was asked for all the same"), there, "{text}");
        assert_eq!(text.contains("What helps is said below."), !there, "{text}");
        assert_eq!(text.contains("lsblk"), there, "{text}");
        assert!(!text.contains("wait volume-in-use"), "{text}");
    }
}

#[tokio::test]
async fn what_a_test_leaves_is_said_to_go_with_a_later_test_or_by_hand() {
    let left = |error: &str| {
        volume(&json!({"progress": "failed", "device": null, "failure": {"error": error, "reason": "x"}}))
    };
    for (error, later) in [("StillDeferred", true), ("NotOurs", false)] {
        let world = World::with(&[(NEW, "available", None)], &[]);
        let text = text_of(&reported(&world, request(&test_job(), &[left(error)], None)).await);
        let said = "The next test in this region that starts a day or more later deletes it, once nothing uses it; or you do, by hand, now";
        assert_eq!(text.contains(said), later, "{text}");
        assert_eq!(text.contains("No test deletes it any more."), !later, "{text}");
        assert!(!text.contains("until you delete it") && !text.contains("attach-volume"), "{text}");
    }
}

#[tokio::test]
async fn a_test_that_was_cut_off_says_nothing_good_of_what_it_did_not_see() {
    for (after, said) in [(json!(null), "was NOT seen available, and is"), (json!(12), "became available, and is")] {
        let volume = volume(&json!({"progress": "deleted", "device": null, "availableAfter": after}));
        let text =
            text_of(&reported(&World::default(), request(&test_job(), &[volume], Some(("States.Timeout", "")))).await);
        assert!(text.contains(&format!("{NEW} {said} deleted again\n")), "{text}");
        assert!(text.contains("What helps is said below.") && !text.contains("no need to restore"), "{text}");
    }
}

#[tokio::test]
async fn an_old_volume_that_the_restore_never_came_to_is_no_reason_to_get_up() {
    for (progress, alarm) in [("planned", false), ("creating", false), ("available", true)] {
        let id = (progress != "planned").then_some(NEW);
        let volume = volume(&json!({"progress": progress, "replaces": OLD, "volumeId": id}));
        let world = World { unreachable: true, ..World::default() };
        let text = text_of(&reported(&world, request(&attaching(), &[volume], Some(("StepPanicked", "")))).await);
        assert_eq!(text.contains("ATTENTION"), alarm, "{text}");
        assert_eq!(text.contains(&format!("{OLD}, not touched by this restore")), !alarm, "{text}");
    }
}

#[tokio::test]
async fn the_snapshot_of_the_old_volume_is_named_where_the_new_one_is_gone() {
    let world = World::with(&[], &[(OLD, "in-use", Some("attached"))]);
    let text = text_of(&reported(&world, request(&attaching(), &[replacing("failed", Some(("X", "y")))], None)).await);
    assert!(text.contains(&format!("only {SAFETY} stays")) && !text.contains("nothing to clean up"), "{text}");
    assert!(text.contains(&format!("    # aws ec2 delete-snapshot --snapshot-id {SAFETY}")), "{text}");
    assert!(text.contains(&format!("What {INSTANCE} had is attached as before.")), "{text}");
}

#[tokio::test]
async fn what_nobody_asked_for_is_not_said_of_encryption() {
    let plain = with(volume(&json!({}))["wanted"].clone(), &json!({"encrypted": false}));
    let world = World::with(&[(NEW, "available", None)], &[]);
    let text = text_of(&reported(&world, request(&job(&json!({})), &[volume(&json!({"wanted": plain}))], None)).await);
    assert!(text.contains("encrypted if that is the account's default") && !text.contains("not encrypted"), "{text}");
}

#[tokio::test]
async fn what_an_instance_has_and_a_restore_has_not_is_named() {
    let job = job(&json!({"leftOut": ["vol-0ddddddddddddddd4", "vol-0eeeeeeeeeeeeeee5"]}));
    let text = text_of(&reported(&World::default(), request(&job, &[], None)).await);
    assert!(text.contains("Left out:   vol-0ddddddddddddddd4, vol-0eeeeeeeeeeeeeee5: attached now"), "{text}");
}

#[tokio::test]
async fn a_volume_of_an_older_restore_of_the_same_name_is_nobodys_stray() {
    let mut old = seen("vol-0ddddddddddddddd4", "available", None);
    old.created_at = Some("2026-08-01T10:00:09Z".parse().unwrap());
    let world = World { made: vec![old], ..World::default() };
    let text = text_of(&reported(&world, request(&job(&json!({})), &[], None)).await);
    assert!(!text.contains("vol-0ddddddddddddddd4"), "{text}");
}

#[tokio::test]
async fn a_stray_says_what_it_was_made_of() {
    let mut stray = seen("vol-0ddddddddddddddd4", "available", None);
    stray.tags = [("ebs-backup:restored-from".to_owned(), "snap-0fffffffffffffff6".to_owned())].into_iter().collect();
    let world = World { made: vec![stray], ..World::default() };
    let text = text_of(&reported(&world, request(&job(&json!({})), &[], None)).await);
    assert!(
        text.contains("  vol-0ddddddddddddddd4: available, from snap-0fffffffffffffff6\n    # aws ec2 delete-volume"),
        "{text}"
    );
}

#[tokio::test]
async fn a_volume_that_is_not_what_was_asked_for_makes_the_execution_red() {
    let attach = json!({"attach": {"instanceId": INSTANCE}});
    for (job, volume, failed) in [
        (job(&json!({})), volume(&json!({})), 0),
        (job(&json!({})), volume(&json!({"progress": "creating"})), 1),
        (job(&json!({})), volume(&json!({"progress": "planned", "volumeId": null})), 1),
        (job(&attach), volume(&json!({})), 1),
        (job(&attach), volume(&json!({"progress": "attached"})), 0),
        (job(&attach), volume(&json!({"progress": "puttingBack"})), 1),
        (test_job(), volume(&json!({"progress": "available"})), 1),
        (test_job(), volume(&json!({"progress": "deleted"})), 0),
        (test_job(), volume(&json!({"progress": "deleted", "failure": {"error": "VolumeError", "reason": "x"}})), 1),
        (with(test_job(), &json!({"dryRun": true})), volume(&json!({"progress": "planned", "volumeId": null})), 0),
    ] {
        let answer = reported(&World::default(), request(&job, std::slice::from_ref(&volume), None)).await;
        assert_eq!(answer.failed, failed, "{job} {volume}");
    }
    let stopped = request(&job(&json!({})), &[volume(&json!({}))], Some(("States.Timeout", "")));
    assert_eq!(reported(&World::default(), stopped).await.failed, 1);
}

#[tokio::test]
async fn the_document_has_every_volume_and_what_became_of_it() {
    let world = World::with(&[(NEW, "available", None), ("vol-0ddddddddddddddd4", "available", None)], &[]);
    reported(&world, request(&job(&json!({})), &[volume(&json!({}))], None)).await;
    let document: Value = serde_json::from_str(&variant(&world, "default")).unwrap();
    assert_eq!((&document["kind"], &document["status"]), (&json!("restore"), &json!("FAILED")));
    assert_eq!((&document["accountId"], &document["executionArn"]), (&json!("111122223333"), &json!(ARN)));
    assert_eq!((&document["volumes"], &document["volumesLeftOut"]), (&json!([volume(&json!({}))]), &json!(0)));
    assert_eq!(document["strays"], json!(["vol-0ddddddddddddddd4"]));
    assert_eq!(document["job"], job(&json!({})));
}

/// The largest restore: as many volumes as there may be, each as large as it can be, the last one failed.
fn largest() -> Request {
    let long = |n: usize| "\u{1F980}".repeat(n);
    let key = "k".repeat(512);
    let volumes: Vec<Value> = (0..VOLUMES_PER_RESTORE)
        .map(|n| {
            let failed = n + 1 == VOLUMES_PER_RESTORE;
            let failure = json!({"error": "e".repeat(64), "reason": long(60)});
            volume(&json!({
                "volumeId": format!("vol-{n:017x}"), "replaces": OLD, "safetySnapshotId": SAFETY,
                "device": format!("/dev/{}", "d".repeat(31)), "runId": "r".repeat(120),
                "progress": if failed { "failed" } else { "attached" }, "failure": failed.then_some(failure),
                "wanted": {"volumeType": "standard", "sizeGiB": 65_536, "iops": 256_000, "throughput": 2_000,
                           "zone": "us-west-2-lax-1a", "encrypted": false, "kmsKeyId": key},
            }))
        })
        .collect();
    let tags: serde_json::Map<String, Value> =
        (0..19).map(|n| (format!("{n:0>128}"), json!("\"".repeat(256)))).collect();
    let job = with(attaching(), &json!({"tags": tags, "source": {"instanceId": INSTANCE}}));
    request(&job, &volumes, Some(("States.Timeout", &"\u{1}".repeat(200))))
}

#[tokio::test]
async fn the_largest_restore_is_reported_within_what_sns_and_step_functions_take() {
    let largest = largest();
    let entry = serde_json::to_string(&largest.volumes[0]).unwrap().len();
    assert!(entry <= RESTORE_VOLUME_BYTES, "{entry}");
    let strays: Vec<String> = (0..VOLUMES_PER_RESTORE).map(|n| format!("vol-{:017x}", 1_000 + n)).collect();
    let made: Vec<_> = strays.iter().map(|id| (id.as_str(), "available", None)).collect();
    let world = World::with(&made, &[(OLD, "available", None)]);
    let answer = reported(&world, largest).await;
    let body = world.messages.lock().unwrap()[0].body.len();
    assert!(body <= SNS_MESSAGE_BYTES, "{body}");
    assert!(serde_json::to_string(&answer).unwrap().len() <= PAYLOAD_BYTES);
    let document: Value = serde_json::from_str(&variant(&world, "default")).unwrap();
    let (shown, left) = (document["volumes"].as_array().unwrap(), document["volumesLeftOut"].as_u64().unwrap());
    assert_eq!(shown.len() as u64 + left, 128);
    assert_eq!(shown[0]["progress"], "failed", "what failed is the last to be left out");
    let mail = variant(&world, "email");
    assert!(
        mail.contains(
            " lines left out: the report is too long. All volumes of this restore:\n  aws ec2 describe-volumes"
        )
    );
    assert!(mail.contains(strays.last().unwrap()), "what was made and is unknown is named");
    assert!(mail.find(OLD).unwrap() < 2_000, "what matters most stands first");
}

#[test]
fn a_document_that_does_not_fit_leaves_out_its_last_volumes_and_says_how_many() {
    let largest = largest();
    let mut before = 0;
    for room in [60_000, 120_000, 10_000_000] {
        let document = Document {
            kind: "restore",
            status: "FAILED",
            account_id: "111122223333",
            account_name: "acme",
            execution_arn: ARN,
            job: &largest.job,
            volumes: largest.volumes.iter().collect(),
            volumes_left_out: 0,
            stopped: None,
            strays: &[],
        };
        let text = document.render(room);
        assert!(contract::text::json_len(&text) <= room, "{room}");
        let document: Value = serde_json::from_str(&text).unwrap();
        let shown = document["volumes"].as_array().unwrap();
        assert_eq!(shown.len() as u64 + document["volumesLeftOut"].as_u64().unwrap(), 128);
        assert!(
            shown
                .iter()
                .zip(&largest.volumes)
                .all(|(shown, whole)| shown["volumeId"].as_str() == whole.volume_id.as_ref().map(VolumeId::as_str))
        );
        assert!(shown.len() >= before && (room > 60_000 || shown.len() < 128), "{room}: {}", shown.len());
        before = shown.len();
    }
    assert_eq!(before, 128);
}

#[tokio::test]
async fn a_report_that_does_not_go_out_is_an_error_of_the_step() {
    let world = World { refuses: true, ..World::default() };
    let error =
        handle(&world, &world, "acme", request(&job(&json!({})), &[volume(&json!({}))], None)).await.unwrap_err();
    assert_eq!(error.name(), "ReportRefused");
}

#[test]
fn every_error_that_a_restore_gives_has_advice() {
    use contract::errors::{
        DEVICE_IN_USE, EC2_THROTTLED, EC2_UNAVAILABLE, INVALID_REQUEST, NOT_ATTACHED, NOT_OURS, STEP_PANICKED,
        STILL_DEFERRED, STILL_WAITING, VOLUME_ERROR, VOLUME_LOST,
    };
    for name in [
        DEVICE_IN_USE,
        EC2_THROTTLED,
        EC2_UNAVAILABLE,
        INVALID_REQUEST,
        NOT_ATTACHED,
        NOT_OURS,
        STEP_PANICKED,
        STILL_DEFERRED,
        STILL_WAITING,
        VOLUME_ERROR,
        VOLUME_LOST,
        "KMSKeyNotAccessibleFault",
    ] {
        assert!(advice::on(name).is_some(), "{name}");
    }
    for name in ["Sandbox.Timedout", "States.Timeout", "Runtime.ExitError", STEP_PANICKED, "Lambda.Unknown"] {
        assert!(advice::on(name).unwrap().contains("then restore again"), "{name}");
    }
    assert!(advice::on("SomethingNew").is_none());
}

#[test]
fn advice_on_a_key_shows_which_key() {
    let wanted = |more: &Value| with(volume(&json!({}))["wanted"].clone(), more);
    let of_snapshot = "aws ec2 describe-snapshots --snapshot-ids snap-0123456789abcdef0 --query 'Snapshots[].KmsKeyId' --output text \
                       --region eu-west-1";
    let default = "aws ec2 get-ebs-default-kms-key-id --query KmsKeyId --output text --region eu-west-1";
    let describe = |key: &str| {
        format!(
            "aws kms describe-key --key-id {key} --query 'KeyMetadata.[Arn,KeyState]' --output text --region eu-west-1"
        )
    };
    for (wanted, expected) in [
        (wanted(&json!({})), vec![of_snapshot.to_owned(), describe("KEY")]),
        (wanted(&json!({"encrypted": false})), vec![default.to_owned(), describe("KEY")]),
        (
            wanted(&json!({"kmsKeyId": "alias/orders"})),
            vec![of_snapshot.to_owned(), describe("KEY"), describe("alias/orders")],
        ),
    ] {
        let request = request(&job(&json!({})), &[volume(&json!({"wanted": wanted}))], None);
        let volume = &request.volumes[0];
        for name in ["VolumeError", "VolumeLost", "IdempotentParameterMismatch", "KMSKeyNotAccessibleFault"] {
            assert_eq!(advice::commands(name, &request.job.region, volume), expected, "{name}");
            assert!(advice::on(name).unwrap().contains("attach-volumes' role needs CreateGrant"), "{name}");
        }
        assert!(advice::commands("VolumeInUse", &request.job.region, volume).is_empty());
    }
}
