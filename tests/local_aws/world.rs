//! The server and the two accounts that the tests share.

use anyhow::Result;
use local_aws::account::Account;
use local_aws::server::{self, Server};
use local_aws::setup::Setup;
use local_aws::stack::{AccountConfig, Synthesized};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::place::Place;

static WORLD: OnceCell<World> = OnceCell::const_new();

/// The server ends with this process, since the world is never dropped.
pub struct World {
    pub server: Server,
    app: Synthesized,
    calm: Site,
    stormy: Site,
    storm: Mutex<()>,
}

struct Site {
    account: Account,
    config: AccountConfig,
    setup: Setup,
    place: OnceCell<Place>,
}

/// The world, made by the first test that asks for it.
pub async fn world() -> Result<&'static World> {
    WORLD.get_or_try_init(World::make).await
}

/// The account in which nothing ever fails.
pub async fn calm() -> Result<&'static Place> {
    let world = world().await?;
    world.calm.place(world).await
}

/// The account in which rights are taken away: for one test at a time.
pub async fn stormy() -> Result<(&'static Place, MutexGuard<'static, ()>)> {
    let world = world().await?;
    let alone = world.storm.lock().await;
    Ok((world.stormy.place(world).await?, alone))
}

impl World {
    async fn make() -> Result<Self> {
        let setup = Setup::from_environment()?;
        let server = Server::start(&server::Options::new(setup.python())).await?;
        let calm = Site::new(&server, "111122223333", calm_config())?;
        let stormy = Site::new(&server, "444455556666", stormy_config())?;
        // One configuration for both, as a company with several accounts has.
        // Its files are in the server's folder, and go with it.
        let accounts = [(&calm.account, &calm.config), (&stormy.account, &stormy.config)];
        let app = setup.app()?.synth(&accounts, server.home()).await?;
        Ok(Self { server, app, calm, stormy, storm: Mutex::new(()) })
    }
}

impl Site {
    fn new(server: &Server, id: &str, config: AccountConfig) -> Result<Self> {
        let setup = Setup::from_environment()?;
        Ok(Self { account: Account::new(server, id)?, config, setup, place: OnceCell::new() })
    }

    async fn place(&self, world: &World) -> Result<&Place> {
        self.place
            .get_or_try_init(async || {
                self.setup.app()?.bootstrap(&self.account, &self.config.home_region).await?;
                let stack = world.app.deploy(&self.account, &self.config).await?;
                Place::new(&world.server, stack).await
            })
            .await
    }
}

/// A policy that lists what can be adopted, so that the step for it has something to do.
fn adopting(mut policy: Value) -> Value {
    policy["adopt"] = true.into();
    policy
}

/// A policy whose reports say what other type a volume would be cheaper or better as.
fn advised(mut policy: Value) -> Value {
    policy["advice"] = true.into();
    policy
}

/// A policy for the volumes that bear its tag, in `regions`, or in all where none is named.
fn policy(name: &str, tag: &str, retention: &Value, regions: &[&str]) -> Value {
    json!({ "name": name, "tag": { "key": tag }, "retention": retention, "regions": { "include": regions } })
}

fn calm_config() -> AccountConfig {
    let mut config = AccountConfig::new("calm", "eu-central-1");
    config.policies = vec![
        advised(policy("night", "Night", &json!({ "keepLast": 2 }), &["eu-central-1", "eu-west-1", "us-east-1"])),
        policy("aged", "Aged", &json!({ "keepDays": 7 }), &["eu-west-3"]),
        policy("world", "World", &json!({ "keepLast": 1 }), &[]),
        policy("twice", "Twice", &json!({ "keepLast": 3 }), &["eu-west-2", "us-east-2"]),
        policy("dry", "Dry", &json!({ "keepLast": 1 }), &["eu-north-1"]),
        policy("guarded", "Guarded", &json!({ "keepDays": 7 }), &["ca-central-1"]),
        policy("input", "Input", &json!({ "keepLast": 1 }), &["sa-east-1"]),
        policy("idle", "Nobody", &json!({ "keepLast": 1 }), &[]),
        policy("shared", "Shared", &json!({ "keepLast": 1 }), &["eu-west-1"]),
        policy("restore", "Restore", &json!({ "keepLast": 9 }), &crate::restore::REGIONS),
    ];
    config
}

fn stormy_config() -> AccountConfig {
    let mut config = AccountConfig::new("stormy", "us-east-1");
    config.policies = vec![
        policy("denied", "Denied", &json!({ "keepLast": 2 }), &["ap-south-1", "eu-north-1", "eu-west-1"]),
        adopting(policy("least", "Least", &json!({ "keepLast": 1 }), &["eu-central-1", "us-west-2"])),
        policy("many", "Many", &json!({ "keepDays": 7 }), &[]),
        policy("dry", "Dry", &json!({ "keepLast": 1 }), &["eu-north-1"]),
        policy("mute", "Mute", &json!({ "keepLast": 1 }), &["eu-west-2"]),
        policy("idle", "Nobody", &json!({ "keepLast": 1 }), &["eu-west-2"]),
        policy("shared", "Shared", &json!({ "keepLast": 1 }), &["eu-west-1"]),
        policy("restore", "Restore", &json!({ "keepLast": 9 }), &["eu-central-2"]),
    ];
    config.subscribers = vec!["storm@example.com".to_owned()];
    config.report_when_idle = true;
    config
}
