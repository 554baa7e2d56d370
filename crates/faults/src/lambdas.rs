//! Lambda, as far as the state machine meets it: containers of the steps' own code, cold or warm, one invocation each at a
//! time; time-outs; and what goes wrong with functions.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::Config;
use ec2::Clients;
use ec2_sim::{Sim, chance};
use notify::metrics::MetricsLog;
use notify::settings::Settings;
use replay_gate::{Executions, LookUpError};
use report_topic::message::Message;
use report_topic::publish::{PublishError, ReportTopic};
use serde::Serialize;
use serde_json::Value;
use step_runtime::{Deadline, StepError};

use crate::deployed;
use crate::machine::{Failure, Functions};
use crate::wire::{self, Life};

/// How often what goes wrong with functions, as chances of an invocation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Weather {
    /// The container is killed before or after one of its first calls.
    pub killed: f64,
    /// The function does its work, and Step Functions never hears of it.
    pub unheard: f64,
    /// Step Functions gives up and tries again, and the function goes on beside its successor.
    pub doubled: f64,
    /// Lambda has no container.
    pub throttled: f64,
    /// SNS does not take the report.
    pub mute: f64,
}

/// The functions of one account.
#[derive(Clone)]
pub struct Lambdas(Rc<Inner>);

struct Inner {
    sim: Arc<Sim>,
    account: String,
    config: Config,
    settings: Settings,
    sizes: BTreeMap<String, deployed::Size>,
    seed: u64,
    weather: Cell<Weather>,
    redrives: Cell<u32>,
    idle: RefCell<HashMap<String, Vec<Container>>>,
    invocations: RefCell<HashMap<(String, String), u32>>,
    mailbox: Mailbox,
    used: RefCell<Used>,
}

/// A process with a function in it, and what it keeps between invocations.
struct Container {
    clients: Clients,
    life: Arc<Life>,
}

/// What functions used: the ground of a bill.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Used {
    /// Invocations.
    pub invocations: u64,
    /// Memory times time, as Lambda bills it.
    pub gib_seconds: f64,
    /// The longest invocation of each function, in seconds.
    pub longest: BTreeMap<String, f64>,
}

/// Where reports arrive.
#[derive(Debug, Clone, Default)]
pub struct Mailbox {
    messages: Arc<Mutex<Vec<Message>>>,
    mute: bool,
}

impl Mailbox {
    /// All that arrived.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ReportTopic for Mailbox {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        if self.mute {
            return Err(PublishError::Unavailable("the simulator was told so".to_owned()));
        }
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
        Ok(())
    }
}

/// Metrics are the same facts once more.
struct NoMetrics;

impl MetricsLog for NoMetrics {
    fn write(&self, _line: &Value) {}
}

/// The execution, for the gate.
struct Redrives(u32);

impl Executions for Redrives {
    async fn redrive_count(&self, _execution_arn: &str) -> Result<u32, LookUpError> {
        Ok(self.0)
    }
}

/// What becomes of one invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Well,
    Killed { halves: u32 },
    Unheard,
    Doubled,
    Throttled,
    Mute,
}

impl Lambdas {
    /// Functions over a simulated EC2, configured as a deployment would configure them.
    #[must_use]
    pub fn new(sim: &Arc<Sim>, account: &str, config: Config, settings: Settings, seed: u64) -> Self {
        Self(Rc::new(Inner {
            sim: Arc::clone(sim),
            account: account.to_owned(),
            config,
            settings,
            sizes: deployed::sizes(),
            seed,
            weather: Cell::default(),
            redrives: Cell::new(0),
            idle: RefCell::default(),
            invocations: RefCell::default(),
            mailbox: Mailbox::default(),
            used: RefCell::default(),
        }))
    }

    /// Lets this go wrong from now on.
    pub fn weather(&self, weather: Weather) {
        self.0.weather.set(weather);
    }

    /// What Step Functions says of the execution that the gate asks for.
    pub fn redriven(&self, count: u32) {
        self.0.redrives.set(count);
    }

    /// Where reports arrive.
    #[must_use]
    pub fn mailbox(&self) -> Mailbox {
        self.0.mailbox.clone()
    }

    /// What was used so far.
    #[must_use]
    pub fn used(&self) -> Used {
        self.0.used.borrow().clone()
    }

    fn fate(&self, stem: &str, event: &Value) -> Fate {
        let region = event["job"]["region"].as_str().unwrap_or_default();
        let key = (stem.to_owned(), region.to_owned());
        let nth = *self.0.invocations.borrow_mut().entry(key.clone()).and_modify(|n| *n += 1).or_insert(0);
        let seed = self.0.seed;
        let weather = self.0.weather.get();
        let mut drawn = chance::fraction(seed, ("invocation", &key, nth));
        let halves = u32::try_from(chance::draw(seed, ("halves", &key, nth)) % 24).unwrap_or_default();
        let notify = stem == "notify";
        for (chance, fate) in [
            (weather.killed, Fate::Killed { halves }),
            (weather.unheard, Fate::Unheard),
            // Two reports of one run are no harm, but nothing to look for either.
            (if notify { 0.0 } else { weather.doubled }, Fate::Doubled),
            (weather.throttled, Fate::Throttled),
            (if notify { weather.mute } else { 0.0 }, Fate::Mute),
        ] {
            if drawn < chance {
                return fate;
            }
            drawn -= chance;
        }
        Fate::Well
    }

    fn container(&self, stem: &str) -> Container {
        let warm = self.0.idle.borrow_mut().get_mut(stem).and_then(Vec::pop);
        warm.unwrap_or_else(|| {
            let life = Arc::new(Life::default());
            Container { clients: Clients::new(wire::config(&self.0.sim, &self.0.account, &life)), life }
        })
    }

    fn give_back(&self, stem: &str, container: Container) {
        container.life.goes_on();
        self.0.idle.borrow_mut().entry(stem.to_owned()).or_default().push(container);
    }

    /// Runs a function in a container to its end, or to its own.
    async fn run(&self, stem: &str, event: &Value, container: Container, mute: bool) -> Result<Value, Failure> {
        let size = self.0.sizes.get(stem).copied();
        let size = size.ok_or_else(|| Failure::new("Lambda.ResourceNotFoundException", stem))?;
        let began = tokio::time::Instant::now();
        let time_out = Duration::from_secs(size.time_out_seconds);
        let work =
            tokio::time::timeout(time_out, self.answer(stem, event, &container, Deadline::within(time_out), mute));
        let ended = tokio::select! {
            biased;
            ended = work => Some(ended),
            () = container.life.over() => None,
        };
        self.billed(stem, size, began.elapsed());
        match ended {
            Some(Ok(answer)) => {
                self.give_back(stem, container);
                answer.map_err(|error| Failure::new(error.name(), error.message()))
            }
            Some(Err(_)) => Err(Failure::new("Sandbox.Timedout", format!("Task timed out after {time_out:?}"))),
            None => {
                Err(Failure::new("Runtime.ExitError", "RequestId: 0 Error: Runtime exited with error: signal: killed"))
            }
        }
    }

    async fn answer(
        &self,
        stem: &str,
        event: &Value,
        container: &Container,
        deadline: Deadline,
        mute: bool,
    ) -> Result<Value, StepError> {
        let clients = &container.clients;
        let Inner { config, settings, .. } = &*self.0;
        match stem {
            "list-regions" => {
                let ec2 = clients.home();
                let ec2 = &ec2;
                written(
                    step_runtime::answer(
                        &async |request, _| list_regions::handle(ec2, config, request).await,
                        event,
                        deadline,
                    )
                    .await,
                )
            }
            "discover-volumes" => {
                use contract::steps::discover_volumes::Request;
                let work = async |request: Request, _| {
                    discover_volumes::handle(clients.of(&request.job).read(), request).await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "create-snapshots" => {
                use contract::steps::create_snapshots::Request;
                let work = async |request: Request, deadline| {
                    create_snapshots::handle(&clients.of(&request.job), request, deadline).await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "adopt-snapshots" => {
                use contract::steps::adopt_snapshots::Request;
                let work = async |request: Request, deadline| {
                    adopt_snapshots::handle(&clients.of(&request.job), request, deadline).await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "find-expired" => {
                use contract::steps::find_expired::Request;
                let work =
                    async |request: Request, _| find_expired::handle(clients.of(&request.job).read(), request).await;
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "delete-snapshots" => {
                use contract::steps::delete_snapshots::Request;
                let work = async |request: Request, deadline| {
                    delete_snapshots::handle(&clients.of(&request.job), request, deadline).await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "notify" => {
                let topic = Mailbox { mute, ..self.0.mailbox.clone() };
                let now = self.0.sim.clock().now();
                let topic = &topic;
                let work = async |request, _| notify::handle(topic, &NoMetrics, settings, now, request).await;
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "replay-gate" => {
                let redrives = Redrives(self.0.redrives.get());
                let redrives = &redrives;
                written(
                    step_runtime::answer(
                        &async |request, _| replay_gate::handle(redrives, request).await,
                        event,
                        deadline,
                    )
                    .await,
                )
            }
            "find-restore-points" => {
                let home = clients.home();
                let home = &home;
                let work = async |request, _| {
                    find_restore_points::handle(home, |region, pace| clients.in_region(region, pace), config, request)
                        .await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "create-volumes" => {
                use contract::steps::create_volumes::Request;
                let work = async |request: Request, deadline| {
                    create_volumes::handle(&clients.of_restore(&request.job), request, deadline).await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "check-volumes" => {
                use contract::steps::check_volumes::Request;
                let now = self.0.sim.clock().now();
                let work = async |request: Request, _| {
                    check_volumes::handle(clients.of_restore(&request.job).read(), request, now).await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "attach-volumes" => {
                use contract::steps::attach_volumes::Request;
                let work = async |request: Request, deadline| {
                    attach_volumes::handle(&clients.of_restore(&request.job), request, deadline).await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "delete-test-volumes" => {
                use contract::steps::delete_test_volumes::Request;
                let now = self.0.sim.clock().now();
                let work = async |request: Request, _| {
                    delete_test_volumes::handle(&clients.of_restore(&request.job), request, now).await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            "report-restore" => {
                use contract::steps::report_restore::Request;
                let topic = Mailbox { mute, ..self.0.mailbox.clone() };
                let topic = &topic;
                let work = async |request: Request, _| {
                    let ec2 = clients.of_restore(&request.job);
                    report_restore::handle(topic, ec2.read(), &settings.account_name, request).await
                };
                written(step_runtime::answer(&work, event, deadline).await)
            }
            other => Err(StepError::new("Lambda.ResourceNotFoundException", other.to_owned())),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "sizes in MiB are small")]
    fn billed(&self, stem: &str, size: deployed::Size, took: Duration) {
        let mut used = self.0.used.borrow_mut();
        used.invocations += 1;
        used.gib_seconds += took.as_secs_f64() * size.memory_mib as f64 / 1_024.0;
        let longest = used.longest.entry(stem.to_owned()).or_default();
        *longest = longest.max(took.as_secs_f64());
    }
}

fn written<T: Serialize>(answer: Result<T, StepError>) -> Result<Value, StepError> {
    serde_json::to_value(answer?).map_err(|error| StepError::new("Runtime.MarshalError", error.to_string()))
}

impl Functions for Lambdas {
    async fn invoke(&self, stem: &str, event: &Value) -> Result<Value, Failure> {
        let fate = self.fate(stem, event);
        match fate {
            Fate::Throttled => return Err(Failure::new("Lambda.TooManyRequestsException", "Rate Exceeded.")),
            Fate::Doubled => {
                let (lambdas, stem, event) = (self.clone(), stem.to_owned(), event.clone());
                let container = self.container(&stem);
                tokio::task::spawn_local(async move { lambdas.run(&stem, &event, container, false).await });
                tokio::time::sleep(Duration::from_secs(2)).await;
                return Err(Failure::new("Lambda.ClientExecutionTimeoutException", "the connection was lost"));
            }
            _ => {}
        }
        let container = self.container(stem);
        if let Fate::Killed { halves } = fate {
            container.life.ends_after(halves);
        }
        let answer = self.run(stem, event, container, fate == Fate::Mute).await;
        if fate == Fate::Unheard {
            return Err(Failure::new("Lambda.SdkClientException", "the connection was lost"));
        }
        answer
    }
}
