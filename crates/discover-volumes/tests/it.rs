//! `discover-volumes` over an EC2 in memory.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use std::sync::Mutex;

use contract::selector::EXCLUDE_TAG;
use contract::steps::discover_volumes::{Request, Response};
use contract::{RegionJob, TagSelector, Tally, VolumeId};
use ec2::Ec2Error;
use ec2::port::{ReadVolumes, VolumePage, VolumeStates};
use policy::model::{Tags, Volume};
use step_runtime::StepError;

/// Answers one page, and remembers what was asked.
struct Fake {
    page: Result<VolumePage, Ec2Error>,
    asked: Mutex<Vec<(TagSelector, Option<String>)>>,
}

impl ReadVolumes for Fake {
    async fn tagged_page(
        &self,
        selector: &TagSelector,
        states: VolumeStates,
        cursor: Option<String>,
    ) -> Result<VolumePage, Ec2Error> {
        assert_eq!(states, VolumeStates::Snapshottable);
        self.asked.lock().unwrap().push((selector.clone(), cursor));
        self.page.clone()
    }

    async fn volumes(&self, _: &[VolumeId]) -> Result<Vec<Volume>, Ec2Error> {
        unreachable!("ids and tags are enough")
    }
}

fn volume_id(n: usize) -> VolumeId {
    VolumeId::new(format!("vol-{n:017x}")).unwrap()
}

/// A page of volumes with these tags, numbered from 0.
fn page(tags: &[&[(&str, &str)]], cursor: Option<&str>) -> Fake {
    let volumes =
        tags.iter().enumerate().map(|(n, tags)| (volume_id(n), tags.iter().copied().collect::<Tags>())).collect();
    Fake { page: Ok(VolumePage { volumes, cursor: cursor.map(ToOwned::to_owned) }), asked: Mutex::default() }
}

fn job(value: Option<&str>) -> RegionJob {
    contract::parse::from_value(&serde_json::json!({
        "region": "eu-west-1", "runId": "one", "startedAt": "2026-11-23T02:00:07Z", "dryRun": false, "replay": 0,
        "approvePurge": null, "pace": {"sharePercent": 80},
        "policy": {"name": "daily", "tag": {"key": "Backup", "value": value}, "retention": {"keepDays": 7}, "floor": 1,
                   "purgeGuard": {"maxPercent": 50, "minSnapshots": 20}},
    }))
    .unwrap()
}

async fn discover(ec2: &Fake, value: Option<&str>, cursor: Option<&str>, tally: Tally) -> Response {
    let request = Request { job: job(value), cursor: cursor.map(ToOwned::to_owned), tally };
    discover_volumes::handle(ec2, request).await.unwrap()
}

#[tokio::test]
async fn the_policy_selects_by_key_or_value_and_exclusion_wins() {
    let gold = [("Backup", "gold")];
    let silver = [("Backup", "silver")];
    let excluded = [("Backup", "gold"), (EXCLUDE_TAG, "false")];
    let excluded_first = [(EXCLUDE_TAG, ""), ("Backup", "gold")];
    let tags: [&[_]; 5] = [&gold, &excluded, &silver, &excluded_first, &[("backup", "gold")]];
    for (value, selected) in [(None, vec![0, 2]), (Some("gold"), vec![0])] {
        let ec2 = page(&tags, None);
        let answer = discover(&ec2, value, None, Tally::default()).await;
        assert_eq!(answer.volume_ids, selected.iter().copied().map(volume_id).collect::<Vec<_>>(), "{value:?}");
        assert_eq!(answer.tally.volumes.discovered, selected.len() as u64, "{value:?}");
        assert_eq!(*ec2.asked.lock().unwrap(), [(job(value).policy.tag, None)]);
    }
}

#[tokio::test]
async fn the_cursor_is_passed_on_both_ways() {
    let ec2 = page(&[&[("Backup", "")]], Some("second"));
    let answer = discover(&ec2, None, Some("first"), Tally::default()).await;
    assert_eq!(answer.cursor.as_deref(), Some("second"));
    assert_eq!(ec2.asked.lock().unwrap()[0].1.as_deref(), Some("first"));
}

#[tokio::test]
async fn a_page_of_excluded_volumes_is_empty_and_not_the_last() {
    let answer =
        discover(&page(&[&[("Backup", ""), (EXCLUDE_TAG, "")]], Some("next")), None, None, Tally::default()).await;
    assert_eq!((answer.volume_ids.len(), answer.cursor.as_deref()), (0, Some("next")));
    assert_eq!(answer.tally, Tally::default());
}

#[tokio::test]
async fn the_tally_grows_page_by_page() {
    let full: Vec<&[(&str, &str)]> = vec![&[("Backup", "")]; 500];
    let mut tally = Tally::default();
    tally.volumes.created = 7;
    for n in 1..=3 {
        tally = discover(&page(&full, Some("next")), None, None, tally).await.tally;
        assert_eq!((tally.volumes.discovered, tally.discovered.total(), tally.volumes.created), (n * 500, n * 500, 7));
    }
    assert_eq!(tally.discovered.first[0], volume_id(0));
}

#[tokio::test]
async fn a_region_that_cannot_be_read_fails_by_name() {
    for (error, name) in [
        (Ec2Error::coded("UnauthorizedOperation", "no"), "UnauthorizedOperation"),
        (Ec2Error::coded("AuthFailure", "no"), "AuthFailure"),
        (Ec2Error::coded("OptInRequired", "no"), "OptInRequired"),
        (Ec2Error::coded("RequestLimitExceeded", "no"), "Ec2Throttled"),
        (Ec2Error::lost("no answer"), "Ec2Unavailable"),
    ] {
        let ec2 = Fake { page: Err(error), asked: Mutex::default() };
        let request = Request { job: job(None), cursor: None, tally: Tally::default() };
        assert_eq!(StepError::from(discover_volumes::handle(&ec2, request).await.unwrap_err()).name(), name);
    }
}
