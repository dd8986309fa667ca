//! What the server and its models tell of themselves over gRPC.

use forge_proto::*;
use forge_tests::{Setup, json};
use tonic::{Code, Response};

use super::grpc_client::{Grpc, answered, floats, serving};

#[test]
fn the_server_tells_what_it_is_and_that_it_is_ready() {
    let (_forge, grpc) = serving("echo");
    let mut client = grpc.client.clone();
    assert!(grpc.wait(client.server_live(ServerLiveRequest {})).unwrap().into_inner().live);
    assert!(grpc.wait(client.server_ready(ServerReadyRequest {})).unwrap().into_inner().ready);
    let told = grpc.wait(client.server_metadata(ServerMetadataRequest {})).unwrap().into_inner();
    assert_eq!(told.name, "forge");
    assert!(told.extensions.contains(&"statistics".to_owned()), "{:?}", told.extensions);
}

#[test]
fn a_model_is_ready_by_itself_and_by_its_version() {
    let (_forge, grpc) = serving("echo");
    let ask = |name: &str, version: &str| {
        let mut client = grpc.client.clone();
        let request = ModelReadyRequest { name: name.to_owned(), version: version.to_owned() };
        grpc.wait(client.model_ready(request)).map(|told| told.into_inner().ready)
    };
    assert!(ask("m", "").unwrap());
    assert!(ask("m", "1").unwrap());
    for (name, version) in [("m", "2"), ("other", "")] {
        assert!(!ask(name, version).unwrap(), "{name} {version}");
    }
    assert_eq!(ask("m", "latest").unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn metadata_and_configuration_tell_what_a_model_takes() {
    let forge = Setup::new()
        .test_model("m", "double")
        .with("max_batch_size = 16")
        .with("batch_window_ms = 2")
        .with_inputs(&[("x", "float32", "[4]")])
        .start();
    let grpc = Grpc::connect(&forge);
    let mut client = grpc.client.clone();
    let request = ModelMetadataRequest { name: "m".to_owned(), ..Default::default() };
    let told = grpc.wait(client.model_metadata(request)).unwrap().into_inner();
    assert_eq!((&*told.name, &*told.platform), ("m", "pytorch_libtorch"));
    assert_eq!(told.versions, ["1"]);
    let input = &told.inputs[0];
    assert_eq!((&*input.name, &*input.datatype, &input.shape[..]), ("x", "FP32", &[-1, 4][..]));
    assert_eq!(told.outputs[0].name, "OUTPUT__0");
    let request = ModelConfigRequest { name: "m".to_owned(), ..Default::default() };
    let config = grpc.wait(client.model_config(request)).unwrap().into_inner().config.unwrap();
    assert_eq!(config.max_batch_size, 16);
    assert_eq!(
        (config.input[0].data_type(), &config.input[0].dims[..]),
        (DataType::TypeFp32, &[4][..])
    );
    assert!(!config.model_transaction_policy.unwrap().decoupled);
    let Some(model_config::SchedulingChoice::DynamicBatching(batching)) = config.scheduling_choice
    else {
        panic!("no dynamic batching");
    };
    assert_eq!(batching.max_queue_delay_microseconds, 2000);
}

#[test]
fn statistics_are_told_of_one_model_or_of_all() {
    let forge = Setup::new().test_model("a", "echo").test_model("b", "echo").start();
    let grpc = Grpc::connect(&forge);
    let ask = |name: &str| {
        let mut client = grpc.client.clone();
        let request = ModelStatisticsRequest { name: name.to_owned(), ..Default::default() };
        grpc.wait(client.model_statistics(request)).map(Response::into_inner)
    };
    let names = |told: ModelStatisticsResponse| -> Vec<String> {
        told.model_stats.into_iter().map(|of| of.name).collect()
    };
    assert_eq!(names(ask("").unwrap()), ["a", "b"]);
    let told = ask("a").unwrap();
    assert_eq!(told.model_stats[0].version, "1");
    assert!(told.model_stats[0].inference_stats.unwrap().cache_hit.is_some());
    assert_eq!(ask("other").unwrap_err().code(), Code::NotFound);
}

#[test]
fn the_repository_lists_the_models() {
    let forge = Setup::new().test_model("a", "echo").test_model("b", "echo").start();
    let grpc = Grpc::connect(&forge);
    let mut client = grpc.client.clone();
    let index = grpc.wait(client.repository_index(RepositoryIndexRequest::default())).unwrap();
    let index = index.into_inner().models;
    let entries: Vec<_> =
        index.iter().map(|entry| (&*entry.name, &*entry.version, &*entry.state)).collect();
    assert_eq!(entries, [("a", "1", "READY"), ("b", "1", "READY")]);
}

#[test]
fn a_model_is_loaded_again_and_unloaded_by_those_who_may() {
    let (forge, grpc) = serving("double");
    let mut client = grpc.client.clone();
    let load = RepositoryModelLoadRequest { model_name: "m".to_owned(), ..Default::default() };
    forge.write("m.model", "multiply 3");
    grpc.wait(client.repository_model_load(load.clone())).unwrap();
    let response = grpc.infer(floats("m", &[1.0])).unwrap();
    assert_eq!((&*response.model_version, answered(&response)), ("2", vec![3.0]));
    let other = RepositoryModelLoadRequest { model_name: "other".to_owned(), ..Default::default() };
    let status = grpc.wait(client.repository_model_load(other)).unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let unload = RepositoryModelUnloadRequest { model_name: "m".to_owned(), ..Default::default() };
    grpc.wait(client.repository_model_unload(unload)).unwrap();
    assert_eq!(forge.predict("m", &json!({"input": [1]})).status, 404);
    let index = grpc.wait(client.repository_index(RepositoryIndexRequest::default())).unwrap();
    let entry = &index.get_ref().models[0];
    assert_eq!((&*entry.name, &*entry.state), ("m", "UNAVAILABLE"));
    // It is still in the config.
    grpc.wait(client.repository_model_load(load)).unwrap();
    assert_eq!(answered(&grpc.infer(floats("m", &[1.0])).unwrap()), [3.0]);
    forge.stop();
}

#[test]
fn nobody_changes_a_server_without_its_token() {
    let tokens = forge_tests::TempDir::new();
    let file = tokens.write("tokens", "secret\n");
    let forge = Setup::new()
        .server("admin = \"token\"")
        .server(&format!("admin_token_file = \"{}\"", file.display()))
        .test_model("m", "double")
        .start();
    let grpc = Grpc::connect(&forge);
    let load = |token: Option<&str>| {
        let mut client = grpc.client.clone();
        let message =
            RepositoryModelLoadRequest { model_name: "m".to_owned(), ..Default::default() };
        let mut request = tonic::Request::new(message);
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        grpc.wait(client.repository_model_load(request))
    };
    assert_eq!(load(None).unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(load(Some("guess")).unwrap_err().code(), Code::Unauthenticated);
    load(Some("secret")).unwrap();
    let off = Setup::new().server("admin = \"off\"").test_model("m", "double").start();
    let grpc = Grpc::connect(&off);
    let message = RepositoryModelLoadRequest { model_name: "m".to_owned(), ..Default::default() };
    let status = grpc.wait(grpc.client.clone().repository_model_load(message)).unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[test]
fn shared_memory_is_not_offered_yet_nothing_is_left_of_it() {
    let (_forge, grpc) = serving("echo");
    let mut client = grpc.client.clone();
    let register = SystemSharedMemoryRegisterRequest::default();
    let status = grpc.wait(client.system_shared_memory_register(register)).unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    grpc.wait(
        client.system_shared_memory_unregister(SystemSharedMemoryUnregisterRequest::default()),
    )
    .unwrap();
    grpc.wait(client.cuda_shared_memory_unregister(CudaSharedMemoryUnregisterRequest::default()))
        .unwrap();
}
