//! Our side: the shipped binaries, each invocation in a process as on Lambda, driven by the state machine's own definition.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use axum::Router;
use axum::routing::post;
use ec2_sim::{Server, Sim};
use faults::asl::StateMachine;
use faults::machine::{self, Execution, Failure, Functions};
use faults::{campaign, deployed};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fleet::ACCOUNT;
use crate::runtime_api::Function;

/// The functions as processes.
pub struct Processes {
    binaries: PathBuf,
    environment: Vec<(String, String)>,
    idle: RefCell<HashMap<String, Vec<Function>>>,
    peaks: RefCell<BTreeMap<String, u64>>,
    started: RefCell<u32>,
    _topic: JoinHandle<()>,
}

impl Processes {
    /// Functions from the binaries in a folder, over a simulated EC2, for the policy of the benchmark.
    pub async fn new(binaries: &Path, ec2: &Server, regions: &[String]) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let topic = format!("http://{}", listener.local_addr()?);
        let config = json!({
            "policies": [{
                "name": "daily",
                "tag": { "key": "Backup" },
                "retention": { "keepDays": 7 },
                "regions": { "include": regions },
                // A night of the benchmark deletes as many as it makes.
                "purgeGuard": { "maxPercent": 100, "minSnapshots": 1 },
            }],
        });
        let environment = [
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL_EC2", &ec2.endpoint()),
            ("AWS_ENDPOINT_URL_SNS", &topic),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("RUST_LOG", "info"),
            ("EBS_BACKUP_CONFIG", &config.to_string()),
            ("EBS_BACKUP_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:ebs-backup-report"),
            ("EBS_BACKUP_ACCOUNT_NAME", "bench"),
            ("EBS_BACKUP_REPORT_WHEN_IDLE", "true"),
        ];
        Ok(Self {
            binaries: binaries.to_owned(),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            idle: RefCell::default(),
            peaks: RefCell::default(),
            started: RefCell::default(),
            _topic: tokio::spawn(async move {
                let router = Router::new().route("/", post(async || PUBLISHED));
                _ = axum::serve(listener, router).await;
            }),
        })
    }

    /// Starts one more process of a function.
    pub async fn start(&self, stem: &str) -> Result<Function> {
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let time_out = deployed::sizes().get(stem).map_or(60, |size| size.time_out_seconds);
        *self.started.borrow_mut() += 1;
        Function::start(&self.binaries.join(stem), &[], &environment, Duration::from_secs(time_out)).await
    }

    /// The most memory that any process of each function had, in bytes.
    pub fn peaks(&self) -> BTreeMap<String, u64> {
        self.peaks.borrow().clone()
    }

    /// How many processes there were.
    pub fn started(&self) -> u32 {
        *self.started.borrow()
    }
}

/// What SNS answers to Publish.
const PUBLISHED: &str = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
    <MessageId>00000000-0000-4000-8000-000000000000</MessageId></PublishResult></PublishResponse>";

impl Functions for Processes {
    async fn invoke(&self, stem: &str, event: &Value) -> Result<Value, Failure> {
        let warm = self.idle.borrow_mut().get_mut(stem).and_then(Vec::pop);
        let mut function = match warm {
            Some(function) => function,
            None => self.start(stem).await.map_err(|error| Failure::new("Runtime.ExitError", error.to_string()))?,
        };
        let answer = function.invoke(event.clone()).await;
        if let Some(bytes) = function.peak_memory() {
            let mut peaks = self.peaks.borrow_mut();
            let peak = peaks.entry(stem.to_owned()).or_default();
            *peak = bytes.max(*peak);
        }
        self.idle.borrow_mut().entry(stem.to_owned()).or_default().push(function);
        answer
    }
}

/// What a run of ours took.
pub struct Night {
    /// From start to end.
    pub took: Duration,
    /// The most memory of each function, in bytes.
    pub peaks: BTreeMap<String, u64>,
    /// Processes started.
    pub processes: u32,
}

/// A whole run over what is in `sim`.
pub async fn night(binaries: &Path, sim: &Arc<Sim>, regions: &[String]) -> Result<Night> {
    let server = Server::start(Arc::clone(sim), 0).await?;
    let processes = Processes::new(binaries, &server, regions).await?;
    let machine: StateMachine = serde_json::from_str(faults::STATE_MACHINE)?;
    let now = sim.clock().now();
    let mut execution = Execution::new(&machine, "night", now, json!({ "runId": campaign::run_id(now) }));
    let began = Instant::now();
    let ended = machine::run(&machine, &processes, 0, &mut execution).await;
    let took = began.elapsed();
    ensure!(ended.is_ok(), "our run is not green: {ended:?}");
    Ok(Night { took, peaks: processes.peaks(), processes: processes.started() })
}

/// One plan over all that is in one region: the most memory that it took, in bytes.
pub async fn one_plan(binaries: &Path, sim: &Arc<Sim>, regions: &[String]) -> Result<u64> {
    let server = Server::start(Arc::clone(sim), 0).await?;
    let processes = Processes::new(binaries, &server, regions).await?;
    let execution = json!({ "name": "plan", "startTime": sim.clock().now() });
    let jobs = processes.invoke("list-regions", &json!({ "input": {}, "execution": execution })).await;
    let job = jobs.map_err(|failure| anyhow::anyhow!("{failure:?}"))?["jobs"][0].clone();
    let answer = processes.invoke("find-expired", &json!({ "job": job, "cursor": null, "tally": {} })).await;
    ensure!(answer.is_ok(), "{answer:?}");
    Ok(processes.peaks().get("find-expired").copied().unwrap_or_default())
}
