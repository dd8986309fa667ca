//! What a gRPC client can make the server hold, and for how long.

use forge_tests::{Setup, Signal, until};
use tonic::Code;
use tonic::codec::CompressionEncoding;

use super::grpc_client::{Grpc, answered, floats, raw_request, serving};
use super::http2_client::{Http2, begun, whole};
use super::slow_clients::impatient;

const INFER: &str = "/inference.GRPCInferenceService/ModelInfer";

const INVALID_ARGUMENT: &str = "3";
const DEADLINE_EXCEEDED: &str = "4";
const UNIMPLEMENTED: &str = "12";
const INTERNAL: &str = "13";

fn bytes(count: usize) -> forge_proto::ModelInferRequest {
    raw_request("m", "UINT8", &[1, count as i64], vec![1; count])
}

#[test]
fn a_message_is_as_large_as_a_body_may_be() {
    let forge = Setup::new()
        .server("max_body_bytes = 8000000")
        .test_model("m", "echo")
        .with("frame_bytes = 33554432")
        .start();
    let grpc = Grpc::connect(&forge);
    let answer = grpc.infer(bytes(7_900_000)).unwrap();
    assert_eq!(answer.raw_output_contents[0].len(), 7_900_000);
    let (code, cause) = grpc.refusal(bytes(8_000_001));
    assert_eq!(code, Code::ResourceExhausted, "{cause}");
    assert!(cause.contains("8000000 bytes (server.max_body_bytes)"), "{cause}");
    until("all is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
}

#[test]
fn compressed_messages_are_understood_and_bombs_are_not_unpacked() {
    let forge = Setup::new().server("max_body_bytes = 100000").test_model("m", "double").start();
    let grpc = Grpc::connect(&forge);
    let mut client = grpc.client.clone().send_compressed(CompressionEncoding::Gzip);
    let row = vec![1.5; 10_000];
    let answer = grpc.wait(client.model_infer(floats("m", &row))).unwrap().into_inner();
    assert_eq!(answered(&answer), vec![3.0; 10_000]);
    // It comes in some ten kilobytes.
    let bomb = raw_request("m", "UINT8", &[1, 10_000_000], vec![0; 10_000_000]);
    let refused = grpc.wait(client.model_infer(bomb)).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(refused.message().contains("100000 bytes (server.max_body_bytes)"), "{refused}");
    assert!(forge.process().own_memory() < 40_000_000);
    until("all is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
}

#[test]
fn messages_are_counted_with_all_that_is_in_flight() {
    let forge = Setup::new()
        .server("max_inflight_bytes = 1000000")
        .server("max_body_bytes = 900000")
        .test_model("m", "echo")
        .start();
    let grpc = Grpc::connect(&forge);
    let (code, cause) = grpc.refusal(bytes(700_000));
    assert_eq!(code, Code::Unavailable, "{cause}");
    assert!(cause.contains("server.max_inflight_bytes"), "{cause}");
    grpc.infer(bytes(200_000)).unwrap();
    until("all is given back", || forge.metric("forge_inflight_bytes", &[]) == 0.0);
}

#[test]
fn a_message_that_stops_is_given_up() {
    let forge = impatient();
    let mut client = Http2::connect(&forge);
    // A message of a hundred bytes is announced, and some of its prefix, and nothing at all.
    for start in [&b"\0\0\0\0\x64abc"[..], b"\0\0", b""] {
        let answer = client.ask("POST", INFER, "application/grpc", begun(start));
        assert_eq!(answer.header("grpc-status"), DEADLINE_EXCEEDED);
        assert!(answer.header("grpc-message").contains("too%20slowly"));
    }
    assert_eq!(forge.metric("forge_inflight_bytes", &[]), 0.0);
}

#[test]
fn a_message_that_is_none_is_refused() {
    let (forge, grpc) = serving("echo");
    let mut client = Http2::connect(&forge);
    for (body, status) in [
        (&b"\0\0\0\0\x02\x08\x80"[..], INVALID_ARGUMENT),
        (b"\0\0\0\0\x03\x0a\x01\xff", INVALID_ARGUMENT),
        // Compressed, and nobody has said how.
        (b"\x01\0\0\0\x01a", INTERNAL),
        (b"\0\0\0\0\x02a", INTERNAL),
    ] {
        let answer = client.ask("POST", INFER, "application/grpc", whole(body));
        assert_eq!(answer.header("grpc-status"), status, "{}", answer.header("grpc-message"));
    }
    grpc.infer(floats("m", &[1.0])).unwrap();
}

#[test]
fn a_connection_that_says_nothing_after_its_preface_is_ended() {
    let forge = impatient();
    for start in [&b"PRI * HTTP/2.0"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
        let mut connection = forge.connect();
        connection.send(start).unwrap();
        connection.wait_for_end();
    }
    let grpc = Grpc::connect(&forge);
    grpc.infer(floats("m", &[1.0])).unwrap();
}

#[test]
fn requests_are_answered_through_the_grace_and_refused_after_it() {
    let forge = Setup::new().test_model("m", "sleep 300").shutdown_grace(0.3).start();
    let grpc = Grpc::connect(&forge);
    forge.process().signal(Signal::SIGTERM);
    until("it drains", || forge.get("/health/ready").status == 503);
    let mut client = grpc.client.clone();
    let ready = grpc.wait(client.server_ready(forge_proto::ServerReadyRequest {}));
    assert!(!ready.unwrap().into_inner().ready);
    grpc.infer(floats("m", &[1.0])).unwrap();
    forge.wait_for_log(&["new predictions are refused"]);
    drop((grpc, client));
    assert!(forge.wait_until_ended().status.success());
}

#[test]
fn an_answer_that_is_not_read_is_given_up_although_the_connection_goes_on() {
    let forge = Setup::new()
        .server("body_timeout_s = 0.5")
        .test_model("m", "big 20000000")
        .with("frame_bytes = 33554432")
        .start();
    let mut client = Http2::connect(&forge);
    let message = prost::Message::encode_to_vec(&floats("m", &[1.0]));
    let mut body = vec![0];
    body.extend_from_slice(&(message.len() as u32).to_be_bytes());
    body.extend_from_slice(&message);
    let unread = client.try_begin("POST", INFER, "application/grpc", whole(body)).unwrap();
    assert!(forge.metric("forge_inflight_bytes", &[]) > 10_000_000.0);
    until("it is given up", || {
        // Whoever asks goes on answering the server's pings, as long as there is a connection.
        drop(client.try_begin("GET", "/health/live", "", whole("")));
        forge.metric("forge_inflight_bytes", &[]) == 0.0
    });
    drop(unread);
}

#[test]
fn what_is_no_service_is_unimplemented() {
    let (forge, _grpc) = serving("echo");
    let mut client = Http2::connect(&forge);
    for path in ["/inference.Other/Method", "/inference.GRPCInferenceService/Other", "/", "//"] {
        let answer = client.ask("POST", path, "application/grpc", whole(""));
        assert_eq!((answer.status, answer.header("grpc-status")), (200, UNIMPLEMENTED), "{path}");
    }
}
