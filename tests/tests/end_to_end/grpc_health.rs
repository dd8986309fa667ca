//! `grpc.health.v1` and reflection, as probes and tools ask for them.

use forge_tests::{Forge, Setup, Signal};
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus::{
    self, NotServing, ServiceUnknown, Serving,
};
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::grpc_client::{Grpc, serving};

const SERVICE: &str = "inference.GRPCInferenceService";

fn asking(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

fn check(grpc: &Grpc, service: &str) -> Result<ServingStatus, Code> {
    let mut health = HealthClient::new(grpc.channel());
    let told = grpc.wait(health.check(asking(service)));
    told.map(|told| told.into_inner().status()).map_err(|status| status.code())
}

#[test]
fn the_server_its_service_and_each_model_are_checked_by_name() {
    let forge =
        Setup::new().test_model("m", "echo").test_model("late", "load-after never").start_loading();
    let grpc = Grpc::connect(&forge);
    assert_eq!(check(&grpc, ""), Ok(NotServing));
    assert_eq!(check(&grpc, SERVICE), Ok(NotServing));
    assert_eq!(check(&grpc, "late"), Ok(NotServing));
    assert_eq!(check(&grpc, "other"), Err(Code::NotFound));
    forge_tests::until("m is ready", || check(&grpc, "m") == Ok(Serving));
}

#[test]
fn whoever_watches_is_told_of_each_change() {
    let forge = Setup::new().test_model("m", "echo").shutdown_grace(3000.0).start();
    let grpc = Grpc::connect(&forge);
    let watch = |service: &str| {
        let mut health = HealthClient::new(grpc.channel());
        grpc.wait(health.watch(asking(service))).unwrap().into_inner()
    };
    let (mut server, mut unknown) = (watch(""), watch("other"));
    let next = |stream: &mut tonic::Streaming<_>| {
        grpc.wait(stream.next())
            .unwrap()
            .map(|told: tonic_health::pb::HealthCheckResponse| told.status())
    };
    assert_eq!(next(&mut server).unwrap(), Serving);
    assert_eq!(next(&mut unknown).unwrap(), ServiceUnknown);
    let file = forge.write("other.model", "echo");
    let loaded = forge.ctl(&["load", "other", file.to_str().unwrap()]);
    assert!(loaded.status.success(), "{}", loaded.stderr);
    let mut told = next(&mut unknown).unwrap();
    while told != Serving {
        assert_eq!(told, NotServing);
        told = next(&mut unknown).unwrap();
    }
    forge.process().signal(Signal::SIGTERM);
    assert_eq!(next(&mut server).unwrap(), NotServing);
    end_at_once(forge);
}

#[test]
fn a_watch_does_not_hold_up_the_end() {
    let (forge, grpc) = serving("echo");
    let mut health = HealthClient::new(grpc.channel());
    let mut watch = grpc.wait(health.watch(asking(""))).unwrap().into_inner();
    forge.process().signal(Signal::SIGTERM);
    grpc.wait(async { while watch.next().await.is_some() {} });
    assert!(forge.wait_until_ended().status.success());
}

#[test]
fn tools_find_the_services_and_their_messages_by_reflection() {
    let (_forge, grpc) = serving("echo");
    let ask = |message| {
        let request =
            ServerReflectionRequest { message_request: Some(message), ..Default::default() };
        let mut client = ServerReflectionClient::new(grpc.channel());
        let answers = client.server_reflection_info(tokio_stream::once(request));
        let mut answers = grpc.wait(answers).unwrap().into_inner();
        grpc.wait(answers.next()).unwrap().unwrap().message_response.unwrap()
    };
    let MessageResponse::ListServicesResponse(services) =
        ask(MessageRequest::ListServices(String::new()))
    else {
        panic!("no list");
    };
    let names: Vec<_> = services.service.iter().map(|service| &*service.name).collect();
    for name in [SERVICE, "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let symbol = MessageRequest::FileContainingSymbol("inference.ModelConfig".to_owned());
    assert!(matches!(ask(symbol), MessageResponse::FileDescriptorResponse(_)));
}

fn end_at_once(forge: Forge) {
    forge.process().signal(Signal::SIGTERM);
    assert!(forge.wait_until_ended().status.success());
}
