//! Pages of a listing, and the tokens between them.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::chance;
use crate::query::{Filter, Query, Tag, matches};
use crate::refusal::Refusal;

/// How a listing is asked for.
pub struct Paging {
    /// Items on the page; all when the caller does not page.
    size: usize,
    /// The last id of the page before.
    after: Option<String>,
    /// What the token is bound to.
    question: u64,
}

impl Paging {
    /// Reads `MaxResults` and `NextToken`. A token is good for the question that it was given for, and no other.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a size below `bounds` or a token that is none; `InvalidParameterCombination` for a size
    /// together with ids. A size above `bounds` is taken for the largest.
    pub fn of(query: &Query, filters: &[Filter], ids: &[String], bounds: (u32, u32)) -> Result<Self, Refusal> {
        let size: Option<u32> = query.number("MaxResults")?;
        let question = chance::draw(0, (query.action(), filters, query.list("Owner")));
        if let Some(size) = size {
            if !ids.is_empty() {
                let message = "The parameter maxResults cannot be used with a list of ids";
                return Err(Refusal::combination(message));
            }
            if size < bounds.0 {
                let why = format!("Expecting a value greater than {}.", bounds.0);
                return Err(Refusal::value("MaxResults", &size.to_string(), &why));
            }
        }
        let after = match query.get("NextToken") {
            Some(token) => Some(
                opened(token, question)
                    .ok_or_else(|| Refusal::new("InvalidParameterValue", "Unable to parse pagination token"))?,
            ),
            None => None,
        };
        // A listing that was paged goes on in pages of the documented maximum when no size is given.
        let unpaged = if after.is_some() { bounds.1 as usize } else { usize::MAX };
        Ok(Self { size: size.map_or(unpaged, |size| size.min(bounds.1) as usize), after, question })
    }

    /// Whether the caller wants pages.
    pub fn is_asked_for(&self) -> bool {
        self.size < usize::MAX
    }

    /// The next page of what passes `wanted`, and the token behind it.
    pub fn page<'a, T>(
        &self,
        all: &'a BTreeMap<String, T>,
        wanted: impl Fn(&T) -> bool,
    ) -> (Vec<&'a T>, Option<String>) {
        let from = self.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = all.range::<str, _>((from, Bound::Unbounded)).filter(|(_, item)| wanted(item));
        let mut page = Vec::new();
        let mut last = None;
        while page.len() < self.size {
            let Some((id, item)) = rest.next() else { return (page, None) };
            last = Some(id);
            page.push(item);
        }
        let token = rest.next().and(last).map(|last| sealed(last, self.question));
        (page, token)
    }
}

/// A token that shows nothing: the id under a mask that belongs to the question.
fn sealed(id: &str, question: u64) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let body: Vec<u8> = masked(id.as_bytes(), question).collect();
    format!("{:016x}{}", chance::draw(question, id), hex(&body))
}

fn opened(token: &str, question: u64) -> Option<String> {
    let (seal, body) = token.split_at_checked(16)?;
    let bytes: Option<Vec<u8>> =
        (0..body.len()).step_by(2).map(|at| u8::from_str_radix(body.get(at..at + 2)?, 16).ok()).collect();
    let id = String::from_utf8(masked(&bytes?, question).collect()).ok()?;
    (u64::from_str_radix(seal, 16).ok()? == chance::draw(question, id.as_str())).then_some(id)
}

fn masked(bytes: &[u8], question: u64) -> impl Iterator<Item = u8> {
    bytes.iter().enumerate().map(move |(n, byte)| byte ^ chance::draw(question, ("mask", n)).to_le_bytes()[0])
}

/// Whether something with these tags passes a filter on tags; `None` for a filter on something else.
pub fn by_tag(filter: &Filter, tags: &[Tag]) -> Option<bool> {
    let any = |text: &str| filter.values.iter().any(|pattern| matches(pattern, text));
    if let Some(key) = filter.name.strip_prefix("tag:") {
        return Some(tags.iter().any(|(k, value)| k == key && any(value)));
    }
    (filter.name == "tag-key").then(|| tags.iter().any(|(key, _)| any(key)))
}

/// EC2 does not know a filter of that name.
pub fn unknown(filter: &Filter) -> Refusal {
    Refusal::new("InvalidParameterValue", format!("The filter '{}' is invalid", filter.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(form: &str) -> Query {
        Query::parse(form.as_bytes())
    }

    fn paging(form: &str) -> Result<Paging, Refusal> {
        let query = query(form);
        let filters = query.filters()?;
        Paging::of(&query, &filters, &query.list("VolumeId"), (5, 500))
    }

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        let all: BTreeMap<String, u32> = (0..13).map(|n| (format!("v{n:02}"), n)).collect();
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let (page, next) =
                paging(&format!("Action=A&MaxResults=5&NextToken={token}")).unwrap().page(&all, |n| n % 2 == 0);
            seen.extend(page.into_iter().copied());
            let Some(next) = next else { break };
            token = next;
        }
        assert_eq!(seen, [0, 2, 4, 6, 8, 10, 12]);
    }

    #[test]
    fn a_page_that_ends_the_listing_has_no_token() {
        let all: BTreeMap<String, u32> = (0..5).map(|n| (format!("v{n}"), n)).collect();
        assert_eq!(paging("Action=A&MaxResults=5").unwrap().page(&all, |_| true).1, None);
    }

    #[test]
    fn bounds_ids_and_foreign_tokens_are_refused() {
        let code = |form: &str| paging(form).err().map(|refusal| refusal.code);
        assert_eq!(code("MaxResults=4").as_deref(), Some("InvalidParameterValue"));
        assert_eq!(code("MaxResults=501"), None, "it is taken for 500");
        assert_eq!(code("MaxResults=many").as_deref(), Some("InvalidParameterValue"));
        assert_eq!(code("MaxResults=5&VolumeId.1=v").as_deref(), Some("InvalidParameterCombination"));
        assert_eq!(code("NextToken=x").as_deref(), Some("InvalidParameterValue"));
        let all: BTreeMap<String, u32> = (0..9).map(|n| (format!("v{n}"), n)).collect();
        let token = paging("Action=A&MaxResults=5").unwrap().page(&all, |_| true).1.unwrap();
        assert!(!token.contains("v4"), "{token} is opaque");
        assert_eq!(code(&format!("Action=B&MaxResults=5&NextToken={token}")).as_deref(), Some("InvalidParameterValue"));
    }
}
