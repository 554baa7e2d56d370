//! The cases, against each of the servers.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ec2::{Client, Config};
use ec2_sim::{Behaviour, Completion, Latency, Server, Sim};
use local_aws::server;
use local_aws::setup::Setup;

use crate::case::Ec2;
use crate::cases;
use crate::differences::{DIFFERENCES, On};
use crate::moto::Moto;

/// The account. MiniStack and the simulator take an access key id of twelve digits for one.
pub const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
const ZONE: &str = "us-east-1a";

/// A client that asks once.
pub fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCOUNT, "local", None, None, "conformance"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

/// As fast as the others: nobody is throttled, listings show everything at once, a snapshot is pending for 50 ms, and a
/// volume is made, attached and detached at once.
pub fn quick() -> Behaviour {
    Behaviour {
        latency: Latency::always(0.0),
        throttling: false,
        listing_delay_ms: 0,
        completion: Completion { seconds: 0, ms_per_gib: 50 },
        volume_creation_ms: 0,
        attaching_ms: 0,
        detaching_ms: 0,
        ..Behaviour::default()
    }
}

/// Goes through all cases, and says where the server does otherwise than documented or listed.
async fn compare(server: On, endpoint: &str) {
    let client = client(endpoint);
    let (start, mut wrong) = (Instant::now(), String::new());
    let all = cases::all();
    for case in &all {
        let ec2 = Ec2 { client: client.clone(), zone: ZONE, mark: case.name };
        let seen = (case.look)(&ec2).await.unwrap_or_else(|why| why);
        let listed = DIFFERENCES.iter().find(|difference| difference.on == server && difference.case == case.name);
        let expected = listed.map_or(case.expected, |difference| difference.instead);
        if listed.is_some() && seen == case.expected {
            _ = writeln!(wrong, "{server:?} {:?}: it now does as EC2: take it off the list", case.name);
        } else if seen != expected {
            _ = writeln!(wrong, "{server:?} {:?}: expected {expected:?}, saw {seen:?}", case.name);
        }
    }
    println!("{server:?}: {} cases in {:.1} s", all.len(), start.elapsed().as_secs_f64());
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[tokio::test]
async fn the_simulator_does_what_ec2_documents() {
    let sim = Arc::new(Sim::new(chrono::Utc::now(), quick()));
    let server = Server::start(sim, 0).await.unwrap();
    compare(On::Simulator, &server.endpoint()).await;
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn ministack_differs_as_listed() -> Result<()> {
    let setup = Setup::from_environment()?;
    let server = server::Server::start(&server::Options::new(setup.python())).await?;
    compare(On::MiniStack, &server.endpoint()).await;
    Ok(())
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn moto_differs_as_listed() -> Result<()> {
    let server = Moto::start().await?;
    compare(On::Moto, &server.endpoint()).await;
    Ok(())
}

#[test]
fn names_are_unique_and_the_list_names_cases() {
    let all = cases::all();
    let names: BTreeSet<&str> = all.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), all.len(), "two cases have the same name");
    let mut listed = BTreeSet::new();
    for difference in DIFFERENCES {
        let case = all.iter().find(|case| case.name == difference.case);
        let case = case.unwrap_or_else(|| panic!("there is no case {:?}", difference.case));
        assert_ne!(case.expected, difference.instead, "{:?} is no difference", difference.case);
        assert!(listed.insert((difference.on, difference.case)), "{:?} is listed twice", difference.case);
    }
}
