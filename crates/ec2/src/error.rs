//! What EC2's errors mean to a backup.

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use contract::errors::{EC2_THROTTLED, EC2_UNAVAILABLE};
use step_runtime::StepError;
use thiserror::Error;

/// A call to EC2 that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct Ec2Error {
    code: String,
    message: String,
    kind: Kind,
}

/// What is to be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request bucket is empty. Nothing was done; slow down and try again.
    Throttled,
    /// EC2 failed on its side, could not be reached, or its answer was lost. A write may have been done.
    Unavailable,
    /// A limit that passes with time: too many snapshots pending, or too soon after the volume's last one.
    Limit,
    /// The region has as many snapshots as it may have. No create will succeed.
    Quota,
    /// The zone has no room for the volume now. EC2 counts it among its own failures; to try again and again is no help to
    /// somebody who waits for data.
    Capacity,
    /// The volume does not exist any more.
    VolumeGone,
    /// The snapshot does not exist any more.
    SnapshotGone,
    /// The snapshot belongs to an AMI, or to fast snapshot restore.
    SnapshotInUse,
    /// The resource is in a state that passes with time.
    Transitional,
    /// The tags are more, or others, than the account allows.
    Tags,
    /// The credentials have expired; newer ones may be there.
    Expired,
    /// Anything else: the item fails, with EC2's own code and words.
    Other,
}

/// The codes that mean something to us. Source: EC2 API reference, "Error codes"; the codes of the snapshot limits are
/// known to no SDK's retry.
const KINDS: [(&str, Kind); 27] = [
    ("RequestLimitExceeded", Kind::Throttled),
    ("Throttling", Kind::Throttled),
    ("ThrottlingException", Kind::Throttled),
    ("EC2ThrottledException", Kind::Throttled),
    ("RequestThrottled", Kind::Throttled),
    ("TooManyRequestsException", Kind::Throttled),
    ("InternalError", Kind::Unavailable),
    ("InternalFailure", Kind::Unavailable),
    ("ServiceUnavailable", Kind::Unavailable),
    ("Unavailable", Kind::Unavailable),
    ("RequestTimeout", Kind::Unavailable),
    ("SnapshotCreationPerVolumeRateExceeded", Kind::Limit),
    ("ConcurrentSnapshotLimitExceeded", Kind::Limit),
    ("PendingSnapshotLimitExceeded", Kind::Limit),
    ("SnapshotLimitExceeded", Kind::Quota),
    ("InsufficientVolumeCapacity", Kind::Capacity),
    ("InvalidVolume.NotFound", Kind::VolumeGone),
    ("InvalidSnapshot.NotFound", Kind::SnapshotGone),
    ("InvalidSnapshot.InUse", Kind::SnapshotInUse),
    ("IncorrectState", Kind::Transitional),
    ("InvalidState", Kind::Transitional),
    ("IncorrectStateException", Kind::Transitional),
    ("TagLimitExceeded", Kind::Tags),
    ("TagPolicyViolation", Kind::Tags),
    ("RequestExpired", Kind::Expired),
    ("ExpiredToken", Kind::Expired),
    ("ExpiredTokenException", Kind::Expired),
];

impl Ec2Error {
    /// An error that EC2 gave a code.
    pub fn coded(code: impl Into<String>, message: impl Into<String>) -> Self {
        let code = code.into();
        let kind = KINDS.iter().find(|(known, _)| *known == code).map_or(Kind::Other, |(_, kind)| *kind);
        Self { code, message: message.into(), kind }
    }

    /// An error without a code: the call did not come back, or not whole.
    pub fn lost(message: impl Into<String>) -> Self {
        Self { code: EC2_UNAVAILABLE.to_owned(), message: message.into(), kind: Kind::Unavailable }
    }

    /// What is to be done about it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// EC2's own code, or [`EC2_UNAVAILABLE`] where there was none.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What EC2 said.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is worth trying again in a later round.
    #[must_use]
    pub fn passes_with_time(&self) -> bool {
        match self.kind {
            Kind::Throttled | Kind::Unavailable | Kind::Limit | Kind::Transitional | Kind::Expired => true,
            Kind::Quota
            | Kind::Capacity
            | Kind::VolumeGone
            | Kind::SnapshotGone
            | Kind::SnapshotInUse
            | Kind::Tags
            | Kind::Other => false,
        }
    }
}

impl<E> From<SdkError<E>> for Ec2Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        if let Some(service) = error.as_service_error()
            && let Some(code) = service.code().filter(|code| !code.trim().is_empty())
        {
            let coded = Self::coded(code, service.message().unwrap_or_default());
            // A 5xx is a failure of EC2's side whatever its code.
            let server_failed = error.raw_response().is_some_and(|response| response.status().as_u16() >= 500);
            let kind = if server_failed && coded.kind == Kind::Other { Kind::Unavailable } else { coded.kind };
            return Self { kind, ..coded };
        }
        // Without a code: EC2 failed before it could say why, or said something that ended too soon, or nothing.
        let server_side = error.raw_response().is_none_or(|response| !(400..500).contains(&response.status().as_u16()));
        let text = step_runtime::chain(&error);
        match error {
            SdkError::ConstructionFailure(_) => {
                Self { code: "RequestNotSent".to_owned(), message: text, kind: Kind::Other }
            }
            _ if server_side => Self::lost(text),
            _ => Self { code: "UnknownError".to_owned(), message: text, kind: Kind::Other },
        }
    }
}

impl From<Ec2Error> for StepError {
    /// The error of a whole step: what passes with time has a name that the state machine retries, the rest has EC2's own.
    fn from(error: Ec2Error) -> Self {
        match error.kind {
            Kind::Throttled => Self::new(EC2_THROTTLED, error.to_string()),
            Kind::Unavailable => Self::new(EC2_UNAVAILABLE, error.to_string()),
            _ => Self::new(error.code, error.message),
        }
    }
}
