//! Which settings of the server differ between two configs.

use super::ServerConfig;

/// The keys of `[server]` that differ: a running server keeps to those it started with.
pub fn changed_keys(before: &ServerConfig, now: &ServerConfig) -> Vec<String> {
    let same = [
        ("host", before.address.ip() == now.address.ip()),
        ("port", before.address.port() == now.address.port()),
        ("model_root", before.model_root == now.model_root),
        ("admin", before.admin == now.admin),
        ("socket", before.socket == now.socket),
        ("parallel_loads", before.parallel_loads == now.parallel_loads),
        ("max_body_bytes", before.max_body_bytes == now.max_body_bytes),
        ("max_inflight_bytes", before.max_inflight_bytes == now.max_inflight_bytes),
        ("cors_origins", before.cors_origins == now.cors_origins),
        ("access_log", before.access_log == now.access_log),
        ("triton_metrics", before.triton_metrics == now.triton_metrics),
        ("header_timeout_s", before.header_timeout == now.header_timeout),
        ("body_timeout_s", before.body_timeout == now.body_timeout),
        ("shutdown_grace_s", before.shutdown_grace == now.shutdown_grace),
    ];
    same.iter().filter(|(_, is_same)| !is_same).map(|(key, _)| format!("server.{key}")).collect()
}
