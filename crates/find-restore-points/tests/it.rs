//! `find-restore-points` over snapshots, instances and volumes in memory.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use std::sync::{Arc, Mutex};

use contract::restore::{Progress, Source};
use contract::steps::find_restore_points::{Request, Response};
use contract::{Config, Device, InstanceId, Region, RestoreId, SnapshotId, VolumeId, Zone};
use ec2::Ec2Error;
use ec2::port::{ReadInstances, ReadRestorePoints, Regions, SeeVolumes};
use policy::model::{SnapshotState, Tags};
use policy::restore::seen::{RestorePoint, SeenAttachment, SeenInstance, SeenVolume};
use policy::restore_point::Candidate;
use serde_json::{Value, json};
use step_runtime::StepError;

const INSTANCE: &str = "i-0123456789abcdef0";

#[derive(Default)]
struct Fake {
    points: Vec<RestorePoint>,
    instance: Option<SeenInstance>,
    attached: Vec<SeenVolume>,
    no_zones: bool,
    unreadable: Option<&'static str>,
    /// Every read.
    asked: Mutex<Vec<&'static str>>,
}

fn volume_id(n: usize) -> VolumeId {
    VolumeId::new(format!("vol-{n:08x}")).unwrap()
}

fn snapshot_id(n: usize) -> SnapshotId {
    SnapshotId::new(format!("snap-{n:08x}")).unwrap()
}

/// Snapshot `n` of volume `of`, started at this hour of 26 November in the run of that hour.
fn point(n: usize, of: usize, hour: u32) -> RestorePoint {
    RestorePoint {
        candidate: Candidate {
            id: snapshot_id(n),
            state: SnapshotState::Completed,
            started_at: format!("2026-11-26T{hour:02}:00:00Z").parse().unwrap(),
            volume: Some(volume_id(of)),
            run: Some(contract::RunId::new(format!("daily-{hour}")).unwrap()),
            policy: None,
            instance: Some(INSTANCE.to_owned()),
            device: None,
        },
        tags: [("ebs-backup:policy", "daily")].into_iter().collect(),
        description: String::new(),
        size_gib: 8,
        encrypted: false,
        spec: Some(
            format!(
                "type=gp3 size=8 iops=3000 zone=eu-west-1a encrypted=false device=/dev/sd{} instance={INSTANCE}",
                ["f", "g", "h"][of % 3]
            )
            .parse()
            .unwrap(),
        ),
    }
}

/// One that others made.
fn foreign(n: usize, of: usize, hour: u32) -> RestorePoint {
    let mut point = point(n, of, hour);
    (point.candidate.run, point.candidate.instance, point.spec) = (None, None, None);
    point.tags = Tags::default();
    point
}

fn in_state(state: &str, mut point: RestorePoint) -> RestorePoint {
    point.candidate.state = SnapshotState::named(state);
    point
}

impl Fake {
    fn with(points: impl IntoIterator<Item = RestorePoint>) -> Self {
        Self { points: points.into_iter().collect(), ..Self::default() }
    }

    /// The instance in this state, in `eu-west-1a`, booting from `/dev/xvda`, with a volume at each of these devices.
    fn instance(mut self, state: &str, devices: &[&str]) -> Self {
        self.instance = Some(SeenInstance {
            id: InstanceId::new(INSTANCE).unwrap(),
            zone: Zone::new("eu-west-1a").unwrap(),
            state: state.to_owned(),
            root_device: Some(Device::new("/dev/xvda").unwrap()),
        });
        let attached = |(n, device): (usize, &&str)| SeenVolume {
            id: volume_id(90 + n),
            state: "in-use".to_owned(),
            created_at: None,
            tags: Tags::default(),
            attachments: vec![SeenAttachment {
                instance: InstanceId::new(INSTANCE).unwrap(),
                device: Device::new(*device).unwrap(),
                state: "attached".to_owned(),
            }],
        };
        self.attached = devices.iter().enumerate().map(attached).collect();
        self
    }

    fn ask(&self, what: &'static str) -> Result<(), Ec2Error> {
        self.asked.lock().unwrap().push(what);
        self.unreadable.map_or(Ok(()), |code| Err(Ec2Error::coded(code, "no")))
    }
}

impl Regions for Fake {
    async fn enabled_regions(&self) -> Result<Vec<Region>, Ec2Error> {
        self.ask("regions")?;
        Ok(["eu-west-1", "us-east-1"].map(|region| Region::new(region).unwrap()).to_vec())
    }
}

impl ReadRestorePoints for Fake {
    async fn points_of(&self, volume: &VolumeId) -> Result<Vec<RestorePoint>, Ec2Error> {
        self.ask("points of a volume")?;
        Ok(self.points.iter().filter(|point| point.candidate.volume.as_ref() == Some(volume)).cloned().collect())
    }

    async fn points(&self, ids: &[SnapshotId]) -> Result<Vec<RestorePoint>, Ec2Error> {
        self.ask("points")?;
        Ok(self.points.iter().filter(|point| ids.contains(point.id())).cloned().collect())
    }

    async fn managed_points<T>(&self, pick: impl Fn(RestorePoint) -> Option<T>) -> Result<Vec<T>, Ec2Error> {
        self.ask("managed points")?;
        Ok(self.points.iter().filter(|point| point.tags.has("ebs-backup:policy")).cloned().filter_map(pick).collect())
    }
}

impl ReadInstances for Fake {
    async fn instance(&self, id: &InstanceId) -> Result<Option<SeenInstance>, Ec2Error> {
        self.ask("instance")?;
        Ok(self.instance.clone().filter(|instance| instance.id == *id))
    }

    async fn zones(&self) -> Result<Vec<Zone>, Ec2Error> {
        self.ask("zones")?;
        let zones = ["eu-west-1a", "eu-west-1b"].map(|zone| Zone::new(zone).unwrap()).to_vec();
        Ok(if self.no_zones { Vec::new() } else { zones })
    }
}

impl SeeVolumes for Fake {
    async fn seen(&self, _: &[VolumeId]) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("no volume is there yet")
    }

    async fn attached_to(&self, _: &InstanceId) -> Result<Vec<SeenVolume>, Ec2Error> {
        self.ask("attached")?;
        Ok(self.attached.clone())
    }

    async fn of_restore(&self, _: &RestoreId) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("no volume is there yet")
    }

    async fn of_tests(&self) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("no volume is there yet")
    }
}

fn config() -> Config {
    let policy = |name: &str| json!({"name": name, "tag": {"key": "Backup"}, "retention": {"keepDays": 7}});
    contract::parse::from_value(&json!({"policies": [policy("daily"), policy("weekly")], "pace": {"sharePercent": 50}}))
        .unwrap()
}

/// The plan for this input, beside the region.
async fn plan(ec2: Fake, fields: Value) -> (Result<Response, StepError>, Vec<&'static str>) {
    let mut input = json!({"region": "eu-west-1"});
    for (field, value) in fields.as_object().unwrap() {
        input[field] = value.clone();
    }
    asked(ec2, "restore-1", input).await
}

async fn asked(ec2: Fake, name: &str, input: Value) -> (Result<Response, StepError>, Vec<&'static str>) {
    let request: Request = contract::parse::from_value(
        &json!({"input": input, "execution": {"name": name, "startTime": "2026-11-26T10:00:00Z"}}),
    )
    .unwrap();
    let ec2 = Arc::new(ec2);
    let answer = find_restore_points::handle(&*ec2, |_, _| Arc::clone(&ec2), &config(), request).await;
    let asked = ec2.asked.lock().unwrap().clone();
    (answer, asked)
}

/// Which snapshots, or the error.
async fn chosen(ec2: Fake, fields: Value) -> Result<Vec<String>, String> {
    match plan(ec2, fields).await.0 {
        Ok(plan) => {
            Ok(plan.volumes.iter().map(|volume| volume.snapshot_id.as_str().replace("snap-0000000", "")).collect())
        }
        Err(error) => Err(error.to_string()),
    }
}

const VOLUME: &str = "vol-00000000";

#[tokio::test]
async fn s10_bad_input_is_refused_by_field_before_anything_is_read() {
    for (fields, part) in [
        (json!({}), "volumeId: missing; name one of volumeId, snapshotId, instanceId"),
        (json!({"volumeId": "vol-1"}), "volumeId: "),
        (json!({"volumeID": VOLUME}), "volumeID: unknown field"),
        (json!({"volumeId": VOLUME, "snapshotId": "snap-00000000"}), "volumeId, snapshotId: only one"),
        (json!({"volumeId": VOLUME, "at": "2026-11-26T10:00:01Z"}), "at: 2026-11-26T10:00:01+00:00: is in the future"),
        (json!({"volumeId": VOLUME, "at": "yesterday"}), "at: "),
        (json!({"volumeId": VOLUME, "sample": {"volumes": 1}}), "sample: goes only with \"test\": true"),
        (json!({"volumeId": VOLUME, "replace": true}), "replace: true: goes only with attach"),
        (json!({"volumeId": VOLUME, "initializationRateMiBps": 500}), "initializationRateMiBps: 500"),
        (json!({"test": true, "policy": "hourly"}), "policy: \"hourly\" is not deployed; one of daily, weekly"),
        (json!({"test": true, "sample": {"volumes": 0}, "iops": 9}), "sample.volumes: 0: must be"),
        (json!({"volumeId": VOLUME, "tags": {"aws:x": "y"}}), "tags: "),
    ] {
        let (answer, asked) = plan(Fake::default(), fields.clone()).await;
        let error = answer.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{fields}");
        assert!(error.message().contains(part), "{fields}: {error}");
        assert_eq!(asked, <[&str; 0]>::default(), "{fields}");
    }
}

#[tokio::test]
async fn s10_an_execution_whose_name_is_no_tag_value_is_refused() {
    let (answer, asked) = asked(Fake::default(), "restore 1", json!({"region": "eu-west-1", "volumeId": VOLUME})).await;
    let error = answer.unwrap_err();
    assert_eq!((error.name(), asked.len()), ("InvalidInput", 0));
    assert!(error.message().contains("start the execution with such a name"), "{error}");
}

#[tokio::test]
async fn s10_an_unknown_region_is_refused_with_those_that_there_are_and_nothing_is_read_in_it() {
    let (answer, asked) = plan(Fake::default(), json!({"region": "eu-west-9", "volumeId": VOLUME})).await;
    let error = answer.unwrap_err();
    assert_eq!(
        error.to_string(),
        "InvalidInput: region: \"eu-west-9\" is unknown or not enabled in this account; one of eu-west-1, us-east-1"
    );
    assert_eq!(asked, ["regions"]);
}

#[tokio::test]
async fn s12_a_volume_comes_from_its_newest_completed_snapshot_at_or_before_the_moment() {
    let all = || {
        Fake::with([
            point(1, 0, 2),
            point(2, 0, 4),
            foreign(3, 0, 5),
            in_state("pending", point(4, 0, 6)),
            in_state("archived", point(5, 0, 6)),
            point(6, 1, 9),
        ])
    };
    for (more, expected) in [
        (json!({}), "2"),
        (json!({"at": "2026-11-26T04:00:00Z"}), "2"),
        (json!({"at": "2026-11-26T03:59:59Z"}), "1"),
        (json!({"anySource": true, "availabilityZone": "eu-west-1b"}), "3"),
        (json!({"anySource": true, "at": "2026-11-26T04:30:00Z"}), "2"),
    ] {
        let mut fields = more.clone();
        fields["volumeId"] = json!(VOLUME);
        assert_eq!(chosen(all(), fields).await.unwrap(), [expected], "{more}");
    }
    let none = chosen(all(), json!({"volumeId": VOLUME, "at": "2026-11-26T01:00:00Z"})).await.unwrap_err();
    assert_eq!(
        none,
        "NoRestorePoint: no completed snapshot of vol-00000000 at or before 2026-11-26 01:00:00 UTC; the next one is snap-00000001 of 2026-11-26 02:00:00 UTC"
    );
    let by_hand = chosen(Fake::with([foreign(3, 0, 5)]), json!({"volumeId": VOLUME})).await.unwrap_err();
    assert!(by_hand.contains("(\"anySource\": true takes it)"), "{by_hand}");
}

#[tokio::test]
async fn where_there_is_no_restore_point_the_instance_is_not_asked_for() {
    let fields = json!({"volumeId": VOLUME, "attach": {"instanceId": INSTANCE}});
    let (answer, asked) = plan(Fake::default(), fields).await;
    assert_eq!(answer.unwrap_err().name(), "NoRestorePoint");
    assert_eq!(asked, ["regions", "points of a volume"]);
}

#[tokio::test]
async fn s12_a_snapshot_is_restored_whoever_made_it_when_it_is_completed_and_ours() {
    let all =
        || Fake::with([foreign(1, 0, 2), in_state("pending", point(2, 0, 4)), in_state("archived", point(3, 0, 4))]);
    let of =
        async |n: usize| chosen(all(), json!({"snapshotId": snapshot_id(n), "availabilityZone": "eu-west-1b"})).await;
    assert_eq!(of(1).await.unwrap(), ["1"]);
    let only = "and only a completed snapshot can be restored";
    assert_eq!(of(2).await.unwrap_err(), format!("NoRestorePoint: snap-00000002 is pending, {only}"));
    assert_eq!(of(3).await.unwrap_err(), format!("NoRestorePoint: snap-00000003 is archived, {only}"));
    assert_eq!(
        of(9).await.unwrap_err(),
        "NoRestorePoint: snap-00000009 is no snapshot that this account owns in eu-west-1"
    );
}

#[tokio::test]
async fn an_instance_comes_back_from_one_run_or_mixed_when_that_is_asked_for() {
    let failed = || in_state("error", point(4, 1, 4));
    let half = || [point(3, 0, 4), failed()];
    let all = || Fake::with([point(1, 0, 2), point(2, 1, 2)].into_iter().chain(half()));
    assert_eq!(chosen(all(), json!({"instanceId": INSTANCE})).await.unwrap(), ["1", "2"]);
    let apart = || Fake::with([point(2, 1, 2)].into_iter().chain(half()));
    let refused = chosen(apart(), json!({"instanceId": INSTANCE})).await.unwrap_err();
    assert!(
        refused.contains("the newest run misses vol-00000001. \"allowMixed\": true takes the newest of each"),
        "{refused}"
    );
    let mut mixed = chosen(apart(), json!({"instanceId": INSTANCE, "allowMixed": true})).await.unwrap();
    mixed.sort();
    assert_eq!(mixed, ["2", "3"]);
    let none = chosen(all(), json!({"instanceId": "i-00000000000000000"})).await.unwrap_err();
    assert!(none.starts_with("NoRestorePoint: no completed snapshot of a volume that was attached to i-"), "{none}");
}

#[tokio::test]
async fn what_does_not_fit_the_instance_is_refused_by_field() {
    let attach = |more: &Value| {
        let mut fields = json!({"volumeId": VOLUME, "attach": {"instanceId": INSTANCE}});
        for (field, value) in more.as_object().unwrap() {
            fields[field] = value.clone();
        }
        fields
    };
    let ec2 = || Fake::with([point(1, 0, 2)]);
    let root = json!({"replace": true, "attach": {"instanceId": INSTANCE, "device": "/dev/xvda"}});
    for (ec2, more, part) in [
        (ec2(), json!({}), format!("attach.instanceId: {INSTANCE}: there is no such instance in eu-west-1")),
        (ec2().instance("terminated", &[]), json!({}), format!("attach.instanceId: {INSTANCE}: is terminated")),
        (
            ec2().instance("running", &[]),
            json!({"availabilityZone": "eu-west-1b"}),
            format!("availabilityZone: eu-west-1b: {INSTANCE} is in eu-west-1a"),
        ),
        (
            ec2().instance("running", &["xvdf"]),
            json!({}),
            "attach.device: /dev/sdf: vol-0000005a is there; name another device, or \"device\": \"/dev/sdf\" with"
                .to_owned(),
        ),
        (
            ec2().instance("running", &["/dev/xvda"]),
            root.clone(),
            "replace: true: /dev/xvda is the root device of".to_owned(),
        ),
        (
            Fake::with([foreign(1, 0, 2)]).instance("running", &[]),
            json!({"anySource": true}),
            "attach.device: missing".to_owned(),
        ),
    ] {
        let (answer, asked) = plan(ec2, attach(&more)).await;
        let error = answer.unwrap_err();
        assert_eq!(error.name(), "InvalidInput", "{more}");
        assert!(error.message().starts_with(&part), "{more}: {error}");
        assert_eq!(asked.contains(&"attached"), !error.message().contains("no such instance"));
    }
    let stopped = plan(ec2().instance("stopped", &["/dev/xvda"]), attach(&root)).await.0.unwrap();
    assert_eq!(stopped.volumes[0].replaces, Some(volume_id(90)));
}

#[tokio::test]
async fn what_is_in_the_way_is_replaced_when_that_is_asked_for() {
    // Who names the device means who is there; else only the volume itself is replaced.
    let not_named = json!({"volumeId": VOLUME, "attach": {"instanceId": INSTANCE}, "replace": true});
    let (refused, _) = plan(Fake::with([point(1, 0, 2)]).instance("running", &["/dev/xvda", "xvdf"]), not_named).await;
    assert!(
        refused.unwrap_err().message().starts_with("replace: true: vol-0000005b is at /dev/sdf, and the data is of")
    );
    let fields = json!({"volumeId": VOLUME, "attach": {"instanceId": INSTANCE, "device": "/dev/sdf"}, "replace": true});
    let (answer, asked) = plan(Fake::with([point(1, 0, 2)]).instance("running", &["/dev/xvda", "xvdf"]), fields).await;
    let volume = &answer.unwrap().volumes[0];
    assert_eq!((volume.device.as_ref().unwrap().as_str(), &volume.replaces), ("/dev/sdf", &Some(volume_id(91))));
    assert_eq!(asked, ["regions", "points of a volume", "zones", "instance", "attached"]);
}

#[tokio::test]
async fn what_is_attached_to_an_instance_and_does_not_come_back_is_named() {
    let ec2 = || Fake::with([point(1, 0, 2)]).instance("running", &["/dev/sdf", "/dev/sdh"]);
    let (answer, _) = plan(ec2(), json!({"instanceId": INSTANCE})).await;
    assert_eq!(answer.unwrap().job.left_out, [volume_id(90), volume_id(91)]);
    let (answer, _) = plan(ec2(), json!({"volumeId": VOLUME})).await;
    assert_eq!(answer.unwrap().job.left_out, [], "nobody asked for the instance");
}

#[tokio::test]
async fn a_test_draws_from_the_policy_that_is_named() {
    let mut other = point(9, 7, 3);
    other.tags = [("ebs-backup:policy", "weekly")].into_iter().collect();
    let all = || {
        Fake::with([
            point(1, 0, 2),
            point(2, 0, 4),
            point(3, 1, 4),
            in_state("pending", point(4, 2, 4)),
            foreign(5, 5, 4),
            other.clone(),
        ])
    };
    let mut daily = chosen(all(), json!({"test": true, "policy": "daily", "sample": {"volumes": 100}})).await.unwrap();
    daily.sort();
    assert_eq!(daily, ["2", "3"], "the newest completed one of each volume");
    assert_eq!(chosen(all(), json!({"test": true, "policy": "weekly"})).await.unwrap(), ["9"]);
    assert_eq!(chosen(all(), json!({"test": true, "sample": {"volumes": 1}})).await.unwrap().len(), 1);
    let (answer, _) = plan(all(), json!({"test": true, "sample": {"percent": 100}})).await;
    let answer = answer.unwrap();
    assert!(answer.job.test && answer.volumes.len() == 3);
    assert!(
        answer.volumes.iter().all(|volume| volume.device.is_none() && volume.replaces.is_none()),
        "a test touches nothing"
    );
}

#[tokio::test]
async fn a_test_without_anything_to_test_is_no_success() {
    let none = chosen(Fake::with([foreign(1, 0, 2)]), json!({"test": true})).await.unwrap_err();
    assert_eq!(none, "NoRestorePoint: no completed snapshot of EBS Backup is there to test");
    let no_zone =
        chosen(Fake { no_zones: true, ..Fake::with([point(1, 0, 2)]) }, json!({"test": true})).await.unwrap_err();
    assert_eq!(no_zone, "NoRestorePoint: there is no zone in eu-west-1 that can be used to test snapshots in");
}

#[tokio::test]
async fn an_instance_with_more_volumes_than_a_restore_takes_is_refused() {
    let many = (0..129).map(|n| point(n, n, 2));
    let refused = chosen(Fake::with(many), json!({"instanceId": INSTANCE})).await.unwrap_err();
    assert!(
        refused.starts_with("InvalidInput: instanceId: it had 129 volumes, and at most 128 come back"),
        "{refused}"
    );
}

#[tokio::test]
async fn the_job_has_all_that_the_steps_after_need() {
    let fields = json!({
        "volumeId": VOLUME, "at": "2026-11-26T03:00:00Z", "attach": {"instanceId": INSTANCE, "device": "/dev/sdh"}, "replace": true,
        "initializationRateMiBps": 200, "tags": {"ticket": "4711"}, "backup": false, "dryRun": true,
        "volumeType": "io2", "iops": 4000, "sizeGiB": 16, "encrypted": true, "kmsKeyId": "alias/x",
    });
    let (answer, _) = plan(Fake::with([point(1, 0, 2)]).instance("running", &[]), fields).await;
    let Response { job, volumes } = answer.unwrap();
    assert_eq!((job.region.as_str(), job.restore_id.as_str()), ("eu-west-1", "restore-1"));
    assert_eq!((job.source, job.at), (Source::VolumeId(volume_id(0)), Some("2026-11-26T03:00:00Z".parse().unwrap())));
    assert_eq!((job.dry_run, job.test, job.replace, job.backup), (true, false, true, false));
    assert_eq!(job.started_at, "2026-11-26T10:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap());
    assert_eq!((job.initialization_rate_mibps, job.pace.share_percent), (Some(200), 50));
    assert_eq!(job.tags.iter().collect::<Vec<_>>(), [("ticket", "4711")]);
    assert_eq!(job.attach.unwrap().instance_id.as_str(), INSTANCE);
    let [volume] = volumes.as_slice() else { panic!("one volume") };
    assert_eq!((volume.progress, volume.run_id.as_ref().unwrap().as_str()), (Progress::Planned, "daily-2"));
    assert_eq!((volume.device.as_ref().unwrap().as_str(), &volume.replaces), ("/dev/sdh", &None));
    assert_eq!((volume.wanted.size_gib, volume.wanted.iops, volume.wanted.encrypted), (16, Some(4_000), true));
}

#[tokio::test]
async fn what_cannot_be_read_is_the_error_of_the_step() {
    for (code, name) in [("RequestLimitExceeded", "Ec2Throttled"), ("UnauthorizedOperation", "UnauthorizedOperation")] {
        let ec2 = Fake { unreadable: Some(code), ..Fake::default() };
        assert_eq!(plan(ec2, json!({"volumeId": VOLUME})).await.0.unwrap_err().name(), name);
    }
}
