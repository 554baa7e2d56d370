//! The Lambda Runtime API, for one process: the function asks for events here, and answers here.
//!
//! Paths and headers: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use faults::machine::Failure;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// How long a process may take until it asks for its first event.
const INIT_WITHIN: Duration = Duration::from_secs(60);

/// A process with a function in it.
pub struct Function {
    process: Child,
    server: JoinHandle<()>,
    events: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Result<Value, Failure>>,
    /// From the start of the process to its first request.
    pub init: Duration,
}

struct Api {
    events: Mutex<mpsc::Receiver<Value>>,
    answers: mpsc::Sender<Result<Value, Failure>>,
    asked: mpsc::Sender<Instant>,
    time_out: Duration,
}

impl Function {
    /// Starts a program as Lambda does, and waits until it asks for an event.
    pub async fn start(
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        time_out: Duration,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, of_events) = mpsc::channel(1);
        let (of_answers, answers) = mpsc::channel(1);
        let (asked, mut first) = mpsc::channel(1);
        let api = Api { events: Mutex::new(of_events), answers: of_answers, asked, time_out };
        let server = tokio::spawn(serve(listener, api));
        let began = Instant::now();
        let process = command(program, arguments, environment, address).spawn();
        let process = process.with_context(|| format!("cannot run {}", program.display()))?;
        let asked = tokio::time::timeout(INIT_WITHIN, first.recv()).await;
        let asked = asked.ok().flatten().with_context(|| format!("{} asks for no event", program.display()))?;
        Ok(Self { process, server, events, answers, init: asked - began })
    }

    /// Gives it an event and waits for the answer.
    pub async fn invoke(&mut self, event: Value) -> Result<Value, Failure> {
        let died = || Failure::new("Runtime.ExitError", "the process is gone");
        self.events.send(event).await.map_err(|_| died())?;
        tokio::select! {
            answer = self.answers.recv() => answer.unwrap_or_else(|| Err(died())),
            _ = self.process.wait() => Err(died()),
        }
    }

    /// The most memory that the process ever had resident, in bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        peak_memory(self.process.id()?)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.server.abort();
        // `kill_on_drop` ends the process.
    }
}

/// The most memory that a process ever had resident, in bytes, as Linux counts it.
pub fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1_024)
}

fn command(program: &Path, arguments: &[&str], environment: &[(&str, &str)], address: SocketAddr) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn serve(listener: TcpListener, api: Api) {
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .with_state(Arc::new(api));
    // It ends with the task.
    _ = axum::serve(listener, router).await;
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    _ = api.asked.try_send(Instant::now());
    let Some(event) = api.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = (SystemTime::now() + api.time_out).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers.insert("lambda-runtime-aws-request-id", HeaderValue::from_static("00000000-0000-4000-8000-000000000000"));
    headers.insert(
        "lambda-runtime-deadline-ms",
        HeaderValue::from(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)),
    );
    headers.insert(
        "lambda-runtime-invoked-function-arn",
        HeaderValue::from_static("arn:aws:lambda:eu-central-1:111122223333:function:bench"),
    );
    (headers, event.to_string()).into_response()
}

async fn response(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    let answer = serde_json::from_slice(&body).map_err(|error| Failure::new("Runtime.InvalidJson", error.to_string()));
    _ = api.answers.send(answer).await;
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    let error: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    _ = api.answers.send(Err(Failure::new(text("errorType"), text("errorMessage")))).await;
    StatusCode::ACCEPTED
}
