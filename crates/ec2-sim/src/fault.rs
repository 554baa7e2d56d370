//! What goes wrong, where, and how often: a script of rules, the first that applies decides.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::chance;

/// A rule: which calls, and what happens to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Which calls. What is left out matches all.
    #[serde(default)]
    pub when: When,
    /// What happens to them.
    pub then: Fault,
}

/// Which calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct When {
    /// Those of this account.
    pub account: Option<String>,
    /// Those of this region.
    pub region: Option<String>,
    /// Those of this action, or whose action begins so when it ends with `*`.
    pub action: Option<String>,
    /// Those on this volume or snapshot.
    pub resource: Option<String>,
    /// Those from this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Those before this moment.
    pub until: Option<DateTime<Utc>>,
    /// Not the first so many; counted for each account, region, action and resource on its own.
    pub after: u32,
    /// Only so many; counted in the same way.
    pub times: Option<u32>,
    /// The chance that it happens, from 0 to 1. It is drawn for each call from the seed and from what the call is, so the
    /// order in which calls of different resources arrive does not matter.
    pub chance: f64,
}

impl Default for When {
    fn default() -> Self {
        Self {
            account: None,
            region: None,
            action: None,
            resource: None,
            from: None,
            until: None,
            after: 0,
            times: None,
            chance: 1.0,
        }
    }
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Fault {
    /// EC2 refuses it with this code and does nothing.
    Refuse {
        /// `RequestLimitExceeded`, `InternalError`, `CustomerKeyHasBeenRevoked`, `RequestExpired` …
        code: String,
    },
    /// EC2 does it, and answers later than usual.
    Slow {
        /// By so many milliseconds.
        ms: u64,
    },
    /// The connection closes before EC2 has the request: nothing is done.
    Unreachable,
    /// EC2 does it; the connection closes before the answer.
    Lost,
    /// EC2 does it, and says nothing for ever.
    Silent,
    /// EC2 does it; the connection closes in the middle of the answer.
    Cut,
    /// EC2 accepts it, and it comes to nothing. The snapshot of CreateSnapshot and the volume of CreateVolume end in the
    /// state `error`, as they do when their KMS key may not be used. AttachVolume stays `attaching` until a DetachVolume.
    /// DetachVolume stays `busy`, as it does when the device is mounted, until one with `Force`. Any other action is done
    /// as usual.
    Fails,
}

impl Fault {
    /// Whether EC2 gets to do what it was asked to.
    #[must_use]
    pub fn lets_through(&self) -> bool {
        !matches!(self, Self::Refuse { .. } | Self::Unreachable)
    }

    /// How much longer the answer takes.
    #[must_use]
    pub fn delay(&self) -> Duration {
        match self {
            Self::Slow { ms } => Duration::from_millis(*ms),
            _ => Duration::ZERO,
        }
    }
}

/// What is known of a call when its fate is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject<'a> {
    /// Whose.
    pub account: &'a str,
    /// Where.
    pub region: &'a str,
    /// What.
    pub action: &'a str,
    /// On which volume or snapshot; empty for a listing.
    pub resource: &'a str,
}

impl When {
    fn covers(&self, subject: Subject<'_>, now: DateTime<Utc>) -> bool {
        let is = |asked: &Option<String>, given: &str| asked.as_deref().is_none_or(|asked| asked == given);
        let action = self.action.as_deref().is_none_or(|asked| match asked.strip_suffix('*') {
            Some(beginning) => subject.action.starts_with(beginning),
            None => asked == subject.action,
        });
        action
            && is(&self.account, subject.account)
            && is(&self.region, subject.region)
            && is(&self.resource, subject.resource)
            && self.from.is_none_or(|from| from <= now)
            && self.until.is_none_or(|until| now < until)
    }
}

/// A script, and how often each of its rules was asked about what.
#[derive(Debug, Default)]
pub struct Script {
    rules: Vec<Rule>,
    asked: HashMap<(usize, u64), u32>,
}

impl Script {
    /// A script of these rules.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules, asked: HashMap::new() }
    }

    /// What happens to a call, if anything does.
    pub fn strikes(&mut self, seed: u64, subject: Subject<'_>, now: DateTime<Utc>) -> Option<Fault> {
        for (n, Rule { when, then }) in self.rules.iter().enumerate() {
            if !when.covers(subject, now) {
                continue;
            }
            let asked = self.asked.entry((n, chance::draw(0, subject))).or_default();
            let nth = *asked;
            *asked += 1;
            let in_turn = nth >= when.after && when.times.is_none_or(|times| nth - when.after < times);
            if in_turn && chance::fraction(seed, (n, subject, nth)) < when.chance {
                return Some(then.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Subject<'_> = Subject { account: "1", region: "eu-west-1", action: "CreateSnapshot", resource: "v" };

    fn script(when: When) -> Script {
        Script::new(vec![Rule { when, then: Fault::Lost }])
    }

    fn struck(script: &mut Script, subject: Subject<'_>, calls: u32) -> Vec<bool> {
        (0..calls).map(|_| script.strikes(1, subject, DateTime::UNIX_EPOCH).is_some()).collect()
    }

    #[test]
    fn a_rule_counts_for_each_resource_on_its_own() {
        let mut script = script(When { after: 1, times: Some(2), ..When::default() });
        assert_eq!(struck(&mut script, CREATE, 5), [false, true, true, false, false]);
        assert_eq!(struck(&mut script, Subject { resource: "w", ..CREATE }, 2), [false, true]);
    }

    #[test]
    fn a_rule_covers_what_it_names() {
        let mut script = script(When { action: Some("Describe*".to_owned()), ..When::default() });
        assert_eq!(struck(&mut script, CREATE, 1), [false]);
        assert_eq!(struck(&mut script, Subject { action: "DescribeVolumes", ..CREATE }, 1), [true]);
    }

    #[test]
    fn chances_do_not_depend_on_the_order_of_other_calls() {
        let half = When { chance: 0.5, ..When::default() };
        let alone = struck(&mut script(half.clone()), CREATE, 50);
        let mut shared = script(half);
        let among_others: Vec<bool> = (0..50)
            .map(|_| {
                struck(&mut shared, Subject { resource: "w", ..CREATE }, 3);
                struck(&mut shared, CREATE, 1)[0]
            })
            .collect();
        assert_eq!(alone, among_others);
        assert!(alone.contains(&true) && alone.contains(&false));
    }

    #[test]
    fn a_script_is_json() {
        let rule: Rule = serde_json::from_str(
            r#"{"when":{"action":"CreateSnapshot","chance":0.1},"then":{"refuse":{"code":"InternalError"}}}"#,
        )
        .unwrap();
        assert_eq!(rule.then, Fault::Refuse { code: "InternalError".to_owned() });
        assert_eq!(serde_json::from_str::<Rule>(r#"{"then":"cut"}"#).unwrap().then, Fault::Cut);
    }
}
