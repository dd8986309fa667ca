//! `[server]`: what all models share.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Value;

use super::Overrides;
use super::admin::{self, Admin};
use super::error::Problems;
use super::locate;
use super::section::Section;
use super::workers::Machine;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PORT: u16 = 8000;
const MAX_BODY_BYTES: NonZeroUsize = NonZeroUsize::new(64 << 20).unwrap();
const MAX_INFLIGHT_BYTES: NonZeroUsize = NonZeroUsize::new(1 << 30).unwrap();
const HEADER_TIMEOUT_S: f64 = 30.0;
const BODY_TIMEOUT_S: f64 = 30.0;
const SHUTDOWN_GRACE_S: f64 = 3.0;

/// Far beyond what one machine can hold, far below what overflows a sum.
const MOST_BYTES: u64 = 1 << 40;
const HOUR_S: f64 = 3600.0;

/// Workers of which more at once would mostly wait for the disk.
const PARALLEL_LOADS: usize = 8;
const MOST_PARALLEL_LOADS: u64 = 256;

/// The longest path the kernel takes for a socket, in bytes.
const LONGEST_SOCKET: usize = 107;

/// The settings of the whole server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerConfig {
    /// Port 0 lets the system pick one.
    pub address: SocketAddr,
    /// Where model files may be loaded from; absolute, symlinks resolved.
    pub model_root: PathBuf,
    /// Whose requests to change something are heard over HTTP.
    pub admin: Admin,
    /// The control socket, where it is not at its usual place.
    pub socket: Option<PathBuf>,
    /// Workers that load at the same time.
    pub parallel_loads: NonZeroUsize,
    pub max_body_bytes: NonZeroUsize,
    /// Bodies and decoded tensors of all models together; at least `max_body_bytes`.
    pub max_inflight_bytes: NonZeroUsize,
    /// Web origins that may read answers, as browsers send them, or `*`.
    pub cors_origins: Vec<String>,
    pub access_log: bool,
    /// Whether `/metrics` also has Triton's names.
    pub triton_metrics: bool,
    /// Longest time for a request's head.
    pub header_timeout: Duration,
    /// Longest pause between two pieces of a body.
    pub body_timeout: Duration,
    /// How long predictions are still taken once the server is asked to end and says so.
    pub shutdown_grace: Duration,
}

/// Reads `[server]` of a config file that stands in `directory`.
pub(super) fn read(
    mut section: Section<'_>,
    directory: &Path,
    overrides: &Overrides,
    machine: &Machine,
) -> ServerConfig {
    let bytes = " of bytes";
    let config = ServerConfig {
        address: address(&mut section, overrides),
        model_root: model_root(&mut section, directory),
        admin: admin::read(&mut section, directory),
        socket: socket(&mut section, directory),
        parallel_loads: section
            .size("parallel_loads", MOST_PARALLEL_LOADS, " of workers")
            .unwrap_or_else(|| parallel_loads(machine)),
        max_body_bytes: section.size("max_body_bytes", MOST_BYTES, bytes).unwrap_or(MAX_BODY_BYTES),
        max_inflight_bytes: section
            .size("max_inflight_bytes", MOST_BYTES, bytes)
            .unwrap_or(MAX_INFLIGHT_BYTES),
        cors_origins: cors_origins(&mut section),
        access_log: section.flag("access_log", false),
        triton_metrics: section.flag("triton_metrics", false),
        header_timeout: section.seconds("header_timeout_s", 0.001..=HOUR_S, HEADER_TIMEOUT_S),
        body_timeout: section.seconds("body_timeout_s", 0.001..=HOUR_S, BODY_TIMEOUT_S),
        shutdown_grace: shutdown_grace(&mut section, overrides),
    };
    let (body, inflight) = (config.max_body_bytes, config.max_inflight_bytes);
    if inflight < body && section.is_sound(&["max_body_bytes", "max_inflight_bytes"]) {
        let cause = format!(
            "{inflight} is less than max_body_bytes ({body}), \
             so that the largest bodies could never be read"
        );
        section.problems().conflict(&section.key("max_inflight_bytes"), cause);
    }
    section.finish();
    config
}

fn address(section: &mut Section<'_>, overrides: &Overrides) -> SocketAddr {
    let allowed = "an IP address or \"localhost\"";
    let host = section.optional("host", allowed, |value| host(value.as_str()?));
    let port = section.whole("port", 0..=u64::from(u16::MAX), "");
    let port = overrides.port.or(port.and_then(|port| u16::try_from(port).ok()));
    let ip = match &overrides.host {
        None => host,
        Some(text) => {
            let overriding = self::host(text);
            if overriding.is_none() {
                section.problems().value("--host", &Value::String(text.clone()), allowed, None);
            }
            overriding
        }
    };
    SocketAddr::new(ip.unwrap_or(HOST), port.unwrap_or(PORT))
}

fn host(text: &str) -> Option<IpAddr> {
    if text == "localhost" { Some(HOST) } else { text.parse().ok() }
}

fn shutdown_grace(section: &mut Section<'_>, overrides: &Overrides) -> Duration {
    let grace = section.seconds("shutdown_grace_s", 0.0..=HOUR_S, SHUTDOWN_GRACE_S);
    overrides.shutdown_grace.unwrap_or(grace)
}

fn model_root(section: &mut Section<'_>, directory: &Path) -> PathBuf {
    let given = section.text("model_root", "the path of a directory");
    let Some(given) = given else { return directory.to_owned() };
    match locate::directory(&directory.join(given)) {
        Ok(root) => root,
        Err(cause) => {
            section.problems().conflict(&section.key("model_root"), cause);
            directory.to_owned()
        }
    }
}

/// It need not exist: the server makes it.
fn socket(section: &mut Section<'_>, directory: &Path) -> Option<PathBuf> {
    let path = directory.join(section.text("socket", "the path of the control socket")?);
    let length = path.as_os_str().len();
    if length > LONGEST_SOCKET {
        let cause = format!(
            "{} has {length} bytes, and the path of a socket at most {LONGEST_SOCKET}",
            path.display()
        );
        section.problems().conflict(&section.key("socket"), cause);
    }
    Some(path)
}

fn parallel_loads(machine: &Machine) -> NonZeroUsize {
    NonZeroUsize::new(machine.cpus().min(PARALLEL_LOADS)).unwrap_or(NonZeroUsize::MIN)
}

fn cors_origins(section: &mut Section<'_>) -> Vec<String> {
    let everybody = || vec!["*".to_owned()];
    let allowed = "a list of \"*\" or origins such as \"https://example.org\"";
    let list = section.optional("cors_origins", allowed, |value| value.as_array().cloned());
    let Some(list) = list else { return everybody() };
    let key = section.key("cors_origins");
    let read = |(index, value)| origin(&format!("{key}[{index}]"), &value, section.problems());
    list.into_iter().enumerate().filter_map(read).collect()
}

/// Browsers send `scheme://host[:port]`, so that anything with a path would match none of them.
fn origin(key: &str, value: &Value, problems: &Problems) -> Option<String> {
    let is_host = |host: &str| {
        !host.is_empty() && !host.contains(['/', '*']) && host.bytes().all(|b| b.is_ascii_graphic())
    };
    let is_origin = |text: &&str| match text.split_once("://") {
        Some((scheme, host)) => !scheme.is_empty() && is_host(scheme) && is_host(host),
        None => *text == "*",
    };
    let origin = value.as_str().filter(is_origin).map(str::to_owned);
    if origin.is_none() {
        let allowed = "\"*\" or scheme://host[:port] without a path";
        problems.value(key, value, allowed, None);
    }
    origin
}
