//! Just enough HTTP for the server's own endpoints (`/_ministack/…`), which no AWS SDK speaks.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request without a body and waits for an answer that says 200.
pub(crate) async fn request(method: &str, address: SocketAddr, path: &str, patience: Duration) -> Result<()> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(patience, exchange)
        .await
        .with_context(|| format!("{method} {path}: no answer in {} s", patience.as_secs()))?
        .with_context(|| format!("{method} {path}"))?;
    let status = String::from_utf8_lossy(&answer);
    let status = status.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        bail!("{method} {path}: {status}");
    }
    Ok(())
}
