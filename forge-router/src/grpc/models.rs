//! What models are: readiness, metadata and configuration, in the protocol's messages.

use std::sync::Arc;

use super::generated::model_config::SchedulingChoice;
use super::generated::model_instance_group::Kind;
use super::generated::model_metadata_response::TensorMetadata;
use super::generated::model_version_policy::{Latest, PolicyChoice};
use super::generated::{
    DataType, ModelConfig, ModelConfigResponse, ModelDynamicBatching, ModelInput,
    ModelInstanceGroup, ModelMetadataResponse, ModelOutput, ModelTransactionPolicy,
    ModelVersionPolicy,
};
use super::infer::version_of;
use crate::http::{App, HttpError, models};
use crate::model::{Model, ModelState, Version};
use crate::request::RequestError;
use crate::v2::{self, Datatype, PLATFORM};

/// Whether a model, or one version of it, answers.
pub fn is_ready(app: &App, name: &str, version: &str) -> Result<bool, HttpError> {
    let model = models::find(app, name)?;
    let is_ready = model.status().state == ModelState::Ready;
    Ok(match version_of(version)? {
        None => is_ready,
        Some(_) => is_ready && !versions(&model, version)?.is_empty(),
    })
}

/// What a model takes and returns.
pub fn metadata(app: &App, name: &str, version: &str) -> Result<ModelMetadataResponse, HttpError> {
    let model = models::find(app, name)?;
    let v2::ModelMetadata { name, versions, inputs, outputs, .. } = of_one(&model, version)?.0;
    let tensors = |tensors: Vec<v2::TensorMetadata>| {
        let tensor = |tensor: v2::TensorMetadata| TensorMetadata {
            shape: tensor.shape(),
            datatype: tensor.datatype.name().to_owned(),
            name: tensor.name,
        };
        tensors.into_iter().map(tensor).collect()
    };
    Ok(ModelMetadataResponse {
        name,
        versions,
        platform: PLATFORM.to_owned(),
        inputs: tensors(inputs),
        outputs: tensors(outputs),
        ..Default::default()
    })
}

/// How a model is served, in the words of Triton's configuration.
pub fn config(app: &App, name: &str, version: &str) -> Result<ModelConfigResponse, HttpError> {
    let model = models::find(app, name)?;
    let (metadata, version) = of_one(&model, version)?;
    let config = version.config();
    let batching = ModelDynamicBatching {
        max_queue_delay_microseconds: u64::try_from(config.batch_window.as_micros())
            .unwrap_or(u64::MAX),
        ..Default::default()
    };
    let config = ModelConfig {
        name: metadata.name,
        platform: PLATFORM.to_owned(),
        backend: "pytorch".to_owned(),
        version_policy: Some(ModelVersionPolicy {
            policy_choice: Some(PolicyChoice::Latest(Latest { num_versions: 1 })),
        }),
        max_batch_size: i32::try_from(metadata.max_batch_size).unwrap_or(i32::MAX),
        input: metadata.inputs.into_iter().map(input).collect(),
        output: metadata.outputs.into_iter().map(output).collect(),
        instance_group: instances(&version, name),
        model_transaction_policy: Some(ModelTransactionPolicy { decoupled: false }),
        scheduling_choice: config.batching.then_some(SchedulingChoice::DynamicBatching(batching)),
        ..Default::default()
    };
    Ok(ModelConfigResponse { config: Some(config) })
}

/// The versions of a model that answer, or the one that is named.
pub fn versions(model: &Model, version: &str) -> Result<Vec<Arc<Version>>, HttpError> {
    let route = model.route();
    let Some(id) = version_of(version)? else { return Ok(route.versions().cloned().collect()) };
    if let Some(version) = route.versions().find(|version| version.id() == id) {
        return Ok(vec![Arc::clone(version)]);
    }
    let available: Vec<String> = route.versions().map(|version| version.id().to_string()).collect();
    let (model, available) = (model.name.to_string(), available.join(", "));
    Err(RequestError::UnknownVersion { model, version: id.0, available }.into())
}

/// The version that is named, or the first that answers.
fn of_one(model: &Model, version: &str) -> Result<(v2::ModelMetadata, Arc<Version>), HttpError> {
    let version = versions(model, version)?.into_iter().next().ok_or_else(|| {
        let (model, state) = (model.name.to_string(), model.status().state.to_string());
        RequestError::NotReady { model, state }
    })?;
    Ok((v2::metadata(model, &version), version))
}

fn input(tensor: v2::TensorMetadata) -> ModelInput {
    ModelInput {
        data_type: data_type(tensor.datatype).into(),
        dims: tensor.row,
        optional: tensor.is_optional,
        name: tensor.name,
        ..Default::default()
    }
}

fn output(tensor: v2::TensorMetadata) -> ModelOutput {
    ModelOutput {
        data_type: data_type(tensor.datatype).into(),
        dims: tensor.row,
        name: tensor.name,
        ..Default::default()
    }
}

fn data_type(datatype: Datatype) -> DataType {
    DataType::from_str_name(&datatype.config_name()).unwrap_or_default()
}

/// Workers of a kind are one group.
fn instances(version: &Version, model: &str) -> Vec<ModelInstanceGroup> {
    let workers = &version.config().workers;
    let group = |kind: Kind, is_gpu: bool| {
        let count = workers.iter().filter(|worker| worker.device.is_gpu() == is_gpu).count();
        (count > 0).then(|| ModelInstanceGroup {
            name: model.to_owned(),
            kind: kind.into(),
            count: i32::try_from(count).unwrap_or(i32::MAX),
            ..Default::default()
        })
    };
    [group(Kind::Gpu, true), group(Kind::Cpu, false)].into_iter().flatten().collect()
}
