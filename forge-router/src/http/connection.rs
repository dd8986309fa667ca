//! One client connection, from accept to close.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::debug;

use super::app::App;
use super::routes;
use super::write_timeout::WriteTimeout;

/// The most a connection buffers of what its client sends: with many clients sending at once this
/// is what the router holds outside `max_inflight_bytes`.
const READ_BUFFER: usize = 32 * 1024;

/// Answers the requests of one connection. When `draining` turns true, the answer under way is the
/// last.
pub async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    app: Arc<App>,
    mut draining: watch::Receiver<bool>,
) {
    // A request is small and waited for: it must not wait for the next one to fill a packet.
    drop(stream.set_nodelay(true));
    let handler = service_fn(|request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(routes::answer(app, peer, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.header_timeout)
        .max_buf_size(READ_BUFFER);
    let stream = TokioIo::new(WriteTimeout::new(stream, app.settings.body_timeout));
    let mut connection = pin!(builder.serve_connection(stream, handler));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = turned_true(&mut draining) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        // The client's fault or its wish; what it had asked for is logged by its request.
        debug!(%error, "connection ended");
    }
}

/// Resolves once the flag is true, or can no longer become so.
async fn turned_true(flag: &mut watch::Receiver<bool>) {
    // The guard that it returns must not live on: it holds the channel's lock.
    drop(flag.wait_for(|flag| *flag).await);
}
