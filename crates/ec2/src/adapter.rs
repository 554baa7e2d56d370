//! The ports over the AWS SDK.

use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{Filter, ResourceType, Snapshot as SdkSnapshot, Tag, TagSpecification};
use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Utc};
use contract::limits::{FILTER_VALUES, SNAPSHOTS_PER_PAGE, VOLUMES_PER_PAGE};
use contract::selector::{POLICY_TAG, RUN_TAG};
use contract::tally::BucketState;
use contract::{Pace, PolicyName, Region, RunId, SnapshotId, TagSelector, VolumeId};
use policy::adoption::Foreign;
use policy::model::{Snapshot, Tags, Volume};

use crate::convert;
use crate::error::{Ec2Error, Kind};
use crate::pace::{Api, Pacer};
use crate::port::{
    AdoptSnapshot, CreateSnapshot, DeleteSnapshot, ReadForeign, ReadSnapshots, ReadVolumes, Regions, SnapshotNow,
    VolumePage, VolumeStates,
};
use crate::whole::WholeAnswers;

/// Tries after the first that one read gets. A write gets none: what EC2 does not take now is deferred to a later round.
const RETRIES: usize = 5;
/// The pause before the first retry, doubled before each further one, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// What the pauses before the retries of one read may take together.
const ALL_PAUSES: Duration = Duration::from_secs(20);

/// The states of a volume that can be snapshotted (EC2 API, Volume).
const SNAPSHOTTABLE: [&str; 2] = ["available", "in-use"];

/// EC2 in one region.
#[derive(Debug)]
pub struct Ec2 {
    client: Client,
    describe: Pacer,
    create: Pacer,
    delete: Pacer,
    tag: Pacer,
    first_pause: Duration,
}

impl Ec2 {
    /// EC2 over `client`, at `pace`. The client must not retry on its own, as it would do so past the pacer.
    #[must_use]
    pub fn new(client: &Client, pace: Pace) -> Self {
        Self {
            client: Client::from_conf(client.config().to_builder().interceptor(WholeAnswers).build()),
            describe: Pacer::new(Api::Describe, pace),
            create: Pacer::new(Api::CreateSnapshot, pace),
            delete: Pacer::new(Api::DeleteSnapshot, pace),
            tag: Pacer::new(Api::CreateTags, pace),
            first_pause: FIRST_PAUSE,
        }
    }

    /// The same, with another pause before the first retry: for tests that do not want to wait.
    #[must_use]
    pub fn with_first_pause(mut self, first_pause: Duration) -> Self {
        self.first_pause = first_pause;
        self
    }

    /// The time, by the clock that the client signs with.
    fn now(&self) -> DateTime<Utc> {
        self.client.config().time_source().unwrap_or_default().now().into()
    }

    /// Reads at the pace, and again with growing pauses while that may help.
    async fn read<T, E>(&self, send: impl AsyncFn() -> Result<T, SdkError<E>>) -> Result<T, Ec2Error>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut renewed = false;
        let attempt = || async {
            self.describe.ready().await;
            noted(&self.describe, send().await)
        };
        attempt
            .retry(
                ExponentialBuilder::default()
                    .with_jitter()
                    .with_min_delay(self.first_pause)
                    .with_max_delay(LONGEST_PAUSE)
                    .with_total_delay(Some(ALL_PAUSES))
                    .with_max_times(RETRIES),
            )
            .when(|error: &Ec2Error| match error.kind() {
                Kind::Throttled | Kind::Unavailable | Kind::Transitional => true,
                Kind::Expired => !std::mem::replace(&mut renewed, true),
                _ => false,
            })
            .notify(|error, pause| tracing::info!(code = error.code(), ?pause, "a read is sent again"))
            .await
    }

    /// All snapshots of ours that pass the filters. Without a page size EC2 looks them up rather than walk through all
    /// snapshots of the region page by page: for filters that name a few ids.
    async fn snapshots<T>(
        &self,
        filters: &[Filter],
        page_size: Option<i32>,
        convert: impl Fn(&SdkSnapshot) -> Option<T>,
    ) -> Result<Vec<T>, Ec2Error> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .read(async || {
                    self.client
                        .describe_snapshots()
                        .owner_ids("self")
                        .set_filters(Some(filters.to_vec()))
                        .set_max_results(page_size)
                        .set_next_token(token.clone())
                        .send()
                        .await
                })
                .await?;
            found.extend(listed(page.snapshots.as_deref())?.iter().filter_map(&convert));
            token = page.next_token().filter(|token| !token.is_empty()).map(ToOwned::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

/// The list of a page. EC2 sends it also when it is empty, and a page without one says nothing about what is there.
fn listed<T>(list: Option<&[T]>) -> Result<&[T], Ec2Error> {
    list.ok_or_else(|| Ec2Error::lost("the answer to a listing has no list"))
}

/// The answer in our words; the pacer hears of it.
fn noted<T, E>(pacer: &Pacer, answer: Result<T, SdkError<E>>) -> Result<T, Ec2Error>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let answer = answer.map_err(Ec2Error::from);
    match &answer {
        Err(error) if error.kind() == Kind::Throttled => pacer.throttled(),
        _ => pacer.went_through(),
    }
    answer
}

fn filter<V: Into<String>>(name: impl Into<String>, values: impl IntoIterator<Item = V>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

fn tag_is(key: &str, value: &str) -> Filter {
    filter(format!("tag:{key}"), [value])
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

impl Regions for Ec2 {
    async fn enabled_regions(&self) -> Result<Vec<Region>, Ec2Error> {
        // `all_regions(false)`: those that need no opt-in, and those that were opted into.
        let answer = self.read(async || self.client.describe_regions().all_regions(false).send().await).await?;
        Ok(listed(answer.regions.as_deref())?
            .iter()
            .filter_map(|region| Region::new(region.region_name()?).ok())
            .collect())
    }
}

impl ReadVolumes for Ec2 {
    async fn tagged_page(
        &self,
        selector: &TagSelector,
        states: VolumeStates,
        cursor: Option<String>,
    ) -> Result<VolumePage, Ec2Error> {
        let tag = match &selector.value {
            Some(value) => tag_is(selector.key.as_str(), value.as_str()),
            None => filter("tag-key", [selector.key.as_str()]),
        };
        let filters = match states {
            VolumeStates::Snapshottable => vec![tag, filter("status", SNAPSHOTTABLE)],
            VolumeStates::Any => vec![tag],
        };
        let page = self
            .read(async || {
                self.client
                    .describe_volumes()
                    .set_filters(Some(filters.clone()))
                    .max_results(VOLUMES_PER_PAGE)
                    .set_next_token(cursor.clone())
                    .send()
                    .await
            })
            .await?;
        Ok(VolumePage {
            volumes: listed(page.volumes.as_deref())?
                .iter()
                .filter_map(|volume| Some((convert::volume_id(volume)?, convert::tags(volume.tags()))))
                .collect(),
            cursor: page.next_token().filter(|token| !token.is_empty()).map(ToOwned::to_owned),
        })
    }

    async fn volumes(&self, ids: &[VolumeId]) -> Result<Vec<Volume>, Ec2Error> {
        let mut found = Vec::with_capacity(ids.len());
        // By filter and not by id: one id that is gone would fail the whole call.
        for some in ids.chunks(FILTER_VALUES) {
            let filters = vec![filter("volume-id", some.iter().map(VolumeId::as_str))];
            let mut token: Option<String> = None;
            loop {
                let page = self
                    .read(async || {
                        self.client
                            .describe_volumes()
                            .set_filters(Some(filters.clone()))
                            .set_next_token(token.clone())
                            .send()
                            .await
                    })
                    .await?;
                found.extend(listed(page.volumes.as_deref())?.iter().filter_map(convert::volume));
                token = page.next_token().filter(|token| !token.is_empty()).map(ToOwned::to_owned);
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }
}

impl ReadSnapshots for Ec2 {
    async fn of_run(&self, policy: &PolicyName, run: &RunId, volumes: &[VolumeId]) -> Result<Vec<Snapshot>, Ec2Error> {
        let mut found = Vec::new();
        for some in volumes.chunks(FILTER_VALUES) {
            let filters = [
                tag_is(POLICY_TAG, policy.as_str()),
                tag_is(RUN_TAG, run.as_str()),
                filter("volume-id", some.iter().map(VolumeId::as_str)),
            ];
            found.extend(self.snapshots(&filters, None, convert::snapshot).await?);
        }
        Ok(found)
    }

    async fn managed(&self, policy: &PolicyName) -> Result<Vec<Snapshot>, Ec2Error> {
        self.snapshots(&[tag_is(POLICY_TAG, policy.as_str())], Some(SNAPSHOTS_PER_PAGE), convert::snapshot).await
    }

    async fn now(&self, ids: &[SnapshotId]) -> Result<Vec<SnapshotNow>, Ec2Error> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(FILTER_VALUES) {
            let filters = [filter("snapshot-id", some.iter().map(SnapshotId::as_str))];
            found.extend(self.snapshots(&filters, None, convert::snapshot_now).await?);
        }
        Ok(found)
    }
}

impl CreateSnapshot for Ec2 {
    fn go_on_creating_from(&self, drawn: BucketState) {
        self.create.go_on_from(drawn, self.now());
    }

    fn drawn_by_creates(&self) -> BucketState {
        self.create.drawn(self.now())
    }

    async fn ready_to_create(&self) {
        self.create.ready().await;
    }

    async fn create(&self, volume: &VolumeId, description: &str, tags: &Tags) -> Result<SnapshotId, Ec2Error> {
        let tags =
            TagSpecification::builder().resource_type(ResourceType::Snapshot).set_tags(Some(sdk_tags(tags))).build();
        let call = self.client.create_snapshot().volume_id(volume.as_str()).description(description);
        let answer = noted(&self.create, call.tag_specifications(tags).send().await)?;
        // An answer without an id is an answer that was lost: the snapshot is most likely there.
        SnapshotId::new(answer.snapshot_id().unwrap_or_default()).map_err(|refusal| Ec2Error::lost(refusal.to_string()))
    }
}

impl DeleteSnapshot for Ec2 {
    fn go_on_deleting_from(&self, drawn: BucketState) {
        self.delete.go_on_from(drawn, self.now());
    }

    fn drawn_by_deletes(&self) -> BucketState {
        self.delete.drawn(self.now())
    }

    async fn ready_to_delete(&self) {
        self.delete.ready().await;
    }

    async fn delete(&self, snapshot: &SnapshotId) -> Result<(), Ec2Error> {
        noted(&self.delete, self.client.delete_snapshot().snapshot_id(snapshot.as_str()).send().await).map(drop)
    }
}

impl ReadForeign for Ec2 {
    async fn bearing<T>(&self, keys: &[&str], pick: impl Fn(Foreign) -> Option<T>) -> Result<Vec<T>, Ec2Error> {
        let filters = [filter("tag-key", keys.iter().copied()), filter("status", ["completed"])];
        let picked = |snapshot: &SdkSnapshot| convert::foreign(snapshot).and_then(&pick);
        self.snapshots(&filters, Some(SNAPSHOTS_PER_PAGE), picked).await
    }
}

impl AdoptSnapshot for Ec2 {
    async fn ready_to_adopt(&self) {
        self.tag.ready().await;
    }

    async fn adopt(&self, snapshot: &SnapshotId, tags: &Tags) -> Result<(), Ec2Error> {
        let call = self.client.create_tags().resources(snapshot.as_str()).set_tags(Some(sdk_tags(tags)));
        noted(&self.tag, call.send().await).map(drop)
    }
}
