//! What workloads, their loads and their figures are called, in tables and where goals look for them.

pub(crate) const FORGE: &str = "Forge";
pub(crate) const BARE: &str = "bare hyper";
pub(crate) const TRITON: &str = "Triton";
pub(crate) const MOSEC: &str = "mosec";
pub(crate) const ORIGINAL: &str = "original Forge";
pub(crate) const LIBTORCH: &str = "libtorch in process";

pub(crate) const DOUBLE: &str = "x * 2 on 128 floats";
pub(crate) const MLP: &str = "MLP 768-256-3";
pub(crate) const MINILM: &str = "MiniLM-L6";
pub(crate) const RESNET: &str = "ResNet-50";
pub(crate) const IMAGE: &str = "602 kB image to its mean";
pub(crate) const MANY: &str = "many models";
pub(crate) const IDLE: &str = "idle connections";
pub(crate) const OPEN: &str = "open loop";
pub(crate) const COSTS: &str = "costs";

pub(crate) const FIFTY: &str = "50 connections";
pub(crate) const TEN: &str = "10 connections";
pub(crate) const EIGHT: &str = "8 connections";
pub(crate) const ONE: &str = "1 connection";
pub(crate) const BESIDE_IDLE: &str = "50 connections beside 1,000 idle ones";
pub(crate) const MIXED: &str = "16 connections, 8 to 128 tokens";
pub(crate) const PADDED: &str = "16 connections, each padded to 128 tokens";
pub(crate) const IN_PROCESS: &str = "full batches";
pub(crate) const HUNDRED: &str = "100 models, 50 connections";
pub(crate) const ONE_MODEL: &str = "1 model, 50 connections";

pub(crate) const MLP_CPU_ALONE: &str = "MLP, worker CPU per request, max_batch_size 1";
pub(crate) const MLP_CPU_BATCHED: &str = "MLP, worker CPU per request, max_batch_size 32";
pub(crate) const ROUTER_CPU: &str = "x * 2, router CPU per request";
pub(crate) const BARE_CPU: &str = "x * 2, bare hyper's CPU per request";
pub(crate) const ROUTER_MEMORY: &str = "router's memory without regions";
pub(crate) const WORKER_MEMORY: &str = "MLP, RssAnon of its worker";
pub(crate) const BARE_MEMORY: &str = "MLP, RssAnon of a bare program";
pub(crate) const START: &str = "start to ready";
pub(crate) const MANY_MEMORY: &str = "many models, RssAnon of each worker";
pub(crate) const OPEN_CAPACITY: &str = "open loop, capacity";
pub(crate) const OPEN_TAIL: &str = "open loop at 70 %, p99 by median";
pub(crate) const OPEN_GOODPUT: &str = "open loop at 200 %, right answers by capacity";
pub(crate) const OPEN_REFUSAL: &str = "open loop at 200 %, slowest refusal";
pub(crate) const OPEN_REFUSED: &str = "open loop at 200 %, refused";
