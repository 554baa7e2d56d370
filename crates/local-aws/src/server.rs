//! The server process: started on a free loopback port, waited for, and ended without a trace.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::http;

/// The launcher and what it needs, as they stand in the repository.
const SERVER_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/server");
/// Where the SDKs look for EC2 before they look at `AWS_ENDPOINT_URL`.
const EC2_ENDPOINT: &str = "AWS_ENDPOINT_URL_EC2";
/// The server is up in half a second; a busy machine may need much longer.
const START_WITHIN: Duration = Duration::from_secs(60);
/// Another process may take the free port before the server does.
const START_ATTEMPTS: u32 = 3;
/// How long the server may take to end its functions and itself before it is killed.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Wiping ends the functions of all accounts, each of which may take a moment.
const WIPE_WITHIN: Duration = Duration::from_secs(30);

/// How long the server lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the [`Server`] value, or as this process if that is shorter: it ends when this process does, however
    /// that may happen.
    Bound,
    /// Until somebody ends it: [`Server`] only started it.
    Free,
}

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// A Python in which `server/requirements.txt` is installed.
    pub python: PathBuf,
    /// Factor on the seconds of the state machine's waits and retries: 0 skips them, 1 is real time.
    pub wait_scale: f64,
    /// When it ends.
    pub lifetime: Lifetime,
    /// Where the functions find EC2, and nothing else: a simulated one on this machine. The server's own if `None`.
    pub ec2_endpoint: Option<String>,
}

impl Options {
    /// A server that skips waits, has the one EC2 that is its own, and ends with its value.
    pub fn new(python: impl Into<PathBuf>) -> Self {
        Self { python: python.into(), wait_scale: 0.0, lifetime: Lifetime::Bound, ec2_endpoint: None }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Child,
    address: SocketAddr,
    home: PathBuf,
    lifetime: Lifetime,
    // Removes `home` when it is dropped, which is after `Server::drop` has ended the process.
    scratch: Option<TempDir>,
}

impl Server {
    /// Starts a server on a free loopback port and waits until it answers.
    ///
    /// # Errors
    /// When Python or its packages are missing, or the server does not answer within a minute; the message ends with
    /// the server's last words.
    pub async fn start(options: &Options) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once(options).await {
                Ok(server) => return Ok(server),
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn start_once(options: &Options) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("ebs-backup-local-aws-").tempdir()?;
        let address = free_address()?;
        let endpoint = format!("http://{address}");
        let temporary = home.path().join("tmp");
        std::fs::create_dir(&temporary)?;
        let output = File::create(home.path().join("server.log"))?;

        let mut command = Command::new(&options.python);
        command
            .arg(Path::new(SERVER_DIR).join("launcher.py"))
            .env("AUTH", "true")
            .env("BIND_HOST", Ipv4Addr::LOCALHOST.to_string())
            .env("GATEWAY_PORT", address.port().to_string())
            // Without it the functions would call the real AWS.
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("SFN_WAIT_SCALE", options.wait_scale.to_string())
            .env("LOCAL_AWS_MAILBOX", home.path().join("mailbox"))
            .env("LOCAL_AWS_HOME", home.path())
            .env("TMPDIR", &temporary)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("AWS_PROFILE")
            .stdout(output.try_clone()?)
            .stderr(output)
            // The functions it runs are in its group, so that all of them can be ended together.
            .process_group(0);
        // The functions inherit the server's environment.
        match &options.ec2_endpoint {
            Some(endpoint) => command.env(EC2_ENDPOINT, endpoint),
            None => command.env_remove(EC2_ENDPOINT),
        };
        match options.lifetime {
            Lifetime::Bound => command.arg("--leash").stdin(Stdio::piped()),
            Lifetime::Free => command.stdin(Stdio::null()),
        };
        let process = command
            .spawn()
            .with_context(|| format!("cannot run {}: is Python installed there?", options.python.display()))?;
        // From here on, dropping the value ends the process.
        let mut server =
            Self { process, address, home: home.path().to_owned(), lifetime: Lifetime::Bound, scratch: Some(home) };
        server.until_healthy().await?;
        if options.lifetime == Lifetime::Free {
            server.lifetime = Lifetime::Free;
            if let Some(scratch) = server.scratch.take() {
                let _kept = scratch.keep();
            }
        }
        Ok(server)
    }

    async fn until_healthy(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            if http::request("GET", self.address, "/_ministack/health", Duration::from_secs(2)).await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("the local AWS ended at once ({status}):\n{}", self.last_words());
            }
            if Instant::now() > deadline {
                bail!("the local AWS did not answer in {} s:\n{}", START_WITHIN.as_secs(), self.last_words());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where it listens, as the AWS CLI and the SDKs want it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process id, which is also the id of its process group.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The folder with all its files. It goes with a [`Lifetime::Bound`] server, and stays behind a free one.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The file with all that it and its functions print.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.home.join("server.log")
    }

    /// The file that mail to subscribers of a topic goes to; see [`crate::mail`].
    #[must_use]
    pub fn mailbox(&self) -> PathBuf {
        self.home.join("mailbox")
    }

    /// Forgets all accounts: resources, functions, executions, mail.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn wipe(&self) -> Result<()> {
        http::request("POST", self.address, "/_ministack/reset", WIPE_WITHIN).await?;
        match std::fs::remove_file(self.mailbox()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The end of its log, for an error message.
    #[must_use]
    pub fn last_words(&self) -> String {
        const LINES: usize = 30;
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Ends the process if it is still there, and waits for it.
    fn end(&mut self) -> Result<()> {
        // The launcher ends the functions and itself when its standard input closes.
        drop(self.process.stdin.take());
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline {
            if self.process.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let group = format!("-{}", self.process.id());
        Command::new("kill").args(["-KILL", "--", &group]).status()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.lifetime == Lifetime::Bound
            && let Err(error) = self.end()
        {
            eprintln!("the local AWS (process {}) could not be ended: {error}", self.process.id());
        }
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
