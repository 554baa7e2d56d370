//! The ports over the AWS SDK.

use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{
    AvailabilityZoneState, Filter, ResourceType, Snapshot as SdkSnapshot, Tag, TagSpecification, Volume as SdkVolume,
    VolumeType as SdkVolumeType,
};
use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Utc};
use contract::limits::{FILTER_VALUES, SNAPSHOTS_PER_PAGE, VOLUMES_PER_PAGE};
use contract::selector::{POLICY_TAG, RESTORE_TAG, RUN_TAG, TEST_TAG};
use contract::tally::BucketState;
use contract::{
    Device, InstanceId, Pace, PolicyName, Region, RestoreId, RunId, SnapshotId, TagSelector, VolumeId, Zone,
};
use policy::adoption::Foreign;
use policy::model::{Snapshot, Tags, Volume};
use policy::restore::seen::{RestorePoint, SeenInstance, SeenVolume};
use policy::restore_point::Candidate;

use crate::convert;
use crate::error::{Ec2Error, Kind};
use crate::pace::{Api, Pacer};
use crate::port::{
    AdoptSnapshot, CreateSnapshot, CreateVolume, DeleteSnapshot, DeleteVolume, MoveVolume, NewVolume, ReadForeign,
    ReadInstances, ReadRestorePoints, ReadSnapshots, ReadVolumes, Regions, SeeVolumes, SnapshotNow, VolumePage,
    VolumeStates,
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
    create_volume: Pacer,
    other: Pacer,
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
            create_volume: Pacer::new(Api::CreateVolume, pace),
            other: Pacer::new(Api::OtherWrites, pace),
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

    /// Those of `ids` that are there.
    async fn volumes_of<T>(
        &self,
        ids: &[VolumeId],
        convert: impl Fn(&SdkVolume) -> Option<T>,
    ) -> Result<Vec<T>, Ec2Error> {
        let mut found = Vec::with_capacity(ids.len());
        // By filter and not by id: one id that is gone would fail the whole call.
        for some in ids.chunks(FILTER_VALUES) {
            let by_id = filter("volume-id", some.iter().map(VolumeId::as_str));
            found.extend(self.filtered_volumes(&by_id, &convert).await?);
        }
        Ok(found)
    }

    /// All volumes that pass the filter.
    async fn filtered_volumes<T>(
        &self,
        filter: &Filter,
        convert: impl Fn(&SdkVolume) -> Option<T>,
    ) -> Result<Vec<T>, Ec2Error> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .read(async || {
                    let call = self.client.describe_volumes().filters(filter.clone());
                    call.set_next_token(token.clone()).send().await
                })
                .await?;
            found.extend(listed(page.volumes.as_deref())?.iter().filter_map(&convert));
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
        self.volumes_of(ids, convert::volume).await
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

impl ReadRestorePoints for Ec2 {
    async fn points_of(&self, volume: &VolumeId) -> Result<Vec<RestorePoint>, Ec2Error> {
        self.snapshots(&[filter("volume-id", [volume.as_str()])], None, convert::restore_point).await
    }

    async fn points(&self, ids: &[SnapshotId]) -> Result<Vec<RestorePoint>, Ec2Error> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(FILTER_VALUES) {
            let filters = [filter("snapshot-id", some.iter().map(SnapshotId::as_str))];
            found.extend(self.snapshots(&filters, None, convert::restore_point).await?);
        }
        Ok(found)
    }

    async fn managed_points<T>(&self, pick: impl Fn(RestorePoint) -> Option<T>) -> Result<Vec<T>, Ec2Error> {
        let picked = |snapshot: &SdkSnapshot| convert::restore_point(snapshot).and_then(&pick);
        self.snapshots(&[filter("tag-key", [POLICY_TAG])], Some(SNAPSHOTS_PER_PAGE), picked).await
    }
}

impl ReadInstances for Ec2 {
    async fn instance(&self, id: &InstanceId) -> Result<Option<SeenInstance>, Ec2Error> {
        // By filter and not by id: one that is not there is no error.
        let by_id = filter("instance-id", [id.as_str()]);
        let page = self.read(async || self.client.describe_instances().filters(by_id.clone()).send().await).await?;
        let reservations = listed(page.reservations.as_deref())?.iter();
        let mut instances = reservations.flat_map(|reservation| reservation.instances()).filter_map(convert::instance);
        // A volume must never be attached to another instance, whatever the answer holds besides.
        Ok(instances.find(|instance| instance.id == *id))
    }

    async fn zones(&self) -> Result<Vec<Zone>, Ec2Error> {
        let answer = self.read(async || self.client.describe_availability_zones().send().await).await?;
        let zones = listed(answer.availability_zones.as_deref())?.iter();
        let usable = zones.filter(|zone| zone.state() == Some(&AvailabilityZoneState::Available));
        Ok(usable.filter_map(|zone| Zone::new(zone.zone_name()?).ok()).collect())
    }
}

impl SeeVolumes for Ec2 {
    async fn seen(&self, ids: &[VolumeId]) -> Result<Vec<SeenVolume>, Ec2Error> {
        self.volumes_of(ids, convert::seen_volume).await
    }

    async fn attached_to(&self, instance: &InstanceId) -> Result<Vec<SeenVolume>, Ec2Error> {
        self.filtered_volumes(&filter("attachment.instance-id", [instance.as_str()]), convert::seen_volume).await
    }

    async fn of_restore(&self, restore: &RestoreId) -> Result<Vec<SeenVolume>, Ec2Error> {
        self.filtered_volumes(&tag_is(RESTORE_TAG, restore.as_str()), convert::seen_volume).await
    }

    async fn of_tests(&self) -> Result<Vec<SeenVolume>, Ec2Error> {
        self.filtered_volumes(&filter("tag-key", [TEST_TAG]), convert::seen_volume).await
    }
}

/// A number as the SDK has it. All of ours are checked to be far smaller.
fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

impl CreateVolume for Ec2 {
    async fn ready_to_create_volume(&self) {
        self.create_volume.ready().await;
    }

    async fn create_volume(&self, volume: &NewVolume<'_>) -> Result<VolumeId, Ec2Error> {
        let NewVolume { snapshot, wanted, initialization_rate_mibps, tags, client_token } = volume;
        let tags =
            TagSpecification::builder().resource_type(ResourceType::Volume).set_tags(Some(sdk_tags(tags))).build();
        let call = self
            .client
            .create_volume()
            .snapshot_id(snapshot.as_str())
            .availability_zone(wanted.zone.as_str())
            .volume_type(SdkVolumeType::from(wanted.volume_type.name()))
            .size(number(wanted.size_gib))
            .set_iops(wanted.iops.map(number))
            .set_throughput(wanted.throughput.map(number))
            // Left out where it is not wanted: the account may encrypt all the same.
            .set_encrypted(wanted.encrypted.then_some(true))
            .set_kms_key_id(wanted.kms_key_id.as_ref().map(ToString::to_string))
            .set_volume_initialization_rate(initialization_rate_mibps.map(number))
            .client_token(*client_token)
            .tag_specifications(tags);
        let answer = noted(&self.create_volume, call.send().await)?;
        // An answer without an id is an answer that was lost; the token makes it safe to ask again.
        VolumeId::new(answer.volume_id().unwrap_or_default()).map_err(|refusal| Ec2Error::lost(refusal.to_string()))
    }
}

impl MoveVolume for Ec2 {
    async fn ready_to_move(&self) {
        self.other.ready().await;
    }

    async fn attach(&self, volume: &VolumeId, instance: &InstanceId, device: &Device) -> Result<(), Ec2Error> {
        let call = self.client.attach_volume().volume_id(volume.as_str()).instance_id(instance.as_str());
        noted(&self.other, call.device(device.as_str()).send().await).map(drop)
    }

    async fn detach(&self, volume: &VolumeId, instance: &InstanceId) -> Result<(), Ec2Error> {
        let call = self.client.detach_volume().volume_id(volume.as_str()).instance_id(instance.as_str());
        noted(&self.other, call.send().await).map(drop)
    }

    async fn snapshots_of_restore(&self, restore: &RestoreId) -> Result<Vec<Candidate>, Ec2Error> {
        let of = |snapshot: &SdkSnapshot| Some(convert::restore_point(snapshot)?.candidate);
        self.snapshots(&[tag_is(RESTORE_TAG, restore.as_str())], None, of).await
    }
}

impl DeleteVolume for Ec2 {
    async fn ready_to_delete_volume(&self) {
        self.other.ready().await;
    }

    async fn delete_volume(&self, volume: &VolumeId) -> Result<(), Ec2Error> {
        noted(&self.other, self.client.delete_volume().volume_id(volume.as_str()).send().await).map(drop)
    }
}
