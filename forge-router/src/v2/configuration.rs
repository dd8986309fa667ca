//! A model's configuration as Triton shows it (`model_config.proto`, as JSON), as far as clients read
//! it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ModelMetadata, PLATFORM, TensorMetadata};
use crate::config::ModelConfig;

/// One model, or one version of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Configuration {
    pub name: String,
    pub platform: &'static str,
    pub backend: &'static str,
    pub version_policy: VersionPolicy,
    /// 0 where requests are not batched.
    pub max_batch_size: u32,
    pub input: Vec<TensorConfiguration>,
    pub output: Vec<TensorConfiguration>,
    pub instance_group: Vec<InstanceGroup>,
    /// Where requests are batched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_batching: Option<DynamicBatching>,
}

/// The versions that answer: the latest ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VersionPolicy {
    pub latest: Latest,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latest {
    pub num_versions: usize,
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorConfiguration {
    pub name: String,
    /// `TYPE_FP32`, …
    pub data_type: String,
    /// Of one row where requests are batched; -1 for a free dimension.
    pub dims: Vec<i64>,
    /// Of an input that may be left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// Workers on one device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InstanceGroup {
    pub name: String,
    /// `KIND_CPU` or `KIND_GPU`.
    pub kind: &'static str,
    pub count: u32,
    /// Of GPUs, by their index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DynamicBatching {
    /// Always empty: a batch is whatever waits.
    pub preferred_batch_size: Vec<u32>,
    pub max_queue_delay_microseconds: u64,
    pub priority_levels: u8,
    pub default_priority_level: u8,
}

/// What `metadata` and the config say.
pub fn configuration(metadata: ModelMetadata, config: &ModelConfig) -> Configuration {
    let delay = u64::try_from(config.batch_window.as_micros()).unwrap_or(u64::MAX);
    Configuration {
        instance_group: instance_groups(&metadata.name, config),
        name: metadata.name,
        platform: PLATFORM,
        backend: "pytorch",
        version_policy: VersionPolicy {
            latest: Latest { num_versions: metadata.versions.len().max(1) },
        },
        max_batch_size: metadata.max_batch_size,
        input: metadata.inputs.into_iter().map(of_tensor).collect(),
        output: metadata.outputs.into_iter().map(of_tensor).collect(),
        dynamic_batching: config.batching.then_some(DynamicBatching {
            preferred_batch_size: Vec::new(),
            max_queue_delay_microseconds: delay,
            priority_levels: config.priority.levels.get(),
            default_priority_level: config.priority.default_level.get(),
        }),
    }
}

fn of_tensor(tensor: TensorMetadata) -> TensorConfiguration {
    TensorConfiguration {
        name: tensor.name,
        data_type: tensor.datatype.config_name(),
        dims: tensor.row,
        optional: tensor.is_optional,
    }
}

/// One group for each device that has workers.
fn instance_groups(model: &str, config: &ModelConfig) -> Vec<InstanceGroup> {
    let mut counts: BTreeMap<Option<u32>, u32> = BTreeMap::new();
    for worker in &config.workers {
        *counts.entry(worker.device.gpu()).or_default() += 1;
    }
    let group = |(place, (gpu, count)): (usize, (Option<u32>, u32))| InstanceGroup {
        name: format!("{model}_{place}"),
        kind: if gpu.is_some() { "KIND_GPU" } else { "KIND_CPU" },
        count,
        gpus: gpu.into_iter().collect(),
    };
    counts.into_iter().enumerate().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Machine, for_loading};
    use crate::tensor::Dtype;
    use crate::v2::Datatype;

    #[test]
    fn a_configuration_has_what_clients_read() {
        let machine = Machine { usable_cpus: vec![0, 1], cpu_quota: None };
        let settings = "max_batch_size = 8\nbatch_window_ms = 2\nworkers = 2".parse().unwrap();
        let config = for_loading("m", "/m.pt".into(), settings, &machine).unwrap();
        let x = TensorMetadata {
            name: "x".to_owned(),
            datatype: Datatype::Numbers(Dtype::Float32),
            row: vec![-1, 3],
            is_optional: false,
            has_rows: true,
        };
        let label =
            TensorMetadata { name: "label".to_owned(), datatype: Datatype::Bytes, ..x.clone() };
        let metadata = ModelMetadata {
            name: "m".to_owned(),
            versions: vec!["3".to_owned()],
            inputs: vec![x],
            outputs: vec![label],
            max_batch_size: 8,
        };
        let shown = serde_json::to_value(configuration(metadata, &config)).unwrap();
        assert_eq!(
            shown,
            serde_json::json!({
                "name": "m", "platform": "pytorch_libtorch", "backend": "pytorch",
                "version_policy": {"latest": {"num_versions": 1}}, "max_batch_size": 8,
                "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 3]}],
                "output": [{"name": "label", "data_type": "TYPE_STRING", "dims": [-1, 3]}],
                "instance_group": [{"name": "m_0", "kind": "KIND_CPU", "count": 2}],
                "dynamic_batching": {
                    "preferred_batch_size": [], "max_queue_delay_microseconds": 2000,
                    "priority_levels": 10, "default_priority_level": 5
                }
            })
        );
    }
}
