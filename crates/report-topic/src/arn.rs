//! Amazon Resource Names, as far as a report needs them.

/// The parts of an ARN: `arn:partition:service:region:account:resource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts<'a> {
    partition: &'a str,
    service: &'a str,
    region: &'a str,
    account: &'a str,
}

impl<'a> Parts<'a> {
    fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let head = parts.next()?;
        let found =
            Self { partition: parts.next()?, service: parts.next()?, region: parts.next()?, account: parts.next()? };
        let resource = parts.next()?;
        let whole =
            [found.partition, found.service, found.region, found.account, resource].iter().all(|part| !part.is_empty());
        (head == "arn" && whole).then_some(found)
    }
}

/// The ARN of an SNS topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn {
    arn: String,
    region: String,
}

impl TopicArn {
    /// Checks `arn`; `None` when it is not that of a topic.
    #[must_use]
    pub fn new(arn: &str) -> Option<Self> {
        let parts = Parts::of(arn).filter(|parts| parts.service == "sns")?;
        Some(Self { arn: arn.to_owned(), region: parts.region.to_owned() })
    }

    /// The ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// The region that the topic lives in: the only one that SNS takes a message for it in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }
}

/// The account that an execution ran in; `None` when `arn` does not say.
#[must_use]
pub fn account_of(arn: &str) -> Option<&str> {
    Parts::of(arn).map(|parts| parts.account)
}

/// Where the console shows an execution; `None` in a partition whose console is not known here, as a wrong link is worse
/// than none.
#[must_use]
pub fn console_link(arn: &str) -> Option<String> {
    let parts = Parts::of(arn)?;
    let domain = match parts.partition {
        "aws" => "console.aws.amazon.com",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        "aws-cn" => "console.amazonaws.cn",
        _ => return None,
    };
    let region = parts.region;
    Some(format!("https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{arn}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_console_is_that_of_the_partition() {
        for (partition, region, start) in [
            (
                "aws",
                "eu-west-1",
                "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/arn:aws:",
            ),
            (
                "aws-us-gov",
                "us-gov-west-1",
                "https://us-gov-west-1.console.amazonaws-us-gov.com/states/home?region=us-gov-west-1#",
            ),
            ("aws-cn", "cn-north-1", "https://cn-north-1.console.amazonaws.cn/states/home?region=cn-north-1#"),
        ] {
            let arn = format!("arn:{partition}:states:{region}:111122223333:execution:ebs-backup:night");
            let link = console_link(&arn).unwrap();
            assert!(link.starts_with(start), "{link}");
            assert!(link.ends_with(&arn), "{link}");
        }
        assert_eq!(console_link("arn:aws-iso:states:us-iso-east-1:111122223333:execution:ebs-backup:night"), None);
        assert_eq!(console_link("night"), None);
    }

    #[test]
    fn a_topic_is_published_to_in_its_own_region() {
        let topic = TopicArn::new("arn:aws-cn:sns:cn-north-1:111122223333:ebs-backup-report").unwrap();
        assert_eq!(topic.region(), "cn-north-1");
        for bad in [
            "",
            "ebs-backup-report",
            "arn:aws:sns:eu-west-1:111122223333",
            "arn:aws:sqs:eu-west-1:111122223333:queue",
            "arn:aws:sns::111122223333:x",
        ] {
            assert_eq!(TopicArn::new(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn s10_any_text_is_the_arn_of_a_topic_or_none(
            text in prop_oneof!["\\PC{0,40}", "(arn|ARN|):(aws|):(sns|sqs|):[a-z:]{0,6}:[0-9]{0,3}:.{0,6}"],
        ) {
            let parts: Vec<&str> = text.splitn(6, ':').collect();
            let whole = parts.len() == 6 && parts.iter().all(|part| !part.is_empty()) && parts[0] == "arn";
            prop_assert_eq!(account_of(&text), whole.then(|| parts[4]));
            match TopicArn::new(&text) {
                Some(topic) => prop_assert!(whole && parts[2] == "sns" && topic.as_str() == text && topic.region() == parts[3]),
                None => prop_assert!(!whole || parts[2] != "sns"),
            }
            if let Some(link) = console_link(&text) {
                prop_assert!(whole && link.starts_with("https://") && link.ends_with(&text));
            }
        }
    }
}
