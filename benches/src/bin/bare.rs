//! The limit: hyper in one process with Forge's own parser and writer, doubling as it goes. No
//! queue, no batching, no worker.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::io;
use std::time::Instant;

use bytes::Bytes;
use forge_router::json::{self, Form, ResponseHead};
use forge_router::tensor::{Dtype, Structure};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ready http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        tokio::spawn(async move {
            // A load that ends hangs up.
            drop(connection.await);
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let began = Instant::now();
    let json_bytes = request.headers().get("inference-header-content-length").cloned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if let Some(length) = json_bytes {
        return Ok(mean(&body, length.to_str().ok().and_then(|length| length.parse().ok())));
    }
    let mut response = match double(&body, began) {
        Some(body) => Response::new(Full::new(Bytes::from(body))),
        None => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            response
        }
    };
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}

/// The mean of the float32 behind the JSON, which is not looked at, as bytes.
fn mean(body: &[u8], json_bytes: Option<usize>) -> Response<Full<Bytes>> {
    let pixels = json_bytes.and_then(|length| body.get(length..)).unwrap_or_default();
    let pixels = pixels.as_chunks::<4>().0;
    // Eight sums side by side, as a vector unit makes them.
    let mut sums = [0.0f32; 8];
    for eight in pixels.chunks_exact(8) {
        for (sum, pixel) in sums.iter_mut().zip(eight) {
            *sum += f32::from_le_bytes(*pixel);
        }
    }
    let mean = sums.iter().sum::<f32>() / pixels.len() as f32;
    let mut response = Response::new(Full::new(Bytes::from(mean.to_le_bytes().to_vec())));
    let content_type = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn double(body: &[u8], began: Instant) -> Option<Vec<u8>> {
    let options = json::DecodeOptions {
        limits: json::Limits::default(),
        declared: &Nothing,
        budget: &mut Nothing,
    };
    let (_, json::DecodedInput::Tensor(tensor)) = json::decode(body, options).ok()?.inputs.pop()?
    else {
        return None;
    };
    let double = |number: &[u8; 4]| (f32::from_le_bytes(*number) * 2.0).to_le_bytes();
    let doubled: Vec<u8> = tensor.data.as_chunks::<4>().0.iter().flat_map(double).collect();
    let head = ResponseHead {
        model: "bare",
        request_id: "0123456789abcdef",
        latency: began.elapsed(),
        form: Form::Single,
    };
    let mut body = Vec::new();
    json::write_response(&mut body, head, &Structure::Tensor, &mut |body, _| {
        json::write_tensor(body, tensor.dtype, &tensor.shape, &doubled);
    });
    Some(body)
}

/// Declares nothing and bounds nothing.
struct Nothing;

impl json::Declared for Nothing {
    fn dtype(&self, _: Option<&str>) -> Option<Dtype> {
        None
    }
}

impl json::Budget for Nothing {
    fn reserve(&mut self, _: usize) -> bool {
        true
    }
}
