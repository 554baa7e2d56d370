//! The simulator behind HTTP, on the loopback interface.
//!
//! `POST /` is EC2. Whose call it is, and where, says its signature: an access key id of twelve digits is the account, as
//! with other simulators of AWS; with any other key the call is the default account's. Signatures are not checked.
//!
//! What lies under `/_sim/` is for whoever runs the simulator:
//!
//! | | |
//! |---|---|
//! | `PUT /_sim/behaviour` | a [`Behaviour`] |
//! | `PUT /_sim/clock` | `{"set": time}`, `{"advanceSeconds": n}` or `{"speed": n}` |
//! | `PUT /_sim/faults` | a list of [`Rule`]s |
//! | `PUT /_sim/seed/<account>/<region>` | a [`Seed`] |
//! | `PUT /_sim/opt-in/<account>/<region>` | |
//! | `GET /_sim/journal?from=n` | the [`Entry`](crate::journal::Entry)s from number `n` on |
//! | `GET /_sim/snapshots/<account>/<region>` | all [`Snapshot`](crate::model::Snapshot)s that ever were |
//! | `GET /_sim/volumes/<account>/<region>` | all [`Volume`](crate::model::Volume)s that ever were |
//! | `GET /_sim/instances/<account>/<region>` | all [`Instance`](crate::model::Instance)s |
//! | `POST /_sim/reset` | forgets everything but behaviour and clock |

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::behaviour::Behaviour;
use crate::fault::Rule;
use crate::model::Seed;
use crate::sim::{Delivery, Reply, Sim};

/// The account of calls whose key is no account.
pub const DEFAULT_ACCOUNT: &str = "111122223333";

type Body = BoxBody<Bytes, io::Error>;

/// A server in the background; it ends when the value is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts one on `port` of the loopback interface; 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(sim: Arc<Sim>, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(serve(sim, listener)) })
    }

    /// Where it is, as SDKs want it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves connections for ever.
pub async fn serve(sim: Arc<Sim>, listener: TcpListener) {
    loop {
        // One that could not be accepted is the caller's to open again.
        let Ok((connection, _)) = listener.accept().await else { continue };
        _ = connection.set_nodelay(true);
        let sim = Arc::clone(&sim);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&sim), request));
            let builder = hyper::server::conn::http1::Builder::new();
            // It ends in an error whenever a fault closes it, and whenever a client does.
            _ = builder.serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

/// An answer, or an error that closes the connection without one.
async fn answer(sim: Arc<Sim>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path();
    if let Some(control) = path.strip_prefix("/_sim/") {
        return Ok(match control_of(&sim, &head.method, control, head.uri.query().unwrap_or_default(), &body) {
            Ok(text) => whole(StatusCode::OK, "application/json", text),
            Err(reason) => whole(StatusCode::BAD_REQUEST, "text/plain", reason + "\n"),
        });
    }
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (account, region) = signer(authorization);
    let Reply { after, delivery } = sim.call(account, region, &body);
    sim.clock().sleep(after).await;
    match delivery {
        Delivery::Whole(answer) => {
            let status = StatusCode::from_u16(answer.status).map_err(io::Error::other)?;
            Ok(whole(status, "text/xml;charset=UTF-8", answer.body))
        }
        Delivery::Half(answer) => Ok(half(&answer.body)),
        Delivery::Closed => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
        Delivery::Silent => std::future::pending().await,
    }
}

/// Account and region of a call, by the scope of its signature.
fn signer(authorization: &str) -> (&str, &str) {
    let scope = authorization.split_once("Credential=").map(|(_, rest)| rest).unwrap_or_default();
    let mut parts = scope.split([',', '/', ' ']);
    let key = parts.next().unwrap_or_default();
    let is_account = key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit());
    (if is_account { key } else { DEFAULT_ACCOUNT }, parts.nth(1).unwrap_or("us-east-1"))
}

fn whole(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

/// Announces the whole text, sends half of it and closes the connection.
fn half(text: &str) -> Response<Body> {
    let sent = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let cut = Err(io::Error::from(io::ErrorKind::ConnectionAborted));
    let body = StreamBody::new(stream::iter([Ok(Frame::data(sent)), cut]));
    let mut response = Response::new(BodyExt::boxed(body));
    response.headers_mut().insert(CONTENT_LENGTH, text.len().into());
    response
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum SetClock {
    Set(DateTime<Utc>),
    AdvanceSeconds(i64),
    Speed(f64),
}

fn control_of(sim: &Sim, method: &Method, path: &str, query: &str, body: &[u8]) -> Result<String, String> {
    let done = || Ok("{}".to_owned());
    let parts: Vec<&str> = path.split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("PUT", ["behaviour"]) => {
            sim.behave(parsed::<Behaviour>(body)?);
            done()
        }
        ("PUT", ["clock"]) => {
            match parsed(body)? {
                SetClock::Set(to) => sim.clock().set(to),
                SetClock::AdvanceSeconds(seconds) => {
                    sim.clock().advance(TimeDelta::try_seconds(seconds).ok_or("advanceSeconds: out of range")?);
                }
                SetClock::Speed(speed) => sim.clock().set_speed(speed),
            }
            done()
        }
        ("PUT", ["faults"]) => {
            sim.script(parsed::<Vec<Rule>>(body)?);
            done()
        }
        ("PUT", ["seed", account, region]) => {
            sim.seed(account, region, parsed::<Seed>(body)?);
            done()
        }
        ("PUT", ["opt-in", account, region]) => {
            sim.opt_in(account, region);
            done()
        }
        ("POST", ["reset"]) => {
            sim.reset();
            done()
        }
        ("GET", ["journal"]) => {
            let from = query.strip_prefix("from=").map_or(Ok(0), str::parse).map_err(|_| "from: not a number")?;
            written(&sim.journal_since(from))
        }
        ("GET", ["snapshots", account, region]) => {
            written(&sim.snapshots(account, region).into_values().collect::<Vec<_>>())
        }
        ("GET", ["volumes", account, region]) => {
            written(&sim.volumes(account, region).into_values().collect::<Vec<_>>())
        }
        ("GET", ["instances", account, region]) => {
            written(&sim.instances(account, region).into_values().collect::<Vec<_>>())
        }
        _ => Err(format!("{method} /_sim/{path} is not known here")),
    }
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn written(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_says_whose_call_it_is_and_where() {
        let signed = |key: &str| {
            format!("AWS4-HMAC-SHA256 Credential={key}/20261123/eu-west-1/ec2/aws4_request, SignedHeaders=host")
        };
        assert_eq!(signer(&signed("444455556666")), ("444455556666", "eu-west-1"));
        assert_eq!(signer(&signed("ASIAEXAMPLE")), (DEFAULT_ACCOUNT, "eu-west-1"));
        assert_eq!(signer(""), (DEFAULT_ACCOUNT, "us-east-1"));
    }

    #[test]
    fn instances_are_put_there_and_read_back() {
        let sim = Sim::new(DateTime::UNIX_EPOCH, Behaviour::default());
        let control = |method, path, body: &str| control_of(&sim, &method, path, "", body.as_bytes());
        let seed = r#"{"instances":[{"id":"i-1","zone":"b","state":"shutting-down","rootDevice":"/dev/sda1"}]}"#;
        control(Method::PUT, "seed/111122223333/eu-west-1", seed).unwrap();
        let read = control(Method::GET, "instances/111122223333/eu-west-1", "").unwrap();
        let expected = r#"[{"id":"i-1","tags":[],"zone":"b","state":"shutting-down","rootDevice":"/dev/sda1"}]"#;
        assert_eq!(read, expected);
        assert_eq!(control(Method::GET, "instances/111122223333/us-east-1", "").unwrap(), "[]");
        let misspelt = r#"{"instances":[{"id":"i-1","root":"/dev/sda1"}]}"#;
        assert!(control(Method::PUT, "seed/111122223333/eu-west-1", misspelt).is_err());
    }
}
