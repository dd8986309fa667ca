//! Servers that are not Forge: of other paths, and with models that cannot be checked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use forge_tests::finish;

use super::{SHORT, bench, number, report};

/// A server of HTTP that answers what a function makes of the path and the number of the request. It ends
/// with the test's process.
fn server(answer: fn(path: &str, number: usize) -> (u16, String)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || serve(&stream, answer));
        }
    });
    address
}

fn serve(stream: &TcpStream, answer: fn(&str, usize) -> (u16, String)) {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    for number in 0.. {
        let (mut path, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            // The client has gone.
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if path.is_empty() {
                path = line.split(' ').nth(1).unwrap().to_owned();
            } else if let Some(told) = line.strip_prefix("Content-Length: ") {
                length = told.trim().parse().unwrap();
            } else if line == "\r\n" {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        let (status, body) = answer(&path, number);
        let head = format!("HTTP/1.1 {status} As It Is\r\ncontent-length: {}\r\n\r\n", body.len());
        if writer.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn a_server_without_the_protocol_is_asked_at_its_own_path() {
    let address = server(|path, _| match path {
        "/inference" => (200, "[1.0, 2.0]".to_owned()),
        _ => (404, String::new()),
    });
    let arguments = ["--protocol=v1", "--path=/inference", "--shape=4", "--json=-"];
    let finished = finish(bench(&address, "m", &SHORT).args(arguments).arg("--concurrency=2"));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let report = report(&finished);
    assert_eq!(report["settings"]["distinct_answers"], 1);
    assert!(report["runs"][0]["mean_batch"].is_null());
    assert!(finished.stderr.contains("all requests have the same answer"), "{}", finished.stderr);
}

#[test]
fn a_model_that_answers_differently_each_time_is_told_apart() {
    let address = server(|path, number| match path {
        "/v1/m/predict" => (200, format!("{{\"output\": [{number}.5]}}")),
        _ => (404, String::new()),
    });
    let arguments = ["--protocol=v1", "--shape=4", "--concurrency=1", "--json=-"];
    let finished = finish(bench(&address, "m", &SHORT).args(arguments));
    assert_eq!(finished.code(), 1);
    assert!(finished.stderr.contains("--unchecked"), "{}", finished.stderr);
    let finished = finish(bench(&address, "m", &SHORT).args(arguments).arg("--unchecked"));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(report(&finished)["settings"]["tolerance"].is_null());
}

#[test]
fn failures_are_counted_by_kind() {
    // The two questions of each of the sixteen requests are answered.
    let address = server(|path, number| match path {
        "/v1/m/predict" if number < 32 => (200, "{\"output\": [1.0]}".to_owned()),
        "/v1/m/predict" => (500, "no more".to_owned()),
        _ => (404, String::new()),
    });
    let arguments = ["--protocol=v1", "--shape=4", "--concurrency=1", "--json=-", "--warm-up=0"];
    let finished =
        finish(&mut bench(&address, "m", &[&arguments[..], &["--duration=0.3"]].concat()));
    assert_eq!(finished.code(), 3, "{}", finished.stderr);
    let run = &report(&finished)["runs"][0];
    assert!(number(&run["failures"]["HTTP 500"]["count"]) > 0.0, "{run}");
    assert_eq!(run["failures"]["HTTP 500"]["first"], "no more");
}
