//! What EBS allows of each type of volume, checked before anything is asked of EC2.
//!
//! The numbers are those of the EC2 API's CreateVolume (`Size`, `Iops`, `Throughput`) and of the EBS user guide ("Amazon EBS
//! volume types") for what depends on size and IOPS.

use std::fmt;
use std::ops::RangeInclusive;

pub use contract::VolumeType;

/// What EBS allows of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The size, in GiB.
    pub size_gib: RangeInclusive<u32>,
    /// The IOPS, where they can be chosen.
    pub iops: Option<Iops>,
    /// The throughput in MiB/s, where it can be chosen.
    pub throughput_mibps: Option<RangeInclusive<u32>>,
    /// Whether an instance can boot from it.
    pub boots: bool,
}

/// The IOPS that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iops {
    /// From and to. The least is allowed whatever the size.
    pub range: RangeInclusive<u32>,
    /// At most so many for each GiB.
    pub per_gib: u32,
    /// Whether they have to be given.
    pub required: bool,
}

/// IOPS that a MiB/s of throughput needs, of types whose throughput can be chosen: 0.25 MiB/s for each.
const IOPS_PER_MIBPS: u32 = 4;

/// What EBS allows of a type.
#[must_use]
pub fn limits(kind: VolumeType) -> Limits {
    let ssd = |size_gib, iops, throughput_mibps| Limits { size_gib, iops, throughput_mibps, boots: true };
    let iops = |range, per_gib, required| Some(Iops { range, per_gib, required });
    match kind {
        VolumeType::Gp2 => ssd(1..=16_384, None, None),
        VolumeType::Gp3 => ssd(1..=65_536, iops(3_000..=80_000, 500, false), Some(125..=2_000)),
        VolumeType::Io1 => ssd(4..=16_384, iops(100..=64_000, 50, true), None),
        VolumeType::Io2 => ssd(4..=65_536, iops(100..=256_000, 1_000, true), None),
        VolumeType::St1 | VolumeType::Sc1 => Limits { boots: false, ..ssd(125..=16_384, None, None) },
        VolumeType::Standard => ssd(1..=1_024, None, None),
    }
}

/// The throughput that a type gives at most, in MiB/s, where nobody chooses it: of gp3 that which every volume has, of the others the
/// most that any has (EBS user guide, "Amazon EBS volume types").
#[must_use]
pub fn throughput_mibps(kind: VolumeType) -> u32 {
    match kind {
        VolumeType::Gp3 => 125,
        VolumeType::Gp2 | VolumeType::Sc1 => 250,
        VolumeType::Io1 => 1_000,
        VolumeType::Io2 => 4_000,
        VolumeType::St1 => 500,
        VolumeType::Standard => 90,
    }
}

/// A volume that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Its type.
    pub kind: VolumeType,
    /// Its size, in GiB.
    pub size_gib: u32,
    /// Its IOPS, where they are chosen.
    pub iops: Option<u32>,
    /// Its throughput in MiB/s, where it is chosen.
    pub throughput_mibps: Option<u32>,
    /// Whether an instance is to boot from it.
    pub boots: bool,
}

/// A bound of EBS that a wanted volume does not keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The field of the input.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// The bound, in words.
    pub bound: String,
    /// The nearest value that is allowed.
    pub nearest: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, bound, nearest } = self;
        write!(f, "{field}: {value}: {bound}; the nearest that is allowed is {nearest}")
    }
}

/// Everything that is wrong with a wanted volume; nothing when EBS would take it.
#[must_use]
pub fn check(wanted: &Wanted) -> Vec<Refusal> {
    let limits = limits(wanted.kind);
    let mut refusals = Vec::new();
    let mut refuse = |field, value: String, bound: String, nearest: String| {
        refusals.push(Refusal { field, value, bound, nearest });
    };
    let kind = wanted.kind;
    if wanted.boots && !limits.boots {
        refuse("volumeType", kind.to_string(), format!("an instance cannot boot from {kind}"), "gp3".to_owned());
    }
    if let Some(nearest) = outside(wanted.size_gib, &limits.size_gib) {
        let bound = format!("{kind} has {} to {} GiB", limits.size_gib.start(), limits.size_gib.end());
        refuse("sizeGiB", wanted.size_gib.to_string(), bound, nearest.to_string());
    }
    let size = wanted.size_gib.clamp(*limits.size_gib.start(), *limits.size_gib.end());
    match (&limits.iops, wanted.iops) {
        (None, Some(iops)) => {
            refuse("iops", iops.to_string(), format!("IOPS cannot be chosen for {kind}"), "none".to_owned());
        }
        (Some(allowed), None) if allowed.required => {
            let bound = format!("{kind} needs IOPS");
            refuse("iops", "missing".to_owned(), bound, allowed.range.start().to_string());
        }
        (Some(allowed), Some(iops)) => {
            let most = allowed.most(size);
            if let Some(nearest) = outside(iops, &(*allowed.range.start()..=most)) {
                let bound = format!(
                    "{kind} of {size} GiB has {} to {most} IOPS, at most {} for each GiB",
                    allowed.range.start(),
                    allowed.per_gib
                );
                refuse("iops", iops.to_string(), bound, nearest.to_string());
            }
        }
        (None | Some(_), None) => {}
    }
    match (&limits.throughput_mibps, wanted.throughput_mibps) {
        (None, Some(throughput)) => {
            let bound = format!("throughput cannot be chosen for {kind}");
            refuse("throughput", throughput.to_string(), bound, "none".to_owned());
        }
        (Some(range), Some(throughput)) => {
            let iops = limits.iops.as_ref().map_or(0, |allowed| {
                wanted.iops.unwrap_or(*allowed.range.start()).clamp(*allowed.range.start(), allowed.most(size))
            });
            let most = (*range.end()).min(iops / IOPS_PER_MIBPS);
            if let Some(nearest) = outside(throughput, &(*range.start()..=most)) {
                let bound =
                    format!("{kind} with {iops} IOPS has {} to {most} MiB/s, a quarter for each", range.start());
                refuse("throughput", throughput.to_string(), bound, nearest.to_string());
            }
        }
        (None | Some(_), None) => {}
    }
    refusals
}

impl Iops {
    /// The most for a size. The least of the range needs no size.
    fn most(&self, size_gib: u32) -> u32 {
        let by_size = size_gib.saturating_mul(self.per_gib).max(*self.range.start());
        by_size.min(*self.range.end())
    }
}

/// The nearest value inside, for one that is outside.
fn outside(value: u32, range: &RangeInclusive<u32>) -> Option<u32> {
    (!range.contains(&value)).then(|| value.clamp(*range.start(), *range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(kind: VolumeType, size_gib: u32, iops: Option<u32>, throughput_mibps: Option<u32>) -> Vec<String> {
        let wanted = Wanted { kind, size_gib, iops, throughput_mibps, boots: false };
        check(&wanted).iter().map(|refusal| format!("{}→{}", refusal.field, refusal.nearest)).collect()
    }

    #[test]
    fn every_bound_holds_on_both_sides() {
        use VolumeType::{Gp2, Gp3, Io1, Io2, Sc1, St1, Standard};
        for (kind, size, iops, throughput, expected) in [
            (Gp2, 1, None, None, ""),
            (Gp2, 0, None, None, "sizeGiB→1"),
            (Gp2, 16_384, None, None, ""),
            (Gp2, 16_385, None, None, "sizeGiB→16384"),
            (Gp2, 100, Some(3_000), None, "iops→none"),
            (Gp2, 100, None, Some(125), "throughput→none"),
            (Gp3, 65_536, Some(80_000), Some(2_000), ""),
            (Gp3, 65_537, None, None, "sizeGiB→65536"),
            (Gp3, 65_536, Some(80_001), None, "iops→80000"),
            (Gp3, 1, Some(3_000), None, ""),
            (Gp3, 1, Some(2_999), None, "iops→3000"),
            (Gp3, 10, Some(5_000), None, ""),
            (Gp3, 10, Some(5_001), None, "iops→5000"),
            (Gp3, 100, None, Some(125), ""),
            (Gp3, 100, None, Some(124), "throughput→125"),
            (Gp3, 100, None, Some(750), ""),
            (Gp3, 100, None, Some(751), "throughput→750"),
            (Gp3, 100, Some(8_000), Some(2_000), ""),
            (Gp3, 100, Some(8_000), Some(2_001), "throughput→2000"),
            (Io1, 4, Some(100), None, ""),
            (Io1, 3, Some(100), None, "sizeGiB→4"),
            (Io1, 4, None, None, "iops→100"),
            (Io1, 100, Some(5_000), None, ""),
            (Io1, 100, Some(5_001), None, "iops→5000"),
            (Io1, 16_384, Some(64_000), None, ""),
            (Io1, 16_384, Some(64_001), None, "iops→64000"),
            (Io2, 4, Some(4_000), None, ""),
            (Io2, 4, Some(4_001), None, "iops→4000"),
            (Io2, 65_536, Some(256_000), None, ""),
            (Io2, 65_536, Some(256_001), None, "iops→256000"),
            (St1, 125, None, None, ""),
            (St1, 124, None, None, "sizeGiB→125"),
            (Sc1, 16_384, None, None, ""),
            (Sc1, 16_385, None, None, "sizeGiB→16384"),
            (Standard, 1_024, None, None, ""),
            (Standard, 1_025, None, None, "sizeGiB→1024"),
        ] {
            assert_eq!(
                refused(kind, size, iops, throughput).join(" "),
                expected,
                "{kind} {size} {iops:?} {throughput:?}"
            );
        }
    }

    #[test]
    fn a_hard_disk_does_not_boot_and_the_refusal_says_what_does() {
        for (kind, boots) in [(VolumeType::St1, false), (VolumeType::Sc1, false), (VolumeType::Gp3, true)] {
            let wanted = Wanted { kind, size_gib: 500, iops: None, throughput_mibps: None, boots: true };
            let refusals: Vec<String> = check(&wanted).iter().map(ToString::to_string).collect();
            let expected =
                format!("volumeType: {kind}: an instance cannot boot from {kind}; the nearest that is allowed is gp3");
            assert_eq!(refusals, if boots { vec![] } else { vec![expected] });
        }
    }

    proptest! {
        #[test]
        fn what_is_named_as_the_nearest_is_allowed(
            (_, kind) in prop::sample::select(VolumeType::ALL.to_vec()), size_gib in 0_u32..100_000,
            iops in prop::option::of(0_u32..400_000), throughput_mibps in prop::option::of(0_u32..5_000), boots: bool,
        ) {
            let mut wanted = Wanted { kind, size_gib, iops, throughput_mibps, boots };
            for refusal in check(&wanted) {
                let number = refusal.nearest.parse().ok();
                match refusal.field {
                    "volumeType" => return Ok(()),
                    "sizeGiB" => wanted.size_gib = number.unwrap(),
                    "iops" => wanted.iops = number,
                    _ => wanted.throughput_mibps = number,
                }
            }
            prop_assert_eq!(check(&wanted), vec![]);
            prop_assert_eq!(kind.to_string().parse::<VolumeType>().unwrap(), kind);
        }
    }
}
