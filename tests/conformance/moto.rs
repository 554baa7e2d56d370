//! moto's server: started on a free loopback port, waited for, and ended.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::suite::{ACCOUNT, client};

/// A Python in which `crates/local-aws/server/moto-requirements.txt` is installed.
const PYTHON: &str = "EBS_BACKUP_MOTO_PYTHON";
/// It imports all of moto's EC2 first, which takes seconds; a busy machine may need much longer.
const START_WITHIN: Duration = Duration::from_secs(90);
/// Another process may take the free port before the server does.
const START_ATTEMPTS: u32 = 3;
/// The server ends when its standard input closes: with this process, however that may end.
const LAUNCHER: &str = "
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', sys.argv[1]])
";

/// A running server; it ends when the value is dropped.
pub struct Moto {
    process: Child,
    address: SocketAddr,
    log: PathBuf,
    // Removes the log, after `Drop` has ended the process.
    _home: TempDir,
}

impl Moto {
    pub async fn start() -> Result<Self> {
        let python = std::env::var_os(PYTHON).map(PathBuf::from);
        let python = python.with_context(|| format!("{PYTHON} is not set: `cargo xtask test` sets all up"))?;
        let mut attempt = 1;
        loop {
            match Self::start_once(&python).await {
                Ok(server) => return Ok(server),
                Err(_) if attempt < START_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn start_once(python: &Path) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("ebs-backup-moto-").tempdir()?;
        let log = home.path().join("server.log");
        let output = File::create(&log)?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let process = Command::new(python)
            .args(["-c", LAUNCHER, &address.port().to_string()])
            .env("MOTO_ACCOUNT_ID", ACCOUNT)
            .env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {}", python.display()))?;
        // From here on, dropping the value ends the process.
        let mut server = Self { process, address, log, _home: home };
        server.until_it_answers().await?;
        Ok(server)
    }

    async fn until_it_answers(&mut self) -> Result<()> {
        let (client, deadline) = (client(&self.endpoint()), Instant::now() + START_WITHIN);
        while Instant::now() < deadline {
            let asked = tokio::time::timeout(Duration::from_secs(30), client.describe_regions().send()).await;
            if asked.is_ok_and(|answer| answer.is_ok()) {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("moto ended at once ({status}):\n{}", self.last_words());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("moto did not answer in {} s:\n{}", START_WITHIN.as_secs(), self.last_words());
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
