//! Answers that came whole.
//!
//! The SDK reads XML forgivingly: where the text ends, or is no XML any more, it takes what it has for all there is. A
//! listing that was cut off would be a shorter listing: volumes without a backup that nobody misses (S6), a snapshot that
//! gets a twin (S5). And the answer to a delete is not looked at by the SDK at all. So every answer that says it is a
//! success is read once more, to its end; what does not come to one counts as lost, like a connection that broke.

use aws_sdk_ec2::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use thiserror::Error;
// The reader that the SDK stands on: what makes that one stop makes this one stop too.
use xmlparser::{ElementEnd, Token, Tokenizer};

/// What the name of an answer's root ends with: `DescribeVolumesResponse`. An error that was sent with the status of a
/// success has a root named `Response`, and a page of some proxy has `html`.
const ROOT: &str = "Response";

/// Refuses an answer that did not come whole.
#[derive(Debug)]
pub struct WholeAnswers;

impl Intercept for WholeAnswers {
    fn name(&self) -> &'static str {
        "WholeAnswers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        if response.status().is_success() {
            check(std::str::from_utf8(response.body().bytes().unwrap_or_default())?)?;
        }
        Ok(())
    }
}

/// Why an answer is not whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotWhole {
    /// It is no XML, or ends within a tag.
    #[error("the answer is not XML: {0}")]
    NotXml(String),
    /// It ends before its elements do, or they do not end in the order in which they began.
    #[error("the answer does not end the element {0:?}")]
    Open(String),
    /// It is something else than EC2's answer to a call.
    #[error("the answer's root is {0:?}")]
    Root(String),
}

fn check(answer: &str) -> Result<(), NotWhole> {
    let mut root = "";
    let mut open = Vec::new();
    for token in Tokenizer::from(answer) {
        match token.map_err(|error| NotWhole::NotXml(error.to_string()))? {
            Token::ElementStart { prefix, local, .. } => {
                if open.is_empty() {
                    root = local.as_str();
                }
                open.push((prefix.as_str(), local.as_str()));
            }
            Token::ElementEnd { end: ElementEnd::Empty, .. } => _ = open.pop(),
            Token::ElementEnd { end: ElementEnd::Close(prefix, local), .. } => {
                if let Some(began) = open.pop()
                    && began != (prefix.as_str(), local.as_str())
                {
                    return Err(NotWhole::Open(began.1.to_owned()));
                }
            }
            _ => {}
        }
    }
    if let Some((_, name)) = open.last() {
        Err(NotWhole::Open((*name).to_owned()))
    } else if root.len() <= ROOT.len() || !root.ends_with(ROOT) {
        Err(NotWhole::Root(root.to_owned()))
    } else {
        Ok(())
    }
}
