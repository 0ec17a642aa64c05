//! Metrics as Prometheus's text, over HTTP.

use std::io;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Answers each request with the metrics as they are then, one after the other: `before` sets those
/// that no event says.
pub async fn serve(
    listener: TcpListener,
    handle: PrometheusHandle,
    before: impl Fn(),
) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        before();
        // A client that hangs up has no answer.
        let _ = answer(stream, &handle.render()).await;
    }
}

async fn answer(stream: TcpStream, text: &str) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    // The request ends with an empty line.
    while stream.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
