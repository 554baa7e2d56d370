//! One region of one account.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::model::{Image, Instance, Seed, Snapshot, Volume};

/// What there is in one region of one account.
#[derive(Debug, Clone, Default)]
pub struct Region {
    /// All volumes that ever were, by id.
    pub volumes: BTreeMap<String, Volume>,
    /// All snapshots that ever were, by id.
    pub snapshots: BTreeMap<String, Snapshot>,
    /// The images that are registered.
    pub images: BTreeMap<String, Image>,
    /// The instances, by id.
    pub instances: BTreeMap<String, Instance>,
    /// By client token: the parameters of the call that first bore it, and the volume that it made.
    pub made_with: HashMap<String, (BTreeMap<String, String>, String)>,
    /// The snapshots of each volume, as EC2 attributes them.
    of_volume: HashMap<String, Vec<String>>,
    /// Of these, the ones that were still pending when somebody last looked.
    pending: Vec<String>,
    /// How many snapshots are not deleted.
    live: usize,
    /// Ids given out.
    pub ids: u64,
}

impl Region {
    /// Puts things there. A snapshot that names no owner is the account's own.
    pub fn seed(&mut self, account: &str, seed: Seed) {
        self.volumes.extend(seed.volumes.into_iter().map(|volume| (volume.id.clone(), volume)));
        self.images.extend(seed.images.into_iter().map(|image| (image.id.clone(), image)));
        self.instances.extend(seed.instances.into_iter().map(|instance| (instance.id.clone(), instance)));
        for mut snapshot in seed.snapshots {
            if snapshot.owner.is_empty() {
                account.clone_into(&mut snapshot.owner);
            }
            self.add_snapshot(snapshot);
        }
    }

    /// Adds a snapshot.
    pub fn add_snapshot(&mut self, snapshot: Snapshot) {
        self.of_volume.entry(snapshot.volume_id.clone()).or_default().push(snapshot.id.clone());
        self.pending.push(snapshot.id.clone());
        self.live += usize::from(snapshot.deleted_at.is_none());
        self.snapshots.insert(snapshot.id.clone(), snapshot);
    }

    /// Deletes a snapshot; `at` is when it takes effect.
    pub fn delete_snapshot(&mut self, id: &str, at: DateTime<Utc>) {
        if let Some(snapshot) = self.snapshots.get_mut(id).filter(|snapshot| snapshot.deleted_at.is_none()) {
            snapshot.deleted_at = Some(at);
            self.live -= 1;
        }
    }

    /// How many snapshots are not deleted.
    #[must_use]
    pub fn live_snapshots(&self) -> usize {
        self.live
    }

    /// The ids of the snapshots that EC2 attributes to a volume.
    #[must_use]
    pub fn snapshots_of(&self, volume: &str) -> &[String] {
        self.of_volume.get(volume).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many snapshots are pending, in all.
    pub fn pending(&mut self, now: DateTime<Utc>) -> usize {
        self.pending.retain(|id| {
            self.snapshots.get(id).is_some_and(|snapshot| snapshot.exists(now) && snapshot.state(now) == "pending")
        });
        self.pending.len()
    }

    /// How many snapshots of one volume are pending.
    #[must_use]
    pub fn pending_of(&self, volume: &str, now: DateTime<Utc>) -> usize {
        let of_volume = self.snapshots_of(volume).iter().filter_map(|id| self.snapshots.get(id));
        of_volume.filter(|snapshot| snapshot.exists(now) && snapshot.state(now) == "pending").count()
    }

    /// The AMI that a snapshot belongs to, if any.
    #[must_use]
    pub fn image_of(&self, snapshot: &str) -> Option<&Image> {
        self.images.values().find(|image| image.snapshot_ids.iter().any(|id| id == snapshot))
    }
}
