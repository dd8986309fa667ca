//! The same image in the words of each protocol, and the answer to it.

use bytes::Bytes;
use forge_benches::protobuf::{field, varint};

const SHAPE: [u64; 3] = [3, 224, 224];

/// A request over HTTP.
pub struct Body {
    pub path: String,
    pub headers: String,
    pub body: Bytes,
    /// What the answer has to contain.
    pub expected: Bytes,
}

/// V2 with the binary extension, in both directions.
pub fn binary() -> Body {
    let image = bytes();
    let head = format!(
        "{{\"inputs\":[{{\"name\":\"image\",\"datatype\":\"FP32\",\"shape\":[1,3,224,224],\
         \"parameters\":{{\"binary_data_size\":{}}}}}],\"parameters\":{{\"binary_data_output\":true}}}}",
        image.len()
    );
    Body {
        path: "/v2/models/image/infer".to_owned(),
        headers: format!("Inference-Header-Content-Length: {}\r\n", head.len()),
        body: [head.as_bytes(), &image].concat().into(),
        expected: mean().to_le_bytes().to_vec().into(),
    }
}

/// V2 in JSON.
pub fn json() -> Body {
    let body = format!(
        "{{\"inputs\":[{{\"name\":\"image\",\"datatype\":\"FP32\",\"shape\":[1,3,224,224],\"data\":[{}]}}]}}",
        numbers(&pixels())
    );
    Body {
        path: "/v2/models/image/infer".to_owned(),
        headers: "Content-Type: application/json\r\n".to_owned(),
        body: body.into(),
        expected: expected_text(),
    }
}

/// `/v1`, nested as it is.
pub fn original() -> Body {
    let pixels = pixels();
    let rows = |plane: &[f32]| {
        plane.chunks(224).map(|row| format!("[{}]", numbers(row))).collect::<Vec<_>>().join(",")
    };
    let planes: Vec<String> =
        pixels.chunks(224 * 224).map(|plane| format!("[{}]", rows(plane))).collect();
    Body {
        path: "/v1/image/predict".to_owned(),
        headers: "Content-Type: application/json\r\n".to_owned(),
        body: format!("{{\"input\":[{}]}}", planes.join(",")).into(),
        expected: expected_text(),
    }
}

/// A `ModelInferRequest` with raw contents, and what its answer has to contain.
pub fn grpc() -> (Bytes, Bytes) {
    let shape: Vec<u8> = [1].into_iter().chain(SHAPE).flat_map(varint).collect();
    let input = [field(1, b"image"), field(2, b"FP32"), field(3, &shape)].concat();
    let message = [field(1, b"image"), field(5, &input), field(7, &bytes())].concat();
    (message.into(), mean().to_le_bytes().to_vec().into())
}

/// Numbers whose sum a float32 holds exactly, in whatever order it is made.
fn pixels() -> Vec<f32> {
    let count = SHAPE.iter().product::<u64>();
    (0..count).map(|place| (place * 7 % 61) as f32 + 0.5).collect()
}

fn mean() -> f32 {
    let pixels = pixels();
    pixels.iter().sum::<f32>() / pixels.len() as f32
}

fn bytes() -> Vec<u8> {
    pixels().iter().flat_map(|pixel| pixel.to_le_bytes()).collect()
}

/// With as many digits as those of a normalised image have.
fn numbers(pixels: &[f32]) -> String {
    pixels.iter().map(|pixel| format!("{pixel:.8}")).collect::<Vec<_>>().join(",")
}

fn expected_text() -> Bytes {
    format!("{:?}", mean()).into()
}
