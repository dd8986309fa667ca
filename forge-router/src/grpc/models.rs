//! What models are: readiness, metadata and configuration, in the protocol's messages.

use forge_proto::model_config::SchedulingChoice;
use forge_proto::model_instance_group::Kind;
use forge_proto::model_metadata_response::TensorMetadata;
use forge_proto::model_version_policy::{Latest, PolicyChoice};
use forge_proto::{
    DataType, ModelConfig, ModelConfigResponse, ModelDynamicBatching, ModelInput,
    ModelInstanceGroup, ModelMetadataResponse, ModelOutput, ModelTransactionPolicy,
    ModelVersionPolicy,
};

use super::infer::version_of;
use crate::http::{App, HttpError, models};
use crate::model::ModelState;
use crate::v2::{self, DynamicBatching, InstanceGroup, PLATFORM, TensorConfiguration};

/// Whether a model, or one version of it, answers.
pub fn is_ready(app: &App, name: &str, version: &str) -> Result<bool, HttpError> {
    let version = version_of(version)?;
    // As Triton's, whose clients give an error back for anything but an answer.
    let Ok(model) = models::find(app, name) else { return Ok(false) };
    let is_there = version.is_none() || models::find_version(app, name, version).is_ok();
    Ok(is_there && model.status().state == ModelState::Ready)
}

/// What a model takes and returns.
pub fn metadata(app: &App, name: &str, version: &str) -> Result<ModelMetadataResponse, HttpError> {
    let named = version_of(version)?;
    let (model, version) = models::find_version(app, name, named)?;
    let metadata = v2::metadata(&model, &version);
    Ok(ModelMetadataResponse {
        name: metadata.name,
        versions: match named {
            None => metadata.versions,
            Some(version) => vec![version.to_string()],
        },
        platform: PLATFORM.to_owned(),
        inputs: metadata.inputs.into_iter().map(tensor).collect(),
        outputs: metadata.outputs.into_iter().map(tensor).collect(),
        ..Default::default()
    })
}

/// How a model is served, in the words of Triton's configuration.
pub fn config(app: &App, name: &str, version: &str) -> Result<ModelConfigResponse, HttpError> {
    let (model, version) = models::find_version(app, name, version_of(version)?)?;
    let told = v2::configuration(v2::metadata(&model, &version), version.config());
    let num_versions = u32::try_from(told.version_policy.latest.num_versions).unwrap_or(u32::MAX);
    let config = ModelConfig {
        name: told.name,
        platform: told.platform.to_owned(),
        backend: told.backend.to_owned(),
        version_policy: Some(ModelVersionPolicy {
            policy_choice: Some(PolicyChoice::Latest(Latest { num_versions })),
        }),
        max_batch_size: i32::try_from(told.max_batch_size).unwrap_or(i32::MAX),
        input: told.input.into_iter().map(input).collect(),
        output: told.output.into_iter().map(output).collect(),
        instance_group: told.instance_group.into_iter().map(instances).collect(),
        model_transaction_policy: Some(ModelTransactionPolicy { decoupled: false }),
        scheduling_choice: told.dynamic_batching.as_ref().map(batching),
        ..Default::default()
    };
    Ok(ModelConfigResponse { config: Some(config) })
}

fn tensor(tensor: v2::TensorMetadata) -> TensorMetadata {
    TensorMetadata {
        shape: tensor.shape(),
        datatype: tensor.datatype.name().to_owned(),
        name: tensor.name,
    }
}

fn input(tensor: TensorConfiguration) -> ModelInput {
    let data_type = data_type(&tensor.data_type);
    let TensorConfiguration { name, dims, optional, .. } = tensor;
    ModelInput { name, data_type, dims, optional, ..Default::default() }
}

fn output(tensor: TensorConfiguration) -> ModelOutput {
    let data_type = data_type(&tensor.data_type);
    let TensorConfiguration { name, dims, .. } = tensor;
    ModelOutput { name, data_type, dims, ..Default::default() }
}

fn data_type(name: &str) -> i32 {
    DataType::from_str_name(name).unwrap_or_default().into()
}

fn batching(told: &DynamicBatching) -> SchedulingChoice {
    let max_queue_delay_microseconds = told.max_queue_delay_microseconds;
    SchedulingChoice::DynamicBatching(ModelDynamicBatching {
        max_queue_delay_microseconds,
        ..Default::default()
    })
}

fn instances(group: InstanceGroup) -> ModelInstanceGroup {
    let gpus = group.gpus.iter().filter_map(|gpu| i32::try_from(*gpu).ok()).collect();
    ModelInstanceGroup {
        name: group.name,
        kind: Kind::from_str_name(group.kind).unwrap_or_default().into(),
        count: i32::try_from(group.count).unwrap_or(i32::MAX),
        gpus,
        ..Default::default()
    }
}
