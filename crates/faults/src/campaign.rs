//! Plays a schedule, and lets the judge see what it left behind.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use contract::selector::{EXCLUDE_TAG, KEEP_TAG};
use ec2_sim::Sim;
use notify::settings::Settings;
use report_topic::arn::TopicArn;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::asl::StateMachine;
use crate::judge::{self, Fault};
use crate::lambdas::{Lambdas, Weather};
use crate::machine::{self, Execution, Failure};
use crate::schedule::{ACCOUNT, Change, Night, POLICY, Replay, Schedule};

/// All that a schedule left behind, for the judge.
pub struct Played {
    /// What was played.
    pub schedule: Schedule,
    /// EC2, with its journal.
    pub sim: Arc<Sim>,
    /// The executions of each night.
    pub nights: Vec<Vec<Run>>,
    /// What people did, and when.
    pub done: Vec<(DateTime<Utc>, Change)>,
}

/// One pass of an execution: from its start, or a redrive, to its end.
#[derive(Debug, Clone)]
pub struct Run {
    /// When the execution started.
    pub started_at: DateTime<Utc>,
    /// When this pass began and ended.
    pub began: DateTime<Utc>,
    /// When this pass ended.
    pub ended_at: DateTime<Utc>,
    /// How it ended.
    pub ended: Result<Value, Failure>,
    /// The documents of the reports that this pass sent.
    pub reports: Vec<Value>,
    /// The most events, the transitions, the largest payload.
    pub counts: machine::Counts,
    /// The states it went through.
    pub trail: machine::Trail,
}

/// The run id of a night, as the schedule makes it of its scheduled time.
#[must_use]
pub fn run_id(night: DateTime<Utc>) -> String {
    format!("{POLICY}-{}", night.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// The input of the night that begins then.
#[must_use]
pub fn input(night: &Night, begins: DateTime<Utc>) -> Value {
    let mut input = json!({ "runId": run_id(begins), "policy": POLICY });
    if night.adopt {
        input["adopt"] = true.into();
    }
    if night.dry_run {
        input["dryRun"] = true.into();
    }
    input
}

/// What a deployment tells `notify`.
///
/// # Errors
/// Never.
pub fn settings() -> Result<Settings> {
    let topic = TopicArn::new("arn:aws:sns:eu-central-1:111122223333:ebs-backup-report").context("a topic")?;
    Ok(Settings { topic, account_name: "simulated".to_owned(), report_when_idle: true })
}

/// Plays the schedule of a seed and gives what is wrong.
///
/// # Errors
/// When the schedule itself cannot be played: a defect of the campaign.
pub fn play(seed: u64) -> Result<(Played, Vec<Fault>)> {
    let played = play_schedule(Schedule::of(seed))?;
    let faults = judge::all(&played);
    Ok((played, faults))
}

/// Plays a schedule.
///
/// # Errors
/// When it cannot be played, as with a configuration that is none.
pub fn play_schedule(schedule: Schedule) -> Result<Played> {
    in_virtual_time(nights_of(schedule))
}

/// Runs something in a runtime of its own whose time passes as soon as everybody waits.
///
/// # Errors
/// When there is no runtime, or what `work` says.
pub fn in_virtual_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    LocalSet::new().block_on(&runtime, work)
}

async fn nights_of(schedule: Schedule) -> Result<Played> {
    let sim = Arc::new(Sim::new(schedule.start, schedule.behaviour.clone()));
    for (region, seed) in &schedule.fleet {
        sim.seed(ACCOUNT, region, seed.clone());
    }
    let player = Rc::new(Player::new(&sim, &schedule.config, schedule.seed)?);
    let mut nights = Vec::new();
    let mut done = Vec::new();
    for (n, night) in schedule.nights.iter().enumerate() {
        let begins = Schedule::night_begins(schedule.start, n);
        // A night that took longer than a day makes the next one late.
        player.until(begins).await?;
        nights.push(player.night(night, begins, n, &mut done).await?);
        // Whatever is still under way ends within a function's time-out.
        sim.clock().sleep(Duration::from_secs(1_000)).await;
    }
    Ok(Played { schedule, sim, nights, done })
}

/// Plays executions in [`ACCOUNT`], one after the other or beside each other.
pub struct Player {
    machine: StateMachine,
    restore: StateMachine,
    sim: Arc<Sim>,
    lambdas: Lambdas,
    seed: u64,
}

impl Player {
    /// Deploys the state machine and its functions over a simulated EC2, with this configuration.
    ///
    /// # Errors
    /// When the configuration is none.
    pub fn new(sim: &Arc<Sim>, config: &Value, seed: u64) -> Result<Self> {
        // Whatever is drawn by chance in the code under test is drawn from the same seed.
        fastrand::seed(seed);
        let lambdas = Lambdas::new(sim, ACCOUNT, contract::parse::from_value(config)?, settings()?, seed);
        Ok(Self {
            machine: serde_json::from_str(crate::STATE_MACHINE)?,
            restore: serde_json::from_str(crate::RESTORE_MACHINE)?,
            sim: Arc::clone(sim),
            lambdas,
            seed,
        })
    }

    /// Waits for a moment, unless it is past.
    ///
    /// # Errors
    /// Never.
    pub async fn until(&self, moment: DateTime<Utc>) -> Result<()> {
        let wait = (moment - self.sim.clock().now()).max(TimeDelta::zero());
        self.sim.clock().sleep(wait.to_std()?).await;
        Ok(())
    }

    /// Starts an execution and plays it to its end.
    ///
    /// # Errors
    /// When its report cannot be read.
    pub async fn play(&self, name: &str, input: Value) -> Result<Run> {
        self.pass(&self.machine, &mut self.start(name, input)).await
    }

    /// Starts a restore and plays it to its end.
    ///
    /// # Errors
    /// When its report cannot be read.
    pub async fn restore(&self, name: &str, input: Value) -> Result<Run> {
        let mut execution = Execution::new(&self.restore, name, self.sim.clock().now(), input);
        execution.machine = "ebs-backup-restore";
        self.pass(&self.restore, &mut execution).await
    }

    /// What goes wrong with functions from now on.
    pub fn weather(&self, weather: Weather) {
        self.lambdas.weather(weather);
    }

    fn start(&self, name: impl Into<String>, input: Value) -> Execution {
        Execution::new(&self.machine, name, self.sim.clock().now(), input)
    }

    async fn night(
        self: &Rc<Self>,
        night: &Night,
        begins: DateTime<Utc>,
        n: usize,
        done: &mut Vec<(DateTime<Utc>, Change)>,
    ) -> Result<Vec<Run>> {
        self.sim.script(night.faults.clone());
        self.lambdas.weather(night.weather);
        let began = self.sim.clock().now();
        for (after, change) in &night.changes {
            done.push((began + TimeDelta::seconds((*after).cast_signed()), change.clone()));
            let (sim, after, change) = (Arc::clone(&self.sim), *after, change.clone());
            tokio::task::spawn_local(async move {
                sim.clock().sleep(Duration::from_secs(after)).await;
                change_now(&sim, &change);
            });
        }
        let input = input(night, begins);
        let second = night.again_after.map(|after| {
            let (player, input) = (Rc::clone(self), input.clone());
            tokio::task::spawn_local(async move {
                player.sim.clock().sleep(Duration::from_secs(after)).await;
                player.execution(&format!("night-{n}-again"), input, &[]).await
            })
        });
        let mut runs = self.execution(&format!("night-{n}"), input, &night.replays).await?;
        if let Some(second) = second {
            runs.extend(second.await??);
        }
        Ok(runs)
    }

    /// An execution with its replays.
    async fn execution(&self, name: &str, input: Value, replays: &[Replay]) -> Result<Vec<Run>> {
        let mut execution = self.start(name, input);
        let mut runs = vec![self.pass(&self.machine, &mut execution).await?];
        for (n, replay) in replays.iter().enumerate() {
            let Some(red) = runs.last().filter(|run| run.ended.is_err()) else { break };
            if !replay.still_bad {
                self.sim.script(Vec::new());
                self.lambdas.weather(Weather::default());
            }
            let pasted =
                red.reports.last().map(|report| report["replayInput"].clone()).filter(|input| !input.is_null());
            self.sim.clock().sleep(Duration::from_secs(600)).await;
            if let Some(pasted) = pasted.filter(|_| !replay.redrive) {
                execution = self.start(format!("{name}-replay-{n}"), pasted);
            } else {
                execution.redrive_count += 1;
            }
            runs.push(self.pass(&self.machine, &mut execution).await?);
        }
        Ok(runs)
    }

    async fn pass(&self, machine: &StateMachine, execution: &mut Execution) -> Result<Run> {
        let mailbox = self.lambdas.mailbox();
        let before = mailbox.messages().len();
        let began = self.sim.clock().now();
        self.lambdas.redriven(execution.redrive_count);
        let ended = machine::run(machine, &self.lambdas, self.seed, execution).await;
        let arn = execution.arn();
        let mut reports = Vec::new();
        for message in mailbox.messages().into_iter().skip(before) {
            let variants: Value = serde_json::from_str(&message.body)?;
            let document: Value = serde_json::from_str(variants["default"].as_str().unwrap_or_default())?;
            // Another execution may report at the same time.
            if document["run"]["executionArn"] == arn.as_str() || document["executionArn"] == arn.as_str() {
                reports.push(document);
            }
        }
        Ok(Run {
            started_at: execution.started_at,
            began,
            ended_at: self.sim.clock().now(),
            ended,
            reports,
            counts: execution.counts,
            trail: execution.trail.clone(),
        })
    }
}

fn change_now(sim: &Sim, change: &Change) {
    let now = sim.clock().now();
    let tagged = |tags: &mut Vec<(String, String)>, key: &str| tags.push((key.to_owned(), String::new()));
    match change {
        Change::DeleteVolume(region, volume) => {
            sim.change_volume(ACCOUNT, region, volume, |volume| volume.deleted_at = volume.deleted_at.or(Some(now)));
        }
        Change::Exclude(region, volume) => {
            sim.change_volume(ACCOUNT, region, volume, |volume| tagged(&mut volume.tags, EXCLUDE_TAG));
        }
        Change::Hold(region, snapshot) => {
            sim.change_snapshot(ACCOUNT, region, snapshot, |snapshot| tagged(&mut snapshot.tags, KEEP_TAG));
        }
    }
}
