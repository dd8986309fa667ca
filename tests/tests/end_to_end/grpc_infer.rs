//! Predictions over gRPC.

use std::collections::HashMap;
use std::time::Duration;

use forge_proto::infer_parameter::ParameterChoice;
use forge_proto::model_infer_request::InferRequestedOutputTensor;
use forge_proto::{InferParameter, InferTensorContents};
use forge_tests::{Setup, until};
use tonic::{Code, Request};

use super::grpc_client::{Grpc, answered, floats, raw_request, serving, within};

const M: [(&str, &str); 1] = [("model", "m")];

#[test]
fn a_raw_request_is_answered_raw() {
    let (_forge, grpc) = serving("double");
    let mut request = floats("m", &[1.0, 2.5]);
    request.id = "seven".to_owned();
    let response = grpc.infer(request).unwrap();
    assert_eq!(answered(&response), [2.0, 5.0]);
    assert_eq!((&*response.model_name, &*response.model_version), ("m", "1"));
    assert_eq!(response.id, "seven");
    let output = &response.outputs[0];
    assert_eq!((&*output.name, &output.shape[..]), ("OUTPUT__0", &[1, 2][..]));
    assert!(output.contents.is_none());
}

#[test]
fn typed_contents_are_answered_raw_too() {
    let (_forge, grpc) = serving("double");
    let mut request = floats("m", &[0.0, 0.0]);
    request.raw_input_contents.clear();
    let contents = InferTensorContents { fp32_contents: vec![3.0, 4.0], ..Default::default() };
    request.inputs[0].contents = Some(contents);
    assert_eq!(answered(&grpc.infer(request.clone()).unwrap()), [6.0, 8.0]);
    request.raw_input_contents.push(vec![0; 8].into());
    let (code, cause) = grpc.refusal(request);
    assert_eq!(code, Code::InvalidArgument);
    assert!(cause.contains("give one of the two"), "{cause}");
}

#[test]
fn a_request_of_many_rows_is_answered_whole() {
    let forge = Setup::new().test_model("m", "double").with("max_batch_size = 8").start();
    let grpc = Grpc::connect(&forge);
    let row: Vec<f32> = (0..8_u8).map(f32::from).collect();
    let raw = row.iter().flat_map(|number| number.to_le_bytes()).collect();
    let response = grpc.infer(raw_request("m", "FP32", &[4, 2], raw)).unwrap();
    assert_eq!(response.outputs[0].shape, [4, 2]);
    assert_eq!(answered(&response), row.iter().map(|number| number * 2.0).collect::<Vec<_>>());
}

#[test]
fn the_outputs_that_are_asked_for_come_in_that_order() {
    let (_forge, grpc) = serving("echo\nargs a b");
    let mut request = raw_request("m", "UINT8", &[1, 2], vec![1, 2]);
    request.inputs[0].name = "a".to_owned();
    let mut other = request.inputs[0].clone();
    other.name = "b".to_owned();
    request.inputs.push(other);
    request.raw_input_contents.push(vec![3, 4].into());
    let named =
        |name: &str| InferRequestedOutputTensor { name: name.to_owned(), ..Default::default() };
    request.outputs = vec![named("OUTPUT__1"), named("OUTPUT__0")];
    let response = grpc.infer(request.clone()).unwrap();
    assert_eq!(response.raw_output_contents, [&[3, 4][..], &[1, 2]]);
    request.outputs = vec![named("other")];
    let (code, cause) = grpc.refusal(request);
    assert_eq!(code, Code::InvalidArgument);
    assert!(cause.contains("there is no output 'other'"), "{cause}");
}

#[test]
fn a_refusal_has_the_code_of_its_kind_and_the_words_of_http() {
    let (forge, grpc) = serving("throw");
    let mut other_version = floats("m", &[1.0]);
    other_version.model_version = "9".to_owned();
    let mut no_version = floats("m", &[1.0]);
    no_version.model_version = "latest".to_owned();
    let mut reserved = floats("m", &[1.0]);
    let parameter = InferParameter { parameter_choice: Some(ParameterChoice::Int64Param(1)) };
    reserved.parameters = HashMap::from([("triton_x".to_owned(), parameter)]);
    for (request, code, cause) in [
        (floats("other", &[1.0]), Code::NotFound, "Model 'other' not found. Registered: ['m']"),
        (other_version, Code::NotFound, "Model 'm' has no version 9; there is: 1"),
        (no_version, Code::InvalidArgument, "the version \"latest\" is no number"),
        (raw_request("m", "FP32", &[1, 2], vec![0; 4]), Code::InvalidArgument, "has 4 bytes"),
        (raw_request("m", "FP33", &[1], vec![0; 4]), Code::InvalidArgument, "FP33"),
        (reserved, Code::InvalidArgument, "triton_x"),
        (floats("m", &[-1.0]), Code::Internal, "Inference failed: a negative row"),
    ] {
        let (told, words) = grpc.refusal(request);
        assert_eq!(told, code, "{words}");
        assert!(words.contains(cause), "{words}");
    }
    forge.wait_for_log(&["request failed", "status=404", "model=other"]);
}

#[test]
fn a_client_that_gives_less_time_than_the_model_is_told_in_that_time() {
    let (forge, grpc) = serving("sleep 1000");
    let mut asked = floats("m", &[1.0]);
    let timeout = InferParameter { parameter_choice: Some(ParameterChoice::Uint64Param(50_000)) };
    asked.parameters = HashMap::from([("timeout".to_owned(), timeout)]);
    let (code, cause) = grpc.refusal(asked);
    assert_eq!(code, Code::DeadlineExceeded, "{cause}");
    assert!(cause.contains("expired after 0.05s"), "{cause}");
    // The client's own clock may be the first.
    let status = grpc.infer(within(floats("m", &[1.0]), Duration::from_millis(50))).unwrap_err();
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&status.code()), "{status}");
    until("both have left", || forge.metric("forge_requests_in_flight", &M) == 0.0);
}

#[test]
fn a_full_queue_is_unavailable() {
    let forge = Setup::new()
        .test_model("m", "sleep 1000")
        .with("max_batch_size = 1")
        .with("max_queue_depth = 1")
        .start();
    let grpc = Grpc::connect(&forge);
    let statuses = grpc.wait(async {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let mut client = grpc.client.clone();
            calls.spawn(async move { client.model_infer(floats("m", &[1.0])).await.err() });
        }
        calls.join_all().await
    });
    let refused: Vec<_> = statuses.into_iter().flatten().collect();
    assert!(!refused.is_empty());
    for status in refused {
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("Request queue saturated"), "{status}");
    }
}

#[test]
fn a_client_that_cancels_takes_its_request_back() {
    let forge = Setup::new().test_model("m", "sleep 1000").with("max_batch_size = 1").start();
    let grpc = Grpc::connect(&forge);
    grpc.wait(async {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let mut client = grpc.client.clone();
            calls.spawn(async move { client.model_infer(floats("m", &[1.0])).await });
        }
        tokio::task::spawn_blocking(move || {
            until("all have come", || forge.metric("forge_requests_in_flight", &M) == 10.0);
            forge
        })
        .await
        .inspect(|_| calls.abort_all())
    })
    .map(|forge| {
        drop(grpc);
        let cancelled = [M[0], ("status", "cancelled")];
        until("all are counted", || forge.metric("forge_requests_total", &cancelled) == 10.0);
        assert!(forge.metric("forge_rows_total", &M) <= 2.0);
        assert_eq!(forge.metric("forge_queue_depth", &M), 0.0);
    })
    .unwrap();
}

#[test]
fn a_call_asks_for_the_canary_by_its_metadata() {
    let forge =
        Setup::new().test_model("m", "multiply 2").with("sticky_header = \"x-user\"").start();
    forge.write("triple.model", "multiply 3");
    assert_eq!(forge.start_canary("m", "triple.model", "50%").status, 200);
    let grpc = Grpc::connect(&forge);
    let answer = |name: &'static str, value: &str| {
        let mut request = Request::new(floats("m", &[1.0]));
        request.metadata_mut().insert(name, value.parse().unwrap());
        answered(&grpc.infer(request).unwrap())[0]
    };
    for _ in 0..4 {
        assert_eq!(answer("x-forge-route", "canary"), 3.0);
        assert_eq!(answer("x-forge-route", "stable"), 2.0);
    }
    let mut seen: Vec<f32> =
        (0..10).map(|user| answer("x-user", &format!("user {user}"))).collect();
    let again: Vec<f32> = (0..10).map(|user| answer("x-user", &format!("user {user}"))).collect();
    assert_eq!(seen, again);
    seen.sort_by(f32::total_cmp);
    assert_eq!((seen[0], seen[9]), (2.0, 3.0), "each version has some of them");
    assert_eq!(forge.ctl(&["abort", "m"]).code(), 0);
}
