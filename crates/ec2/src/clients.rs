//! One configuration per process, one client per region.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::{Builder, Region as SdkRegion};
use contract::{Pace, Region, RegionJob, RestoreJob};

use crate::Ec2;

/// Makes and keeps the clients of this process. A warm Lambda keeps its connections and its pace.
#[derive(Debug)]
pub struct Clients {
    config: Builder,
    of_region: Mutex<HashMap<(Region, u32), Arc<Ec2>>>,
}

impl Clients {
    /// Clients with the credentials, the endpoint and the time-outs of this process.
    pub async fn from_env() -> Self {
        Self::new(Builder::from(&step_runtime::sdk::config().await))
    }

    /// Clients with another configuration, as over a simulated EC2. It may say anything but how often a call is tried.
    #[must_use]
    pub fn new(config: Builder) -> Self {
        Self { config: config.retry_config(RetryConfig::disabled()), of_region: Mutex::default() }
    }

    /// The client of the process's own region.
    #[must_use]
    pub fn home(&self) -> Ec2 {
        Ec2::new(&aws_sdk_ec2::Client::from_conf(self.config.clone().build()), Pace::default())
    }

    /// What the job's region may be asked, and told: nothing, in a dry run (S9).
    #[must_use]
    pub fn of(&self, job: &RegionJob) -> Access<Ec2> {
        Access::new(job, self.in_region(&job.region, job.pace))
    }

    /// What the region of a restore may be asked, and told: nothing, in a dry run (S9).
    #[must_use]
    pub fn of_restore(&self, job: &RestoreJob) -> Access<Ec2> {
        Access::of_restore(job, self.in_region(&job.region, job.pace))
    }

    /// The client of a region.
    #[must_use]
    pub fn in_region(&self, region: &Region, pace: Pace) -> Arc<Ec2> {
        let mut clients = self.of_region.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry((region.clone(), pace.share_percent)).or_insert_with(|| {
            let config = self.config.clone().region(SdkRegion::new(region.to_string())).build();
            Arc::new(Ec2::new(&aws_sdk_ec2::Client::from_conf(config), pace))
        });
        Arc::clone(client)
    }
}

/// A region of EC2, to read, and to write unless the job is a dry run.
///
/// A step can write only through [`Access::write`]; whether it is there is decided here, once, for all steps.
#[derive(Debug, Clone)]
pub struct Access<C> {
    client: Arc<C>,
    may_write: bool,
}

impl<C> Access<C> {
    /// Access for a job.
    #[must_use]
    pub fn new(job: &RegionJob, client: Arc<C>) -> Self {
        Self { client, may_write: !job.dry_run }
    }

    /// Access for a restore.
    #[must_use]
    pub fn of_restore(job: &RestoreJob, client: Arc<C>) -> Self {
        Self { client, may_write: !job.dry_run }
    }

    /// For reading.
    #[must_use]
    pub fn read(&self) -> &C {
        &self.client
    }

    /// For writing; `None` in a dry run.
    #[must_use]
    pub fn write(&self) -> Option<&C> {
        self.may_write.then_some(&*self.client)
    }
}
