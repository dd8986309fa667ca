//! Forge as its users meet it: the real programs, over HTTP and on the command line.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic, in its helpers too"
)]

mod bad_input;
mod batching;
mod behind_a_proxy;
mod broken_workers;
mod check_command;
mod compressed_bodies;
mod containers;
mod cross_origin;
mod ctl;
mod ctl_changes;
mod ctl_socket;
mod deadlines;
mod deployment;
mod docs_page;
mod documented_requests;
mod dtypes;
mod failing_models;
mod formats_images;
mod formats_negotiation;
mod formats_refusals;
mod formats_tensors;
mod grpc_bounds;
mod grpc_client;
mod grpc_health;
mod grpc_infer;
mod grpc_server;
mod grpc_stream;
mod handover;
mod hanging_up;
mod hardened;
mod http2;
mod http2_client;
mod kserve_v1;
mod kubernetes;
mod log_readers;
mod many_rows;
mod memory_bound;
mod memory_growth;
mod metrics;
mod model_directory;
mod model_kinds;
mod models_and_health;
mod monitoring;
mod openapi;
mod other_commands;
mod padded_lengths;
mod predict;
mod priorities;
mod python_configurations;
mod refused_senders;
mod request_ids;
mod resources;
mod serve_command;
mod service_manager;
mod several_threads;
mod shipped_configs;
mod shutdown;
mod skipped_tests;
mod slow_clients;
mod soak;
mod systemd;
mod torchserve;
mod triton_metrics;
mod v2_bad_input;
mod v2_inference;
mod v2_models;
mod who_may_reload;
mod without_batching;
mod worker_processes;
mod worker_threads;
