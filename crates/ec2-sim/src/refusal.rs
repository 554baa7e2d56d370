//! EC2's errors: code, HTTP status and words.

/// An error of EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// EC2's code.
    pub code: String,
    /// What EC2 says.
    pub message: String,
}

impl Refusal {
    /// An error.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// A parameter's value is not one.
    #[must_use]
    pub fn value(parameter: &str, value: &str, why: &str) -> Self {
        Self::new("InvalidParameterValue", format!("Value ({value}) for parameter {parameter} is invalid. {why}"))
    }

    /// Two parameters do not go together.
    #[must_use]
    pub fn combination(message: &str) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    /// A required parameter is not there.
    #[must_use]
    pub fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {parameter}"))
    }

    /// The HTTP status that comes with the code.
    #[must_use]
    pub fn status(&self) -> u16 {
        status(&self.code)
    }
}

/// The HTTP status of a code (EC2 API reference, "Error codes"): a client's error has 400 unless it says otherwise.
#[must_use]
pub fn status(code: &str) -> u16 {
    match code {
        "AuthFailure" | "OptInRequired" => 401,
        "UnauthorizedOperation" | "Blocked" => 403,
        "DryRunOperation" => 412,
        "InternalError" | "InternalFailure" => 500,
        "RequestLimitExceeded" | "ServiceUnavailable" | "Unavailable" | "InsufficientVolumeCapacity" => 503,
        _ => 400,
    }
}
