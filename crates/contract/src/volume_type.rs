//! The types of EBS volumes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::parse::InvalidValue;

/// A type of EBS volume (EC2 API, CreateVolume, `VolumeType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumeType {
    /// General purpose SSD, the second.
    Gp2,
    /// General purpose SSD, the third: IOPS and throughput are chosen apart from the size.
    Gp3,
    /// Provisioned IOPS SSD, the first.
    Io1,
    /// Provisioned IOPS SSD, the second.
    Io2,
    /// Throughput optimised HDD.
    St1,
    /// Cold HDD.
    Sc1,
    /// Magnetic.
    Standard,
}

impl VolumeType {
    /// All of them, with the names that EC2 has for them.
    pub const ALL: [(&'static str, Self); 7] = [
        ("gp2", Self::Gp2),
        ("gp3", Self::Gp3),
        ("io1", Self::Io1),
        ("io2", Self::Io2),
        ("st1", Self::St1),
        ("sc1", Self::Sc1),
        ("standard", Self::Standard),
    ];

    /// EC2's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for VolumeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for VolumeType {
    type Err = InvalidValue;
    fn from_str(name: &str) -> Result<Self, InvalidValue> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        known.ok_or_else(|| InvalidValue::new("volume type", name, "gp2, gp3, io1, io2, st1, sc1 or standard"))
    }
}
