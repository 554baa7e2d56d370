//! The fleet of the demo: six regions, with what a real account has of everything.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_sdk_ec2::types::VolumeType;
use local_aws::account::Account;
use local_aws::fleet::{self, VolumeSpec};

use crate::show;

/// Where the stack lives.
pub const HOME: &str = "eu-central-1";
/// The region that is taken away.
pub const LOST: &str = "us-west-2";
/// The regions, and how many plain data volumes each has besides the special ones.
const REGIONS: [(&str, usize); 6] =
    [("ap-northeast-1", 1), (HOME, 4), ("eu-west-1", 2), ("sa-east-1", 0), ("us-east-1", 3), (LOST, 2)];

/// What was made.
#[derive(Debug)]
pub struct Fleet {
    /// The volumes that are to be backed up, by region.
    pub selected: BTreeMap<String, Vec<String>>,
    /// The volumes that are to be left alone.
    pub left_alone: usize,
    /// A snapshot that bears the backup tag and is not ours.
    pub foreign: String,
}

impl Fleet {
    /// How many volumes are to be backed up.
    pub fn size(&self) -> usize {
        self.selected.values().map(Vec::len).sum()
    }
}

/// The names of the regions.
pub fn regions() -> Vec<&'static str> {
    REGIONS.iter().map(|(name, _)| *name).collect()
}

/// Makes the fleet and shows it.
pub async fn make(account: &Account) -> Result<Fleet> {
    let mut selected = BTreeMap::new();
    let mut left_alone = 0;
    let mut rows = Vec::new();
    for (region, data) in REGIONS {
        let ours = to_back_up(data);
        let others = to_leave_alone();
        let ec2 = account.ec2(region);
        let ids = fleet::make(&ec2, region, &ours).await?;
        fleet::make(&ec2, region, &others).await?;
        rows.push((" ".to_owned(), vec![region.to_owned(), ours.len().to_string(), others.len().to_string()]));
        left_alone += others.len();
        selected.insert(region.to_owned(), ids);
    }
    let volume = &selected[HOME][0];
    let foreign =
        fleet::foreign_snapshot(&account.ec2(HOME), volume, &[("Backup", "web"), ("Name", "before the upgrade")])
            .await?;
    show::table(&["region", "tagged Backup", "untagged or excluded"], 1, &rows);
    show::note(
        "gp3, io1, st1; attached and free; encrypted and not. One snapshot made by hand bears the backup tag too.",
    );
    Ok(Fleet { selected, left_alone, foreign })
}

fn to_back_up(data: usize) -> Vec<VolumeSpec> {
    let mut specs = vec![
        VolumeSpec::new().size(20).tag("Backup", "web").tag("Name", "web root").attached(),
        VolumeSpec::new().size(100).kind(VolumeType::Io1).tag("Backup", "db").encrypted().attached(),
        // A tag without a value: the snapshot is named after the volume.
        VolumeSpec::new().size(500).kind(VolumeType::St1).tag("Backup", ""),
    ];
    specs.extend((1..=data).map(|n| VolumeSpec::new().size(50).tag("Backup", &format!("data-{n}"))));
    specs
}

fn to_leave_alone() -> Vec<VolumeSpec> {
    vec![
        VolumeSpec::new().tag("Name", "scratch"),
        VolumeSpec::new().tag("Backup", "cache").tag("ebs-backup:exclude", "true"),
    ]
}
