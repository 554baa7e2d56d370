//! What a volume is made of, as the tag `ebs-backup:spec` records it.
//!
//! The tag holds `key=value` pairs with single spaces between them, for example
//! `type=gp3 size=100 iops=3000 throughput=125 zone=eu-west-1a encrypted=false device=/dev/xvda instance=i-0abc`.
//! Only characters that a tag may hold in every service of AWS; 256 of them are more than the longest spec needs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use contract::limits::TAG_VALUE_CHARS;
use contract::parse::InvalidValue;

/// Enough of a volume to make it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeSpec {
    /// `gp3`, `io2`, … as EC2 names it.
    pub volume_type: String,
    /// In GiB.
    pub size_gib: u32,
    /// Provisioned or baseline I/O operations per second, where EC2 gives them.
    pub iops: Option<u32>,
    /// In MiB/s, where EC2 gives it.
    pub throughput_mibps: Option<u32>,
    /// The availability zone.
    pub zone: String,
    /// Whether it is encrypted. The key is the snapshot's own.
    pub encrypted: bool,
    /// The instance it is attached to and the device name there; the first, where it is attached to several.
    pub attachment: Option<Attachment>,
}

/// Where a volume is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The instance's id.
    pub instance: String,
    /// The device name, `/dev/xvda`.
    pub device: String,
}

impl fmt::Display for VolumeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type={} size={}", self.volume_type, self.size_gib)?;
        if let Some(iops) = self.iops {
            write!(f, " iops={iops}")?;
        }
        if let Some(throughput) = self.throughput_mibps {
            write!(f, " throughput={throughput}")?;
        }
        write!(f, " zone={} encrypted={}", self.zone, self.encrypted)?;
        if let Some(attachment) = &self.attachment {
            write!(f, " device={} instance={}", attachment.device, attachment.instance)?;
        }
        Ok(())
    }
}

impl VolumeSpec {
    /// The tag's value, never longer than a tag's value may be.
    #[must_use]
    pub fn tag_value(&self) -> String {
        self.to_string().chars().take(TAG_VALUE_CHARS).collect()
    }
}

impl FromStr for VolumeSpec {
    type Err = InvalidValue;

    /// Reads a tag's value. Keys that are not known are left aside, so that an older version can read a newer tag.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |expected: &str| InvalidValue::new("volume spec", text, expected.to_owned());
        let fields: BTreeMap<&str, &str> = text.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
        let field = |key: &'static str| fields.get(key).copied().ok_or_else(|| refuse(&format!("a field {key}=…")));
        let number = |key: &'static str| -> Result<Option<u32>, InvalidValue> {
            fields
                .get(key)
                .map(|value| value.parse().map_err(|_| refuse(&format!("a whole number as {key}"))))
                .transpose()
        };
        Ok(Self {
            volume_type: field("type")?.to_owned(),
            size_gib: number("size")?.ok_or_else(|| refuse("a field size=…"))?,
            iops: number("iops")?,
            throughput_mibps: number("throughput")?,
            zone: field("zone")?.to_owned(),
            encrypted: field("encrypted")? == "true",
            attachment: fields.get("instance").zip(fields.get("device")).map(|(instance, device)| Attachment {
                instance: (*instance).to_owned(),
                device: (*device).to_owned(),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn any_spec()(
            volume_type in prop::sample::select(vec!["gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"]),
            size_gib in 1_u32..65_536, iops in prop::option::of(100_u32..256_000),
            throughput_mibps in prop::option::of(125_u32..2_000), encrypted: bool,
            attachment in prop::option::of(("i-[0-9a-f]{17}", "/dev/[a-z0-9]{1,32}")),
        ) -> VolumeSpec {
            VolumeSpec {
                volume_type: volume_type.to_owned(), size_gib, iops, throughput_mibps, encrypted,
                zone: "us-gov-west-1-lax-1a".to_owned(),
                attachment: attachment.map(|(instance, device)| Attachment { instance, device }),
            }
        }
    }

    proptest! {
        #[test]
        fn a_spec_comes_back_from_its_tag(spec in any_spec()) {
            let tag = spec.tag_value();
            prop_assert!(tag.len() <= TAG_VALUE_CHARS);
            prop_assert_eq!(tag.parse::<VolumeSpec>().unwrap(), spec);
        }

        /// What EC2 gives is not ours to choose: whatever it is, the tag fits and is read again or refused.
        #[test]
        fn the_tag_of_any_volume_fits_and_is_read_or_refused_by_name(
            mut spec in any_spec(), zone in ".{0,300}", device in "\\PC{0,300}", volume_type in "[a-z0-9 =]{0,9}",
        ) {
            (spec.volume_type, spec.zone) = (volume_type, zone);
            spec.attachment = Some(Attachment { instance: "i-0123456789abcdef0".to_owned(), device });
            let tag = spec.tag_value();
            prop_assert!(tag.chars().count() <= TAG_VALUE_CHARS);
            prop_assert!(spec.to_string().starts_with(&tag));
            match tag.parse::<VolumeSpec>() {
                Ok(read) => prop_assert!(read.tag_value().chars().count() <= TAG_VALUE_CHARS),
                Err(error) => {
                    prop_assert_eq!(error.what, "volume spec");
                    prop_assert!(!error.expected.is_empty());
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused_by_name(text in ".{0,300}") {
            if let Err(error) = text.parse::<VolumeSpec>() {
                prop_assert_eq!(error.what, "volume spec");
            }
        }
    }
}
