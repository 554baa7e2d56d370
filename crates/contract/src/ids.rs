//! Names and identifiers, checked when they are parsed.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::parse::InvalidValue;

/// Defines a string newtype whose every value has passed `check`.
macro_rules! checked_string {
    ($(#[$doc:meta])* $name:ident, $what:literal, $pattern:literal, $expected:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend("pattern" = $pattern))]
        pub struct $name(String);

        impl $name {
            /// Checks `value`.
            ///
            /// # Errors
            /// When `value` is not of the documented form; the message says what would be right.
            pub fn new(value: impl Into<String>) -> Result<Self, $crate::parse::InvalidValue> {
                let value = value.into();
                let check: fn(&str) -> bool = $check;
                if check(&value) { Ok(Self(value)) } else { Err($crate::parse::InvalidValue::new($what, &value, $expected)) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::parse::InvalidValue;
            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::parse::InvalidValue;
            fn try_from(value: String) -> Result<Self, Self::Error> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use checked_string;

/// `prefix` and 8 to 17 hexadecimal digits: EC2's short and long resource ids.
fn is_resource_id(value: &str, prefix: &str) -> bool {
    value.strip_prefix(prefix).is_some_and(|id| {
        (8..=17).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// Whether every character of `value` is one that AWS allows in a tag in all of its services: letters, digits, spaces
/// and `+ - = . _ : / @`.
pub(crate) fn is_tag_text(value: &str) -> bool {
    value.chars().all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c))
}

checked_string!(
    /// The id of an EBS volume, `vol-0123456789abcdef0`.
    VolumeId, "volume id", "^vol-[0-9a-f]{8,17}$", "vol- and 8 to 17 hexadecimal digits",
    |value| is_resource_id(value, "vol-")
);

checked_string!(
    /// The id of an EBS snapshot, `snap-0123456789abcdef0`.
    SnapshotId, "snapshot id", "^snap-[0-9a-f]{8,17}$", "snap- and 8 to 17 hexadecimal digits",
    |value| is_resource_id(value, "snap-")
);

checked_string!(
    /// The id of an instance, `i-0123456789abcdef0`.
    InstanceId, "instance id", "^i-[0-9a-f]{8,17}$", "i- and 8 to 17 hexadecimal digits",
    |value| is_resource_id(value, "i-")
);

checked_string!(
    /// The name of an availability zone, a Local Zone or a Wavelength Zone: `eu-west-1a`, `us-west-2-lax-1a`,
    /// `us-east-1-wl1-bos-wlz-1`.
    Zone, "availability zone", "^[a-z]{2,}(-[a-z0-9]+)+$", "the name of a zone such as eu-west-1a",
    |value| {
        let parts: Vec<&str> = value.split('-').collect();
        value.len() <= 48
            && parts.len() >= 3
            && parts[0].len() >= 2
            && parts[0].bytes().all(|b| b.is_ascii_lowercase())
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            // A region's name is none; a Wavelength Zone ends with a number.
            && (value.ends_with(|c: char| c.is_ascii_lowercase()) || parts.len() > 4)
    }
);

checked_string!(
    /// The name of a block device as EC2 has it: `/dev/sdf`, `/dev/xvda`, and `xvdf` on Windows.
    Device, "device name", "^(/dev/)?[a-z][a-z0-9]{2,30}$", "a device name such as /dev/sdf (xvdf on Windows)",
    |value| {
        let name = value.strip_prefix("/dev/").unwrap_or(value);
        (3..=31).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    }
);

checked_string!(
    /// A key of AWS KMS as EC2 takes it: its id, its ARN, or an alias (`alias/backups`) or the ARN of one.
    KmsKeyId, "KMS key", "^[A-Za-z0-9:/_.-]{1,512}$", "the id or ARN of a KMS key, or an alias such as alias/backups",
    |value| {
        (1..=512).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_.-".contains(&b))
    }
);

checked_string!(
    /// The name of one restore: that of its execution, as the console shows it. What a restore makes bears it in the tag
    /// [`crate::selector::RESTORE_TAG`], and calls that are sent again are known by it. At most 80 characters (Step
    /// Functions, "StartExecution").
    RestoreId, "restore id", r"^[\p{Alphabetic}\p{N}+\-=._@]{1,80}$",
    "1 to 80 letters, digits or + - = . _ @, as it becomes the value of a tag: start the execution with such a name",
    |value| (1..=80).contains(&value.chars().count()) && is_tag_text(value) && !value.contains([' ', ':', '/'])
);

checked_string!(
    /// The code of an AWS region, `eu-west-1`.
    Region, "region", "^[a-z]{2,}(-[a-z0-9]+)+$", "a region code such as eu-west-1",
    |value| {
        let parts: Vec<&str> = value.split('-').collect();
        value.len() <= 32
            && parts.len() >= 2
            && parts[0].len() >= 2
            && parts[0].bytes().all(|b| b.is_ascii_lowercase())
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
    }
);

checked_string!(
    /// The name of one run of one policy. It is the token of idempotence: every snapshot bears it in the tag
    /// [`crate::selector::RUN_TAG`], and a run never makes a second snapshot of a volume that has one with its id.
    /// So it must be a tag's value: 1 to 256 letters, digits, spaces and `+ - = . _ : / @`, no space at either end
    /// (in bytes, which bounds the size of a job).
    RunId, "run id", r"^[\p{Alphabetic}\p{N} +\-=._:/@]{1,256}$",
    "1 to 256 letters, digits, spaces or + - = . _ : / @, as it becomes the value of a tag",
    |value| !value.is_empty() && value.trim() == value && value.len() <= crate::limits::TAG_VALUE_CHARS && is_tag_text(value)
);

checked_string!(
    /// The name of a policy: a lower-case letter or digit, then up to 31 more or `-`.
    PolicyName, "policy name", "^[a-z0-9][a-z0-9-]{0,31}$",
    "1 to 32 lower-case letters, digits or -, beginning with a letter or digit",
    |value| {
        (1..=32).contains(&value.len())
            && !value.starts_with('-')
            && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
);

checked_string!(
    /// A purge plan: the moment it is of, in UTC to the second, and 16 hexadecimal digits over the region, the policy and
    /// the snapshots it deletes; `20261123020007-0123456789abcdef`.
    PlanId, "purge plan", "^[0-9]{14}-[0-9a-f]{16}$", "14 digits, - and 16 hexadecimal digits, as the report shows it",
    |value| {
        let digits = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        value.split_once('-').is_some_and(|(moment, hash)| digits(hash, 16) && digits(moment, 14) && moment_of(moment).is_some())
    }
);

fn moment_of(stamp: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(stamp, PLAN_MOMENT).ok().map(|moment| moment.and_utc())
}

/// How a [`PlanId`] writes the moment it is of.
const PLAN_MOMENT: &str = "%Y%m%d%H%M%S";

impl PlanId {
    /// The id of the plan of `moment` with the digest `hash`, 16 hexadecimal digits.
    ///
    /// # Errors
    /// When `hash` is something else.
    pub fn of(moment: DateTime<Utc>, hash: &str) -> Result<Self, InvalidValue> {
        Self::new(format!("{}-{hash}", moment.format(PLAN_MOMENT)))
    }

    /// The moment that the plan is of.
    #[must_use]
    pub fn moment(&self) -> DateTime<Utc> {
        self.0.split_once('-').and_then(|(moment, _)| moment_of(moment)).unwrap_or_default()
    }
}

impl RunId {
    /// The run id as it stands in a message that has room for `max` bytes of JSON.
    #[must_use]
    pub fn clipped(&self, max: usize) -> String {
        crate::text::clip(self.as_str(), max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_a_run_id_is_a_tag_value() {
        for good in ["daily-2026-11-23T02:00:00Z", "a", "Lauf 7 / Nacht@haus", &"x".repeat(256)] {
            assert!(RunId::new(good).is_ok(), "{good}");
        }
        for bad in ["", " ", " x", "x ", "a\nb", "semi;colon", "<aws.scheduler.scheduled-time>", &"x".repeat(257)] {
            assert!(RunId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_purge_plan_knows_the_moment_it_is_of() {
        let moment = "2026-11-23T02:00:07Z".parse().unwrap();
        let plan = PlanId::of(moment, "0123456789abcdef").unwrap();
        assert_eq!((plan.as_str(), plan.moment()), ("20261123020007-0123456789abcdef", moment));
        for bad in [
            "",
            "all",
            "0123456789abcdef",
            "20261123020007-",
            "20261399020007-0123456789abcdef",
            "20261123020007-0123456789abcdeg",
        ] {
            assert!(PlanId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn resource_ids_have_ec2s_form() {
        assert!(VolumeId::new("vol-0123456789abcdef0").is_ok());
        assert!(VolumeId::new("vol-01234567").is_ok());
        for bad in ["", "vol-", "vol-0123456", "vol-0123456789abcdef01", "snap-01234567", "vol-0123456G"] {
            assert!(VolumeId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn regions_of_every_partition_are_regions() {
        for good in ["eu-west-1", "us-gov-west-1", "cn-north-1", "ap-southeast-7", "us-isob-east-1", "eusc-de-east-1"] {
            assert!(Region::new(good).is_ok(), "{good}");
        }
        for bad in ["", "EU-WEST-1", "eu west 1", "europe", "eu-", "-eu-west-1", "eu-west-1a,eu-west-2"] {
            assert!(Region::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_refusal_shows_the_value_and_what_would_be_right() {
        let error = PolicyName::new("Daily!").unwrap_err().to_string();
        assert_eq!(
            error,
            r#""Daily!" is not a valid policy name: 1 to 32 lower-case letters, digits or -, beginning with a letter or digit"#
        );
    }
}
