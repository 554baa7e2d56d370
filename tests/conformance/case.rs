//! What a case is, and what it works with.

use std::pin::Pin;
use std::time::{Duration, Instant};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{ResourceType, SnapshotState, Tag, TagSpecification, VolumeType};

pub use aws_sdk_ec2::types::Filter;

/// What was seen, or why it did not come to that.
pub type Seen<T = String> = Result<T, String>;

/// One behaviour of EC2.
pub struct Case {
    /// Its name, for the list of differences.
    pub name: &'static str,
    /// What EC2 does, in one line.
    pub documented: &'static str,
    /// What is seen where it behaves so.
    pub expected: &'static str,
    /// Where the documentation does not say it: where it is known from.
    pub known_from: Option<&'static str>,
    /// Looks.
    pub look: Look,
}

/// Makes what it needs, and looks.
pub type Look = for<'a> fn(&'a Ec2) -> Pin<Box<dyn Future<Output = Seen> + Send + 'a>>;

/// A case: name, what is documented, what is expected, and the function that looks.
macro_rules! case {
    ($name:literal, $documented:literal, $expected:literal, $look:expr) => {
        case!($name, $documented, $expected, None, $look)
    };
    ($name:literal, $documented:literal, $expected:literal, known from $from:literal, $look:expr) => {
        case!($name, $documented, $expected, Some($from), $look)
    };
    ($name:literal, $documented:literal, $expected:literal, $from:expr, $look:expr) => {
        $crate::case::Case {
            name: $name,
            documented: $documented,
            expected: $expected,
            known_from: $from,
            look: |ec2| Box::pin($look(ec2)),
        }
    };
}
pub(crate) use case;

/// The tag that all resources of a case bear, so that cases do not see each other's.
const MARK: &str = "conformance";
/// How long a snapshot of one GiB may be pending on any of the servers.
const COMPLETE_WITHIN: Duration = Duration::from_secs(20);

/// An EC2, and the mark of the case that works with it.
pub struct Ec2 {
    /// For everything that is not here.
    pub client: Client,
    /// An availability zone.
    pub zone: &'static str,
    /// What is on all that this case makes.
    pub mark: &'static str,
}

impl Ec2 {
    /// A volume of one GiB with this name.
    pub async fn volume(&self, name: &str) -> Seen {
        self.tagged_volume(name, &[]).await
    }

    /// A volume of one GiB with this name and these tags more.
    pub async fn tagged_volume(&self, name: &str, tags: &[(&str, &str)]) -> Seen {
        let call = self.client.create_volume().availability_zone(self.zone).size(1).volume_type(VolumeType::Gp3);
        let answer = call.tag_specifications(self.tags(ResourceType::Volume, name, tags)).send().await;
        let volume = answer.map_err(|error| format!("CreateVolume {}", refusal(&error)))?;
        volume.volume_id.ok_or_else(|| "CreateVolume names no volume".to_owned())
    }

    /// A snapshot of a volume, with this name.
    pub async fn snapshot(&self, volume: &str, name: &str) -> Seen {
        self.tagged_snapshot(volume, name, &[]).await
    }

    /// A snapshot of a volume, with this name and these tags more.
    pub async fn tagged_snapshot(&self, volume: &str, name: &str, tags: &[(&str, &str)]) -> Seen {
        let call = self.client.create_snapshot().volume_id(volume).description(format!("of {name}"));
        let answer = call.tag_specifications(self.tags(ResourceType::Snapshot, name, tags)).send().await;
        let snapshot = answer.map_err(|error| format!("CreateSnapshot {}", refusal(&error)))?;
        snapshot.snapshot_id.ok_or_else(|| "CreateSnapshot names no snapshot".to_owned())
    }

    /// A snapshot of a new volume.
    pub async fn snapshot_of_its_own(&self, name: &str) -> Seen {
        self.snapshot(&self.volume(name).await?, name).await
    }

    /// The same, once it is completed.
    pub async fn completed_snapshot(&self, name: &str) -> Seen {
        let id = self.snapshot_of_its_own(name).await?;
        self.until_completed(&id).await?;
        Ok(id)
    }

    /// Waits until a snapshot is completed.
    pub async fn until_completed(&self, id: &str) -> Seen<()> {
        let deadline = Instant::now() + COMPLETE_WITHIN;
        while Instant::now() < deadline {
            let answer = self.client.describe_snapshots().snapshot_ids(id).send().await;
            let answer = answer.map_err(|error| format!("DescribeSnapshots {}", refusal(&error)))?;
            if answer.snapshots().iter().any(|snapshot| snapshot.state() == Some(&SnapshotState::Completed)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("still pending".to_owned())
    }

    /// The tags that a create call gives.
    pub fn tags(&self, of: ResourceType, name: &str, more: &[(&str, &str)]) -> TagSpecification {
        let tags = [(MARK, self.mark), ("Name", name)].into_iter().chain(more.iter().copied());
        TagSpecification::builder()
            .resource_type(of)
            .set_tags(Some(tags.map(|(key, value)| tag(key, value)).collect()))
            .build()
    }

    /// The names of the case's volumes that pass these filters.
    pub async fn volumes(&self, filters: &[(&str, &[&str])]) -> Seen {
        let filters = filters.iter().map(|(name, values)| filter(name, values)).chain([self.own()]).collect();
        let answer = self.client.describe_volumes().set_filters(Some(filters)).send().await;
        let answer = answer.map_err(|error| refusal(&error))?;
        Ok(names(answer.volumes().iter().map(|volume| volume.tags())))
    }

    /// The names of the case's snapshots that pass these filters.
    pub async fn snapshots(&self, filters: &[(&str, &[&str])]) -> Seen {
        let filters = filters.iter().map(|(name, values)| filter(name, values)).chain([self.own()]).collect();
        let answer = self.client.describe_snapshots().owner_ids("self").set_filters(Some(filters)).send().await;
        let answer = answer.map_err(|error| refusal(&error))?;
        Ok(names(answer.snapshots().iter().map(|snapshot| snapshot.tags())))
    }

    /// The filter that lets only the case's own resources through.
    pub fn own(&self) -> Filter {
        filter(&format!("tag:{MARK}"), &[self.mark])
    }

    /// Whether a snapshot is there.
    pub async fn has_snapshot(&self, id: &str) -> Seen {
        told(self.client.describe_snapshots().snapshot_ids(id).send().await.map(|_| "there".to_owned()))
    }

    /// A volume's tags, without those of every case: `a=1 b=2`.
    pub async fn tags_of_volume(&self, id: &str) -> Seen {
        let answer = self.client.describe_volumes().volume_ids(id).send().await.map_err(|error| refusal(&error))?;
        Ok(shown(answer.volumes().first().map(|volume| volume.tags()).unwrap_or_default()))
    }

    /// A snapshot's tags, without those of every case.
    pub async fn tags_of_snapshot(&self, id: &str) -> Seen {
        let answer = self.client.describe_snapshots().snapshot_ids(id).send().await.map_err(|error| refusal(&error))?;
        Ok(shown(answer.snapshots().first().map(|snapshot| snapshot.tags()).unwrap_or_default()))
    }
}

/// A tag.
pub fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// A filter.
pub fn filter(name: &str, values: &[&str]) -> Filter {
    Filter::builder().name(name).set_values(Some(values.iter().map(|&value| value.to_owned()).collect())).build()
}

/// The names in these lists of tags, in order.
pub fn names<'a>(resources: impl Iterator<Item = &'a [Tag]>) -> String {
    let mut names: Vec<&str> = resources
        .map(|tags| tags.iter().find(|tag| tag.key() == Some("Name")).and_then(Tag::value).unwrap_or("?"))
        .collect();
    names.sort_unstable();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
}

/// Tags, without those of every case.
pub fn shown(tags: &[Tag]) -> String {
    let mut tags: Vec<String> = tags
        .iter()
        .filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())))
        .filter(|(key, _)| ![MARK, "Name"].contains(key))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    tags.sort_unstable();
    if tags.is_empty() { "no tags".to_owned() } else { tags.join(" ") }
}

/// What came of a call, when only that matters.
pub fn verdict<T, E: ProvideErrorMetadata>(answer: Result<T, SdkError<E, HttpResponse>>) -> Seen {
    told(answer.map(|_| "accepted".to_owned()))
}

/// What was seen, where a refusal is something to see.
pub fn told<E: ProvideErrorMetadata>(answer: Result<String, SdkError<E, HttpResponse>>) -> Seen {
    Ok(answer.unwrap_or_else(|error| refusal(&error)))
}

/// An error of EC2 by its code, or by its HTTP status where it has none.
pub fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> String {
    match (error.code(), error.raw_response()) {
        (Some(code), _) => format!("refused, {code}"),
        (None, Some(response)) => format!("refused, HTTP {}", response.status().as_u16()),
        (None, None) => "no answer".to_owned(),
    }
}
