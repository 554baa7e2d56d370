//! The simulated EC2 as a server, until it is ended.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::Parser;
use ec2_sim::{Behaviour, Sim, server};
use tokio::net::TcpListener;

/// EC2, simulated: on the loopback interface alone. What can be set while it runs lies under /_sim/.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The port; 0 takes a free one, which is printed.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What its clock shows first, such as 2026-11-23T02:00:00Z; the real time when it is left out.
    #[arg(long)]
    start: Option<DateTime<Utc>>,
    /// A JSON file that says how it behaves; as documented when it is left out.
    #[arg(long)]
    behaviour: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let behaviour = match &arguments.behaviour {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            serde_json::from_str(&text).with_context(|| path.display().to_string())?
        }
        None => Behaviour::default(),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await.context("the port is taken")?;
    println!("http://{}", listener.local_addr()?);
    server::serve(Arc::new(Sim::new(arguments.start.unwrap_or_else(Utc::now), behaviour)), listener).await;
    Ok(())
}
