//! What the tests of actions share: an EC2 whose clock stands still unless it is moved, and its XML.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::journal::Entry;
use crate::model::{Seed, Snapshot, Volume};
use crate::sim::{Delivery, Sim};
use crate::{Behaviour, Fault, Rule, When};

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "eu-west-1";
pub const VOLUME: &str = "vol-00000000000000001";
pub const SNAPSHOT: &str = "snap-00000000000000001";
pub const INSTANCE: &str = "i-00000000000000001";

/// An EC2 in one region of one account. Its listings are not late.
pub struct Ec2 {
    sim: Arc<Sim>,
    runtime: tokio::runtime::Runtime,
}

impl Ec2 {
    pub fn new() -> Self {
        Self::with(Behaviour { listing_delay_ms: 0, ..Behaviour::default() })
    }

    pub fn with(behaviour: Behaviour) -> Self {
        // The simulator's clock runs on tokio's, which stands still in this runtime.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let start: DateTime<Utc> = "2026-11-23T02:00:00Z".parse().unwrap();
        let sim = runtime.block_on(async { Arc::new(Sim::new(start, behaviour)) });
        Self { sim, runtime }
    }

    pub fn seed(&self, seed: Seed) {
        self.sim.seed(ACCOUNT, REGION, seed);
    }

    /// What EC2 answers, or the code with which it refuses.
    pub fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
        self.call_in(REGION, action, parameters)
    }

    /// The same in another region.
    pub fn call_in(&self, region: &str, action: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let form = form.append_pair("Action", action).extend_pairs(parameters).finish();
        let reply = self.runtime.block_on(async { self.sim.call(ACCOUNT, region, form.as_bytes()) });
        let Delivery::Whole(answer) = reply.delivery else { panic!("{action} has no whole answer") };
        if answer.status == 200 { Ok(answer.body) } else { Err(one(&answer.body, "Code")) }
    }

    /// Lets this happen to every call of an action from now on.
    pub fn fault(&self, action: &str, then: Fault) {
        self.sim.script(vec![Rule { when: When { action: Some(action.to_owned()), ..When::default() }, then }]);
    }

    pub fn no_fault(&self) {
        self.sim.script(Vec::new());
    }

    pub fn advance(&self, ms: i64) {
        self.runtime.block_on(async { self.sim.clock().advance(TimeDelta::milliseconds(ms)) });
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.runtime.block_on(async { self.sim.clock().now() })
    }

    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    pub fn last_call(&self) -> Entry {
        self.sim.journal().pop().unwrap()
    }

    pub fn model_of(&self, volume: &str) -> Volume {
        self.sim.volumes(ACCOUNT, REGION)[volume].clone()
    }

    /// A completed snapshot of 8 GiB.
    pub fn with_snapshot(self) -> Self {
        let snapshot = Snapshot::new(SNAPSHOT, VOLUME, self.now() - TimeDelta::days(1));
        self.seed(Seed { snapshots: vec![snapshot], ..Seed::default() });
        self
    }

    /// DescribeVolumes of one volume.
    pub fn volume(&self, id: &str) -> Result<String, String> {
        self.call("DescribeVolumes", &[("VolumeId.1", id)])
    }

    /// The state of a volume, and of what holds it.
    pub fn states(&self, id: &str) -> Vec<String> {
        all(&self.volume(id).unwrap(), "status")
    }
}

/// The texts of all elements of that name, which have no elements within.
pub fn all(xml: &str, element: &str) -> Vec<String> {
    let (start, end) = (format!("<{element}>"), format!("</{element}>"));
    let text = |part: &str| part.split_once(&end).unwrap().0.to_owned();
    xml.split(&start).skip(1).map(text).collect()
}

/// The text of the first element of that name.
pub fn one(xml: &str, element: &str) -> String {
    all(xml, element).into_iter().next().unwrap_or_else(|| panic!("there is no {element} in {xml}"))
}
