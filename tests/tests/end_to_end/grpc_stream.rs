//! Many requests on one call.

use forge_proto::{ModelInferRequest, ModelStreamInferResponse};
use forge_tests::{Setup, Signal, until};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::grpc_client::{Grpc, answered, floats, serving};

const M: [(&str, &str); 1] = [("model", "m")];

/// An open call: what it is sent, and what comes.
fn open(grpc: &Grpc) -> (mpsc::Sender<ModelInferRequest>, Streaming<ModelStreamInferResponse>) {
    let (sender, requests) = mpsc::channel(1000);
    let mut client = grpc.client.clone();
    let answers = grpc.wait(client.model_stream_infer(ReceiverStream::new(requests))).unwrap();
    (sender, answers.into_inner())
}

fn numbered(number: u8) -> ModelInferRequest {
    ModelInferRequest { id: number.to_string(), ..floats("m", &[f32::from(number)]) }
}

#[test]
fn answers_come_in_the_order_of_the_requests_which_run_together() {
    let (forge, grpc) = serving("double");
    let (sender, mut answers) = open(&grpc);
    grpc.wait(async {
        for number in 0..200_u8 {
            sender.send(numbered(number)).await.unwrap();
        }
        for number in 0..200_u8 {
            let answer = answers.next().await.unwrap().unwrap();
            assert_eq!(answer.error_message, "");
            let response = answer.infer_response.unwrap();
            assert_eq!(response.id, number.to_string());
            assert_eq!(answered(&response), [f32::from(number) * 2.0]);
        }
        drop(sender);
        assert!(answers.next().await.is_none());
    });
    assert!(forge.metric("forge_batch_size_count", &M) < 200.0);
    until("all is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
}

#[test]
fn an_error_is_told_in_its_place_and_the_call_goes_on() {
    let (_forge, grpc) = serving("throw");
    let (sender, mut answers) = open(&grpc);
    let mut wrong = numbered(2);
    wrong.model_name = "other".to_owned();
    let throws = ModelInferRequest { id: "throws".to_owned(), ..floats("m", &[-1.0]) };
    let told = grpc.wait(async {
        for request in [numbered(1), wrong, throws, numbered(3)] {
            sender.send(request).await.unwrap();
        }
        let mut told = Vec::new();
        while told.len() < 4 {
            let answer = answers.next().await.unwrap().unwrap();
            told.push((answer.infer_response.unwrap().id, answer.error_message));
        }
        told
    });
    let ids: Vec<&str> = told.iter().map(|(id, _)| &**id).collect();
    assert_eq!(ids, ["1", "2", "throws", "3"]);
    assert!(told[1].1.contains("Model 'other' not found"), "{}", told[1].1);
    assert!(told[2].1.contains("a negative row"), "{}", told[2].1);
    assert_eq!((&*told[0].1, &*told[3].1), ("", ""));
}

#[test]
fn a_call_that_is_dropped_takes_its_requests_back() {
    let forge = Setup::new().test_model("m", "sleep 1000").with("max_batch_size = 1").start();
    let grpc = Grpc::connect(&forge);
    let (sender, answers) = open(&grpc);
    grpc.wait(async {
        for number in 0..10 {
            sender.send(numbered(number)).await.unwrap();
        }
    });
    let received = [M[0], ("status", "received")];
    until("all have come", || {
        grpc.runtime.block_on(tokio::task::yield_now());
        forge.metric("forge_requests_total", &received) == 10.0
    });
    drop((sender, answers, grpc));
    let cancelled = [M[0], ("status", "cancelled")];
    until("all are counted", || forge.metric("forge_requests_total", &cancelled) == 10.0);
    assert!(forge.metric("forge_rows_total", &M) <= 2.0);
}

#[test]
fn an_open_call_ends_cleanly_when_the_server_does() {
    let (forge, grpc) = serving("double");
    let (sender, mut answers) = open(&grpc);
    grpc.wait(async {
        sender.send(numbered(1)).await.unwrap();
        answers.next().await.unwrap().unwrap();
    });
    forge.process().signal(Signal::SIGTERM);
    grpc.wait(async { assert!(answers.next().await.is_none()) });
    drop(sender);
    assert!(forge.wait_until_ended().status.success());
}
