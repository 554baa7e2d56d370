//! As which other type a volume would be cheaper or better: rules of thumb, at the list prices of [`contract::prices`].
//!
//! Only what the spec says is known: type, size, IOPS, throughput, and the device name. How a volume is used is not. So what is
//! advised can do what the volume can do, and where it cannot, its [`AdviceNote`] says what is lost.
//!
//! What a type can do: EBS user guide, "General Purpose SSD volumes", "Provisioned IOPS SSD volumes" and "Throughput Optimized
//! HDD and Cold HDD volumes".

use std::cmp::Reverse;
use std::fmt;

use contract::prices::{self, ListPrice, PER_CENT, Tier};
use contract::tally::AdviceNote;

use crate::spec::VolumeSpec;
use crate::volume_type::{VolumeType, Wanted, check};

/// Another type for a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// What it would be.
    pub to: Wanted,
    /// What it costs less in a month, in whole US cents, rounded down: never more than it is. Below 0, it costs more.
    pub saves_cents: i64,
    /// What else there is to say.
    pub note: AdviceNote,
}

impl fmt::Display for Advice {
    /// `gp3 3,000 IOPS 125 MiB/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to.kind)?;
        if let Some(iops) = self.to.iops {
            write!(f, " {} IOPS", grouped(iops))?;
        }
        if let Some(throughput) = self.to.throughput_mibps {
            write!(f, " {} MiB/s", grouped(throughput))?;
        }
        Ok(())
    }
}

/// A number as people write it, `2,000`.
fn grouped(number: u32) -> String {
    let (thousands, rest) = (number / 1_000, number % 1_000);
    if thousands > 0 { format!("{},{rest:03}", grouped(thousands)) } else { rest.to_string() }
}

/// One type instead of another.
struct Rule {
    from: VolumeType,
    to: VolumeType,
    note: AdviceNote,
    /// Whether it is worth nothing unless it is cheaper, by a cent a month or more.
    to_save: bool,
}

const fn cheaper(from: VolumeType, to: VolumeType, note: AdviceNote) -> Rule {
    Rule { from, to, note, to_save: true }
}

const fn better(from: VolumeType, to: VolumeType, note: AdviceNote) -> Rule {
    Rule { from, to, note, to_save: false }
}

const RULES: [Rule; 7] = [
    cheaper(VolumeType::Gp2, VolumeType::Gp3, AdviceNote::SameOrBetter),
    cheaper(VolumeType::Io1, VolumeType::Gp3, AdviceNote::OtherLatency),
    cheaper(VolumeType::Io2, VolumeType::Gp3, AdviceNote::LessDurable),
    better(VolumeType::Io1, VolumeType::Io2, AdviceNote::MoreDurable),
    // Throughput that was bought, and no IOPS with it: large, sequential requests are what such a volume is for.
    cheaper(VolumeType::Gp3, VolumeType::St1, AdviceNote::Sequential),
    // Magnetic volumes are for data that is seldom read.
    cheaper(VolumeType::Standard, VolumeType::Sc1, AdviceNote::Cold),
    better(VolumeType::Standard, VolumeType::Gp3, AdviceNote::Faster),
];

/// All that can be advised for a volume, what saves most first. Nothing for a type that is not known, and nothing that EBS
/// would refuse.
#[must_use]
pub fn advise(spec: &VolumeSpec) -> Vec<Advice> {
    let Ok(from) = spec.volume_type.parse::<VolumeType>() else { return Vec::new() };
    let now = monthly(from, spec.size_gib, spec.iops, spec.throughput_mibps);
    let mut advice: Vec<Advice> = RULES
        .iter()
        .filter(|rule| rule.from == from)
        .filter_map(|rule| {
            let to = instead(spec, from, rule.to)?;
            // Rounded down, whichever of the two costs more.
            let saves = now - monthly(to.kind, to.size_gib, to.iops, to.throughput_mibps);
            let saves_cents = saves.div_euclid(PER_CENT);
            let worth_it = !rule.to_save || saves_cents > 0;
            (worth_it && check(&to).is_empty()).then_some(Advice { to, saves_cents, note: rule.note })
        })
        .collect();
    advice.sort_by_key(|advice| Reverse(advice.saves_cents));
    advice
}

/// What a volume can do at its best, a burst included.
struct Best {
    iops: u32,
    mibps: u32,
}

/// The IOPS that every gp3 volume has, and that a gp2 volume may burst to.
const GP3_IOPS: u32 = 3_000;
/// The throughput that every gp3 volume has, in MiB/s.
const GP3_MIBPS: u32 = 125;
/// The most of a gp3 volume, in MiB/s.
const GP3_MOST_MIBPS: u32 = 2_000;

/// What the volume can do, by what the user guide says of its type; `None` where the IOPS are missing that it must have.
fn best(spec: &VolumeSpec, kind: VolumeType) -> Option<Best> {
    Some(match kind {
        VolumeType::Gp2 => Best {
            iops: spec.size_gib.saturating_mul(3).clamp(GP3_IOPS, 16_000),
            mibps: if spec.size_gib <= 170 { 128 } else { 250 },
        },
        VolumeType::Gp3 => {
            Best { iops: spec.iops.unwrap_or(GP3_IOPS), mibps: spec.throughput_mibps.unwrap_or(GP3_MIBPS) }
        }
        // Requests of 256 KiB up to 500 MiB/s, and above 32,000 IOPS as many of 16 KiB as there may be.
        VolumeType::Io1 => {
            let iops = spec.iops?;
            Best { iops, mibps: (iops / 4).min(500).max((iops / 64).min(1_000)) }
        }
        VolumeType::Io2 => {
            let iops = spec.iops?;
            Best { iops, mibps: (iops / 4).min(4_000) }
        }
        // About a hundred IOPS, 40 to 90 MiB/s: less than a gp3 volume has in any case.
        VolumeType::St1 | VolumeType::Sc1 | VolumeType::Standard => Best { iops: 0, mibps: 0 },
    })
}

/// The volume as the type `to`.
fn instead(spec: &VolumeSpec, from: VolumeType, to: VolumeType) -> Option<Wanted> {
    let best = best(spec, from)?;
    let (iops, throughput_mibps) = match to {
        // An io2 volume may have up to 4,000 MiB/s: then the gp3 volume has less.
        VolumeType::Gp3 => (Some(best.iops.max(GP3_IOPS)), Some(best.mibps.clamp(GP3_MIBPS, GP3_MOST_MIBPS))),
        VolumeType::Io1 | VolumeType::Io2 => (Some(best.iops), None),
        VolumeType::St1 => {
            let bought = best.iops <= GP3_IOPS && best.mibps > GP3_MIBPS;
            let enough = best.mibps <= st1_mibps(spec.size_gib);
            (bought && enough).then_some((None, None))?
        }
        VolumeType::Gp2 | VolumeType::Sc1 | VolumeType::Standard => (None, None),
    };
    Some(Wanted { kind: to, size_gib: spec.size_gib, iops, throughput_mibps, boots: may_boot(spec) })
}

/// What an st1 volume gives at any time, without a burst: 40 MiB/s for each TiB, at most 500.
fn st1_mibps(size_gib: u32) -> u32 {
    (size_gib.saturating_mul(40) / 1_024).min(500)
}

/// Whether an instance may boot from the volume: unless it is attached under a name that is for data, from `b` to `z`
/// (EC2 user guide, "Device names for volumes"). Of one that is not attached nobody knows.
fn may_boot(spec: &VolumeSpec) -> bool {
    let for_data = |device: &str| {
        let name = device.strip_prefix("/dev/").unwrap_or(device);
        let rest = name.strip_prefix("xvd").or_else(|| name.strip_prefix("sd"));
        rest.is_some_and(|rest| rest.starts_with(|letter| ('b'..='z').contains(&letter)))
    };
    !spec.attachment.as_ref().is_some_and(|attachment| for_data(&attachment.device))
}

fn list_price(kind: VolumeType) -> &'static ListPrice {
    match kind {
        VolumeType::Gp2 => &prices::GP2,
        VolumeType::Gp3 => &prices::GP3,
        VolumeType::Io1 => &prices::IO1,
        VolumeType::Io2 => &prices::IO2,
        VolumeType::St1 => &prices::ST1,
        VolumeType::Sc1 => &prices::SC1,
        VolumeType::Standard => &prices::STANDARD,
    }
}

/// What a volume costs in a month, in thousandths of a cent.
fn monthly(kind: VolumeType, size_gib: u32, iops: Option<u32>, mibps: Option<u32>) -> i64 {
    let price = list_price(kind);
    i64::from(size_gib) * price.gib
        + of_tiers(price.iops, iops.unwrap_or_default())
        + of_tiers(price.mibps, mibps.unwrap_or_default())
}

fn of_tiers(tiers: &[Tier], amount: u32) -> i64 {
    let ends = tiers.iter().skip(1).map(|next| next.above).chain([u32::MAX]);
    tiers.iter().zip(ends).map(|(tier, end)| i64::from(amount.min(end).saturating_sub(tier.above)) * tier.each).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Attachment;
    use VolumeType::{Gp2, Gp3, Io1, Io2, Sc1, St1, Standard};
    use proptest::prelude::*;

    fn spec(kind: VolumeType, size_gib: u32, iops: Option<u32>, mibps: Option<u32>, device: &str) -> VolumeSpec {
        let attachment = (!device.is_empty())
            .then(|| Attachment { instance: "i-0123456789abcdef0".to_owned(), device: device.to_owned() });
        VolumeSpec {
            volume_type: kind.to_string(),
            size_gib,
            iops,
            throughput_mibps: mibps,
            attachment,
            ..Default::default()
        }
    }

    fn advised(spec: &VolumeSpec) -> String {
        let words = |advice: &Advice| format!("{advice} {} {:?}", advice.saves_cents, advice.note);
        advise(spec).iter().map(words).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_table_of_volumes_and_what_is_advised() {
        for (kind, size, iops, mibps, expected) in [
            // gp2: 128 MiB/s up to 170 GiB, of which gp3 includes 125; 250 above.
            (Gp2, 6, None, None, ""),
            (Gp2, 7, None, None, "gp3 3,000 IOPS 128 MiB/s 2 SameOrBetter"),
            (Gp2, 100, Some(300), None, "gp3 3,000 IOPS 128 MiB/s 188 SameOrBetter"),
            (Gp2, 170, Some(510), None, "gp3 3,000 IOPS 128 MiB/s 328 SameOrBetter"),
            (Gp2, 171, Some(513), None, ""),
            (Gp2, 250, Some(750), None, ""),
            (Gp2, 251, Some(753), None, "gp3 3,000 IOPS 250 MiB/s 2 SameOrBetter"),
            (Gp2, 1_000, Some(3_000), None, "gp3 3,000 IOPS 250 MiB/s 1500 SameOrBetter"),
            (Gp2, 1_001, Some(3_003), None, "gp3 3,003 IOPS 250 MiB/s 1500 SameOrBetter"),
            (Gp2, 2_000, Some(6_000), None, "gp3 6,000 IOPS 250 MiB/s 2000 SameOrBetter"),
            (Gp2, 16_384, Some(16_000), None, "gp3 16,000 IOPS 250 MiB/s 25768 SameOrBetter"),
            (Io1, 4, Some(100), None, "gp3 3,000 IOPS 125 MiB/s 668 OtherLatency; io2 100 IOPS 0 MoreDurable"),
            (
                Io1,
                1_000,
                Some(10_000),
                None,
                "gp3 10,000 IOPS 500 MiB/s 64500 OtherLatency; io2 10,000 IOPS 0 MoreDurable",
            ),
            // Above 32,000 IOPS io2 has a lower price for each.
            (
                Io1,
                1_280,
                Some(64_000),
                None,
                "gp3 64,000 IOPS 1,000 MiB/s 387760 OtherLatency; io2 64,000 IOPS 62400 MoreDurable",
            ),
            (Io1, 100, None, None, ""),
            (Io2, 160, Some(80_000), None, "gp3 80,000 IOPS 2,000 MiB/s 359280 LessDurable"),
            (Io2, 160, Some(80_001), None, ""),
            (Io2, 10, Some(5_000), None, "gp3 5,000 IOPS 1,250 MiB/s 27045 LessDurable"),
            (Io2, 10, Some(5_001), None, ""),
            (Gp3, 500, Some(3_000), Some(125), ""),
            (Gp3, 8_192, None, None, ""),
            (Gp3, 8_192, Some(3_000), Some(320), "st1 29452 Sequential"),
            (Gp3, 8_192, Some(3_000), Some(321), ""),
            (Gp3, 8_192, Some(3_001), Some(320), ""),
            (St1, 500, None, None, ""),
            (Sc1, 500, None, None, ""),
            (Standard, 124, None, None, "gp3 3,000 IOPS 125 MiB/s -372 Faster"),
            (Standard, 125, None, None, "sc1 437 Cold; gp3 3,000 IOPS 125 MiB/s -375 Faster"),
        ] {
            assert_eq!(advised(&spec(kind, size, iops, mibps, "/dev/sdf")), expected, "{kind} {size} {iops:?}");
        }
        let unknown = VolumeSpec { volume_type: "gp9".to_owned(), ..spec(Gp2, 100, None, None, "") };
        assert_eq!(advise(&unknown), []);
    }

    #[test]
    fn a_volume_that_may_boot_is_never_to_be_a_hard_disk() {
        for (device, hard_disk) in [
            ("/dev/sdb", true),
            ("/dev/sdf1", true),
            ("/dev/xvdf", true),
            ("xvdbz", true),
            ("/dev/sda", false),
            ("/dev/sda1", false),
            ("/dev/xvda", false),
            ("/dev/nvme1n1", false),
            ("/dev/sd", false),
            ("", false),
        ] {
            let advice = advise(&spec(Standard, 500, None, None, device));
            assert_eq!(advice.iter().any(|advice| advice.to.kind == Sc1), hard_disk, "{device:?}");
        }
    }

    #[test]
    fn a_month_costs_what_the_list_says() {
        for (kind, size, iops, mibps, cents) in [
            (Gp2, 100, None, None, 1_000),
            (Gp3, 100, None, None, 800),
            (Gp3, 100, Some(3_000), Some(125), 800),
            (Gp3, 100, Some(4_000), Some(225), 800 + 500 + 400),
            (Io1, 100, Some(1_000), None, 1_250 + 6_500),
            (Io2, 1_000, Some(32_000), None, 12_500 + 208_000),
            (Io2, 1_000, Some(64_000), None, 12_500 + 208_000 + 145_600),
            (Io2, 1_000, Some(100_000), None, 12_500 + 208_000 + 145_600 + 114_660),
            (St1, 1_000, None, None, 4_500),
            (Sc1, 1_000, None, None, 1_500),
            (Standard, 1_000, None, None, 5_000),
        ] {
            assert_eq!(monthly(kind, size, iops, mibps), cents * PER_CENT, "{kind} {size} {iops:?} {mibps:?}");
        }
    }

    /// What a volume costs in a month in thousandths of a cent, written once more and without the table of tiers.
    fn cost(wanted: &Wanted) -> i64 {
        let size = i64::from(wanted.size_gib);
        let iops = i64::from(wanted.iops.unwrap_or_default());
        let mibps = i64::from(wanted.throughput_mibps.unwrap_or_default());
        match wanted.kind {
            Gp2 => size * 10_000,
            Gp3 => size * 8_000 + (iops - 3_000).max(0) * 500 + (mibps - 125).max(0) * 4_000,
            Io1 => size * 12_500 + iops * 6_500,
            Io2 => {
                let (second, third) = ((iops - 32_000).max(0), (iops - 64_000).max(0));
                size * 12_500 + iops * 6_500 - second * 1_950 - third * 1_365
            }
            St1 => size * 4_500,
            Sc1 => size * 1_500,
            Standard => size * 5_000,
        }
    }

    prop_compose! {
        fn any_spec()(
            kind in prop::sample::select(vec![Gp2, Gp3, Io1, Io2, St1, Sc1, Standard]),
            size in prop_oneof![0_u32..600, 0_u32..70_000, Just(u32::MAX)],
            iops in prop::option::of(prop_oneof![0_u32..5_000, 0_u32..300_000, Just(u32::MAX)]),
            mibps in prop::option::of(prop_oneof![100_u32..1_000, 0_u32..5_000, Just(u32::MAX)]),
            device in prop_oneof![
                prop::sample::select(vec!["", "/dev/xvda", "/dev/sda1", "/dev/sdf"]).prop_map(str::to_owned), "\\PC{0,12}",
            ],
        ) -> VolumeSpec {
            spec(kind, size, iops, mibps, &device)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_advised_is_allowed_and_of_the_same_size(spec in any_spec()) {
            let advice = advise(&spec);
            for advice in &advice {
                prop_assert_eq!(check(&advice.to), vec![], "{} for {}", advice, spec);
                prop_assert!(advice.to.size_gib == spec.size_gib && advice.to.kind.to_string() != spec.volume_type);
                prop_assert!(advice.to_string().len() <= contract::tally::ADVICE_BYTES, "{}", advice);
            }
            prop_assert_eq!(advise(&spec), advice, "not the same again");
        }

        #[test]
        fn what_is_said_to_be_saved_is_saved_to_the_cent(spec in any_spec()) {
            let now = Wanted {
                kind: spec.volume_type.parse().unwrap(), size_gib: spec.size_gib, iops: spec.iops,
                throughput_mibps: spec.throughput_mibps, boots: false,
            };
            for advice in advise(&spec) {
                let saved = cost(&now) - cost(&advice.to);
                prop_assert!(advice.saves_cents * PER_CENT <= saved, "{} promises too much for {}", advice, spec);
                prop_assert!((advice.saves_cents + 1) * PER_CENT > saved, "{} promises too little for {}", advice, spec);
                let better = matches!(advice.note, AdviceNote::MoreDurable | AdviceNote::Faster);
                prop_assert!(better || advice.saves_cents > 0, "{} saves nothing for {}", advice, spec);
            }
        }

        #[test]
        fn what_is_the_same_or_better_does_all_that_the_volume_does(size in 1_u32..=16_384) {
            for advice in advise(&spec(Gp2, size, None, None, "")) {
                let (iops, mibps) = (advice.to.iops.unwrap(), advice.to.throughput_mibps.unwrap());
                prop_assert!(iops >= (3 * size).clamp(100, 16_000) && iops >= 3_000);
                let burst = if size <= 170 { 128 } else { 250 };
                prop_assert!(mibps >= burst);
            }
        }

        #[test]
        fn nothing_that_may_boot_is_to_be_a_hard_disk(mut spec in any_spec(), device in "/dev/(sda|xvda|nvme)[0-9]?") {
            for attachment in [None, Some(Attachment { instance: "i-1".to_owned(), device })] {
                spec.attachment = attachment;
                prop_assert!(advise(&spec).iter().all(|advice| !matches!(advice.to.kind, St1 | Sc1)));
            }
        }
    }
}
