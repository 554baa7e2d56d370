//! Requests in the EC2 Query protocol: a form with numbered keys.

use std::collections::BTreeMap;

use crate::refusal::Refusal;

/// The parameters of one request.
#[derive(Debug, Clone, Default)]
pub struct Query {
    values: BTreeMap<String, String>,
}

/// A tag: key and value.
pub type Tag = (String, String);

/// A filter of a Describe call: its name, and the values of which one must match.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    /// `tag-key`, `volume-id`, `tag:Backup` …
    pub name: String,
    /// Patterns in which `*` stands for any characters, `?` for one, and `\` takes a meaning away.
    pub values: Vec<String>,
}

impl Query {
    /// Reads a form.
    #[must_use]
    pub fn parse(form: &[u8]) -> Self {
        Self { values: form_urlencoded::parse(form).into_owned().collect() }
    }

    /// A parameter, unless it is not there or empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What is asked for.
    #[must_use]
    pub fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// `MissingParameter`.
    pub fn required(&self, key: &str) -> Result<&str, Refusal> {
        self.get(key).ok_or_else(|| Refusal::missing(key))
    }

    /// A parameter that is a number.
    ///
    /// # Errors
    /// `InvalidParameterValue` when it is something else.
    pub fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, Refusal> {
        self.get(key)
            .map(|value| value.parse().map_err(|_| Refusal::value(key, value, "It must be a number.")))
            .transpose()
    }

    /// Whether a parameter says `true`.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// What a parameter that is `true` or `false` says, if it is there.
    ///
    /// # Errors
    /// `InvalidParameterValue` when it is something else.
    pub fn choice(&self, key: &str) -> Result<Option<bool>, Refusal> {
        let read = |value: &str| match value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Refusal::value(key, value, "It must be true or false.")),
        };
        self.get(key).map(read).transpose()
    }

    /// All parameters but these.
    #[must_use]
    pub fn all_but(&self, left_out: &[&str]) -> BTreeMap<String, String> {
        let kept = self.values.iter().filter(|(key, _)| !left_out.contains(&key.as_str()));
        kept.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// `prefix.1`, `prefix.2` and so on.
    #[must_use]
    pub fn list(&self, prefix: &str) -> Vec<String> {
        (1..).map_while(|n| self.values.get(&format!("{prefix}.{n}")).cloned()).collect()
    }

    /// `Tag.1.Key` and `Tag.1.Value` and so on, behind `prefix`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a tag without a key.
    pub fn tags(&self, prefix: &str) -> Result<Vec<Tag>, Refusal> {
        let patterns = self.tag_patterns(prefix)?.into_iter();
        Ok(patterns.map(|(key, value)| (key, value.unwrap_or_default())).collect())
    }

    /// The same where a tag without a value means any value.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a tag without a key.
    pub fn tag_patterns(&self, prefix: &str) -> Result<Vec<(String, Option<String>)>, Refusal> {
        let mut tags = Vec::new();
        for n in 1.. {
            let key = self.values.get(&format!("{prefix}Tag.{n}.Key"));
            let value = self.values.get(&format!("{prefix}Tag.{n}.Value"));
            match (key, value) {
                (None, None) => break,
                (Some(key), value) if !key.is_empty() => tags.push((key.clone(), value.cloned())),
                _ => return Err(Refusal::value("Key", "", "Tag keys must not be empty.")),
            }
        }
        Ok(tags)
    }

    /// The tags that a create call gives to what it makes.
    ///
    /// # Errors
    /// `InvalidParameterValue` when they are meant for something else, or a tag has no key.
    pub fn tags_for(&self, resource_type: &str) -> Result<Vec<Tag>, Refusal> {
        let mut tags = Vec::new();
        for n in 1.. {
            let prefix = format!("TagSpecification.{n}.");
            let Some(for_type) = self.values.get(&format!("{prefix}ResourceType")) else { break };
            if for_type != resource_type {
                let why = format!("'{for_type}' is not a valid taggable resource type for this operation.");
                return Err(Refusal::new("InvalidParameterValue", why));
            }
            tags.extend(self.tags(&prefix)?);
        }
        Ok(tags)
    }

    /// The filters.
    ///
    /// # Errors
    /// `FilterLimitExceeded` above 200 values in one filter, or 255 characters in a value (EC2 API, "Filtering").
    pub fn filters(&self) -> Result<Vec<Filter>, Refusal> {
        /// Values in one filter.
        const VALUES: usize = 200;
        /// Characters in a value.
        const CHARS: usize = 255;
        let mut filters = Vec::new();
        for n in 1.. {
            let Some(name) = self.values.get(&format!("Filter.{n}.Name")) else { break };
            let values = self.list(&format!("Filter.{n}.Value"));
            if values.len() > VALUES {
                let message = format!("The maximum number of filter values specified on a single call is {VALUES}");
                return Err(Refusal::new("FilterLimitExceeded", message));
            }
            if values.iter().any(|value| value.chars().count() > CHARS) {
                let message = format!("The maximum length for a filter value is {CHARS} characters");
                return Err(Refusal::new("FilterLimitExceeded", message));
            }
            filters.push(Filter { name: name.clone(), values });
        }
        Ok(filters)
    }
}

/// Whether a filter's pattern matches a text.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?', '\\']) {
        return pattern == text;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Where to go on when what follows the last `*` does not fit: one character of the text further.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some('?') => {
                p += 1;
                t += 1;
            }
            Some('\\') if pattern.get(p + 1) == Some(&text[t]) => {
                p += 2;
                t += 1;
            }
            Some(c) if *c != '\\' && *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, at)) => {
                    p = after;
                    t = at + 1;
                    star = Some((after, at + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_keys_are_lists_filters_and_tags() {
        let query = Query::parse(
            b"Action=DescribeVolumes&Filter.1.Name=tag%3ABackup&Filter.1.Value.1=a+b&Filter.1.Value.2=c&VolumeId.1=x&VolumeId.2=y\
              &TagSpecification.1.ResourceType=snapshot&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v",
        );
        assert_eq!(query.action(), "DescribeVolumes");
        assert_eq!(query.list("VolumeId"), ["x", "y"]);
        let filter = Filter { name: "tag:Backup".to_owned(), values: vec!["a b".to_owned(), "c".to_owned()] };
        assert_eq!(query.filters().unwrap(), [filter]);
        assert_eq!(query.tags_for("snapshot").unwrap(), [("k".to_owned(), "v".to_owned())]);
        assert_eq!(query.tags_for("volume").unwrap_err().code, "InvalidParameterValue");
        assert_eq!(query.number::<i32>("Action").unwrap_err().code, "InvalidParameterValue");
    }

    #[test]
    fn patterns_match_as_ec2_documents_it() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            (r"a\*c", "a*c", true),
            (r"a\*c", "abc", false),
            ("*b*b*", "aabab", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
