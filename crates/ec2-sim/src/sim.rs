//! The simulated EC2: one call after the other, each at its moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::actions::{self, Context};
use crate::behaviour::Behaviour;
use crate::bucket::Buckets;
use crate::clock::Clock;
use crate::fault::{Fault, Rule, Script, Subject};
use crate::geography::REGIONS;
use crate::journal::Entry;
use crate::model::{Instance, Seed, Snapshot, Volume};
use crate::query::Query;
use crate::refusal::Refusal;
use crate::region::Region;
use crate::xml;

/// What the caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The XML.
    pub body: String,
}

/// What becomes of an answer on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It arrives.
    Whole(Answer),
    /// The connection closes in the middle of it.
    Half(Answer),
    /// The connection closes before it.
    Closed,
    /// The connection stays open, and nothing comes.
    Silent,
}

/// An answer, or what is left of it, and when it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// How long after the call, in simulated time.
    pub after: Duration,
    /// What comes then.
    pub delivery: Delivery,
}

/// The simulated EC2 of any number of accounts.
#[derive(Debug)]
pub struct Sim {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    behaviour: Behaviour,
    script: Script,
    regions: HashMap<(String, String), Region>,
    /// By account: the regions that need an opt-in and have it.
    opted_in: HashMap<String, Vec<String>>,
    buckets: Buckets,
    journal: Vec<Entry>,
}

impl Sim {
    /// An EC2 in which there is nothing yet.
    #[must_use]
    pub fn new(start: DateTime<Utc>, behaviour: Behaviour) -> Self {
        Self { clock: Clock::new(start), inner: Mutex::new(Inner { behaviour, ..Inner::default() }) }
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How it behaves.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        self.inner().behaviour.clone()
    }

    /// Lets it behave otherwise from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.inner().behaviour = behaviour;
    }

    /// Lets these things go wrong from now on, and no others.
    pub fn script(&self, rules: Vec<Rule>) {
        self.inner().script = Script::new(rules);
    }

    /// Opts an account into a region that needs it.
    pub fn opt_in(&self, account: &str, region: &str) {
        self.inner().opted_in.entry(account.to_owned()).or_default().push(region.to_owned());
    }

    /// Puts things into a region, by no call.
    pub fn seed(&self, account: &str, region: &str, seed: Seed) {
        self.inner().region(account, region).seed(account, seed);
    }

    /// Changes a volume, by no call: as its owner might.
    pub fn change_volume(&self, account: &str, region: &str, volume: &str, change: impl FnOnce(&mut Volume)) {
        if let Some(volume) = self.inner().region(account, region).volumes.get_mut(volume) {
            change(volume);
        }
    }

    /// Changes a snapshot, by no call: as an operator might.
    pub fn change_snapshot(&self, account: &str, region: &str, snapshot: &str, change: impl FnOnce(&mut Snapshot)) {
        if let Some(snapshot) = self.inner().region(account, region).snapshots.get_mut(snapshot) {
            change(snapshot);
        }
    }

    /// Changes an instance, by no call: as its owner might, who stops it.
    pub fn change_instance(&self, account: &str, region: &str, instance: &str, change: impl FnOnce(&mut Instance)) {
        if let Some(instance) = self.inner().region(account, region).instances.get_mut(instance) {
            change(instance);
        }
    }

    /// Forgets everything but its behaviour and its clock.
    pub fn reset(&self) {
        let mut inner = self.inner();
        *inner = Inner { behaviour: inner.behaviour.clone(), ..Inner::default() };
    }

    /// All calls so far.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.inner().journal.clone()
    }

    /// Reads all calls so far where they are: there may be millions.
    pub fn read_journal<T>(&self, read: impl FnOnce(&[Entry]) -> T) -> T {
        read(&self.inner().journal)
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.inner().journal.len()
    }

    /// The calls from number `from` on.
    #[must_use]
    pub fn journal_since(&self, from: usize) -> Vec<Entry> {
        self.inner().journal.get(from..).unwrap_or_default().to_vec()
    }

    /// All volumes that ever were in a region, by id.
    #[must_use]
    pub fn volumes(&self, account: &str, region: &str) -> BTreeMap<String, Volume> {
        self.inner().region(account, region).volumes.clone()
    }

    /// All snapshots that ever were in a region, by id.
    #[must_use]
    pub fn snapshots(&self, account: &str, region: &str) -> BTreeMap<String, Snapshot> {
        self.inner().region(account, region).snapshots.clone()
    }

    /// All instances of a region, by id.
    #[must_use]
    pub fn instances(&self, account: &str, region: &str) -> BTreeMap<String, Instance> {
        self.inner().region(account, region).instances.clone()
    }

    /// Takes a call: a form in the EC2 Query protocol.
    pub fn call(&self, account: &str, region: &str, form: &[u8]) -> Reply {
        let now = self.clock.now();
        let query = Query::parse(form);
        self.inner().call(now, account, region, &query)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn region(&mut self, account: &str, region: &str) -> &mut Region {
        self.regions.entry((account.to_owned(), region.to_owned())).or_default()
    }

    fn call(&mut self, now: DateTime<Utc>, account: &str, region: &str, query: &Query) -> Reply {
        let number = self.journal.len() as u64 + 1;
        let action = query.action();
        let subject = Subject { account, region, action, resource: actions::resource(query) };
        let fault = self.script.strikes(self.behaviour.seed, subject, now);
        let mut entry = Entry {
            number,
            at: now,
            account: account.to_owned(),
            region: region.to_owned(),
            action: action.to_owned(),
            resource: subject.resource.to_owned(),
            tags: match action {
                "CreateTags" => query.tags(""),
                "CreateVolume" => query.tags_for("volume"),
                _ => query.tags_for("snapshot"),
            }
            .unwrap_or_default(),
            refused: None,
            effect: None,
            answered: true,
        };
        let request_id = format!("{:08x}-0000-4000-8000-{number:012x}", crate::chance::mixed(number) >> 32);
        let outcome = match &fault {
            Some(Fault::Refuse { code }) => Err(Refusal::new(code, "The simulator was told to refuse this.")),
            Some(Fault::Unreachable) => Err(Refusal::new("", "")),
            _ => self.perform(now, account, region, query, &request_id, fault == Some(Fault::Fails)),
        };
        let answer = match outcome {
            Ok((body, effect)) => {
                entry.effect = effect;
                Answer { status: 200, body }
            }
            Err(refusal) => {
                entry.refused = Some(refusal.code.clone()).filter(|code| !code.is_empty());
                Answer { status: refusal.status(), body: xml::refusal(&refusal, &request_id) }
            }
        };
        let delivery = match &fault {
            Some(Fault::Unreachable | Fault::Lost) => Delivery::Closed,
            Some(Fault::Silent) => Delivery::Silent,
            Some(Fault::Cut) => Delivery::Half(answer),
            _ => Delivery::Whole(answer),
        };
        entry.answered = matches!(delivery, Delivery::Whole(_));
        self.journal.push(entry);
        let delay = fault.as_ref().map(Fault::delay).unwrap_or_default();
        Reply { after: self.behaviour.latency.of(self.behaviour.seed, number) + delay, delivery }
    }

    fn perform(
        &mut self,
        now: DateTime<Utc>,
        account: &str,
        region_name: &str,
        query: &Query,
        request_id: &str,
        fails: bool,
    ) -> actions::Outcome {
        let opted_in = self.opted_in.get(account).map(Vec::as_slice).unwrap_or_default();
        let enabled = REGIONS.iter().any(|(name, default)| {
            *name == region_name && (*default || opted_in.iter().any(|region| region == region_name))
        });
        if !enabled {
            let message = "AWS was not able to validate the provided access credentials";
            return Err(Refusal::new("AuthFailure", message));
        }
        let narrow = actions::is_narrow(query);
        if self.behaviour.throttling && !self.buckets.take(account, region_name, query.action(), narrow, now) {
            return Err(Refusal::new("RequestLimitExceeded", "Request limit exceeded."));
        }
        let region = self.regions.entry((account.to_owned(), region_name.to_owned())).or_default();
        let behaviour = &self.behaviour;
        let mut context = Context { behaviour, account, region_name, region, opted_in, now, request_id, fails };
        actions::perform(&mut context, query)
    }
}
