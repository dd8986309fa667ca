//! One client connection, from accept to close: HTTP/1.1, or HTTP/2 for who begins with its preface.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::{Builder, Connection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval_at};
use tracing::debug;

use super::activity::{Activity, Verdict};
use super::app::{App, HttpSettings};
use super::last_words::LastWords;
use super::outgoing::Outgoing;
use super::routes::{self, Caller};
use super::write_timeout::WriteTimeout;
use crate::grpc;

/// The most a connection buffers of what its client sends: with many clients sending at once this
/// is what the router holds outside `max_inflight_bytes`.
pub(super) const READ_BUFFER: usize = 32 * 1024;

/// Requests of one HTTP/2 connection at a time; clients hold back what is beyond.
const STREAMS: u32 = 1024;

/// What an HTTP/2 client may send before it is told that it was read, on all its requests together: a tensor
/// of common size goes through without waiting. Many clients that send at once fill it faster than it is read, so it is
/// what each may hold outside `max_inflight_bytes`.
const WINDOW: u32 = 1024 * 1024;

/// The largest piece of a body. A connection holds at most one that has not come whole, outside
/// `max_inflight_bytes`; docs/performance.md tells what larger ones would bring.
const FRAME: u32 = 128 * 1024;

/// How long a connection on which nothing is under way takes to end, at most.
const FAREWELL: Duration = Duration::from_secs(1);

/// Answers the requests of one connection. When `draining` turns true, the answers under way are the
/// last.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    (app, services): (Arc<App>, Arc<grpc::Services>),
    draining: watch::Receiver<bool>,
) {
    let activity = Arc::new(Activity::new(app.settings.body_timeout));
    let watched = (Arc::clone(&activity), draining.clone());
    let settings = app.settings.clone();
    let handler = service_fn(move |request: Request<Incoming>| {
        let (app, services) = (Arc::clone(&app), Arc::clone(&services));
        let exchange = Activity::begin(&activity, request.version());
        let caller = Caller { peer, draining: draining.clone() };
        async move {
            let answer: Response<Outgoing> = routes::answer(app, &services, caller, request).await;
            Ok::<_, Infallible>(answer.map(|body| body.part_of(exchange)))
        }
    });
    let builder = builder(&settings);
    let stream = TokioIo::new(LastWords::new(WriteTimeout::new(stream, settings.body_timeout)));
    let connection = pin!(builder.serve_connection(stream, handler));
    if let Err(error) = until_end(connection, &settings, watched).await {
        // The client's fault or its wish; what it had asked for is logged by its request.
        debug!(%error, "connection ended");
    }
}

fn builder(settings: &HttpSettings) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(READ_BUFFER)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_frame_size(FRAME)
        // A peer that vanished without a word holds its requests no longer than a silent one.
        .keep_alive_interval(settings.header_timeout)
        .keep_alive_timeout(settings.header_timeout);
    builder
}

/// Drives a connection; ends it where it is idle for too long or its client does not read, which the
/// HTTP/2 of hyper leaves to others, as it does the time until a client has told which version it speaks.
async fn until_end<I, S>(
    mut connection: Pin<&mut Connection<'_, TokioIo<I>, S, TokioExecutor>>,
    settings: &HttpSettings,
    (activity, mut draining): (Arc<Activity>, watch::Receiver<bool>),
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Outgoing>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let period = settings.header_timeout.min(settings.body_timeout);
    let mut look = interval_at(tokio::time::Instant::now() + period, period);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut idle = activity.watch(settings.header_timeout, Instant::now());
    let (mut is_ending, mut is_draining) = (false, false);
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = turned_true(&mut draining), if !is_draining => {
                (is_draining, is_ending) = (true, true);
                connection.as_mut().graceful_shutdown();
                // An HTTP/2 client has to confirm that it was told; a silent one is not waited for.
                idle = activity.watch(FAREWELL, Instant::now());
                look = interval_at(tokio::time::Instant::now() + FAREWELL, FAREWELL);
            }
            _ = look.tick() => match idle.look(Instant::now()) {
                Verdict::Busy => {}
                // Told to leave, it has gone nowhere.
                Verdict::Idle if is_ending => return Ok(()),
                Verdict::Idle => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                Verdict::Deaf => return Ok(()),
            }
        }
    }
}

/// Resolves once the flag is true, or can no longer become so.
async fn turned_true(flag: &mut watch::Receiver<bool>) {
    // The guard that it returns must not live on: it holds the channel's lock.
    drop(flag.wait_for(|flag| *flag).await);
}
