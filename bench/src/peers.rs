//! The scripts that people use, as processes of their own.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ec2_sim::{Server, Sim};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::fleet::ACCOUNT;
use crate::runtime_api::peak_memory;

/// What a script took, and says.
pub struct Script {
    /// From start to end.
    pub took: Duration,
    /// The most memory it had, in bytes.
    pub peak: u64,
    /// What it says it did.
    pub says: Value,
}

/// Runs a Python program over what is in `sim`.
pub async fn script(python: &Path, program: &Path, arguments: &[&str], sim: &Arc<Sim>) -> Result<Script> {
    let server = Server::start(Arc::clone(sim), 0).await?;
    let began = Instant::now();
    let mut process = Command::new(python)
        .arg("-B")
        .arg(program)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", std::env::temp_dir())
        .env("AWS_ENDPOINT_URL", server.endpoint())
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", python.display()))?;
    let id = process.id().context("a process without an id")?;
    let mut output = process.stdout.take().context("no output")?;
    let reading = tokio::spawn(async move {
        let mut text = String::new();
        output.read_to_string(&mut text).await.map(|_| text)
    });
    let mut peak = 0;
    let status = loop {
        match tokio::time::timeout(Duration::from_millis(50), process.wait()).await {
            Ok(status) => break status?,
            Err(_) => peak = peak_memory(id).unwrap_or_default().max(peak),
        }
    };
    let took = began.elapsed();
    ensure!(status.success(), "{} ended with {status}", program.display());
    let text = reading.await??;
    let last = text.lines().last().unwrap_or_default();
    let says = serde_json::from_str(last).with_context(|| format!("{} says {last:?}", program.display()))?;
    Ok(Script { took, peak, says })
}
