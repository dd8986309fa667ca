//! The answer to `?top=N`: the classes that the model scores highest, with their labels.

use bytes::Bytes;
use hyper::StatusCode;

use super::codec::{Counted, LARGE, aside};
use super::error::HttpError;
use super::prediction::{Encoded, Served};
use super::reply::{self, Reply};
use super::request_id::as_text;
use super::tensors::told;
use crate::config::Labels;
use crate::flat::flatten;
use crate::formats::top_classes::{Class, top_classes};
use crate::json::{self, Form, write_list};
use crate::request::{Answer, RequestError};
use crate::tensor::{Dtype, Shape};

/// Bytes that a score and its place take beside the two to eight it has in the answer.
const PER_SCORE_BYTE: usize = 12;

/// The bytes of a class in JSON, without its label.
const PER_CLASS: usize = 64;

/// The `top` classes of each row as a body of JSON.
pub async fn encode(
    answer: Answer,
    served: Served,
    is_batch: bool,
    top: usize,
) -> Result<Encoded<Reply>, HttpError> {
    let is_large = answer.memory.bytes() > LARGE;
    let encode = move || encode_now(answer, &served, is_batch, top);
    let counted = if is_large { aside(encode).await?? } else { encode()? };
    let bytes = counted.body.len();
    Ok(Encoded { reply: reply::json(StatusCode::OK, Bytes::from_owner(counted)), bytes })
}

fn encode_now(
    answer: Answer,
    served: &Served,
    is_batch: bool,
    top: usize,
) -> Result<Counted, HttpError> {
    let Answer { outputs, structure, rows, is_batched, mut memory, .. } = answer;
    let limit = memory.limit();
    let scores = outputs.iter().map(|output| output.data.len()).sum::<usize>();
    let is_batch = is_batch && is_batched;
    let outputs = flatten(outputs, &structure, is_batch.then_some(rows));
    if !memory.grow(scores.saturating_mul(PER_SCORE_BYTE)) {
        return Err(RequestError::MemoryFull { limit }.into());
    }
    let config = served.version.config();
    let found = top_classes(&outputs, is_batch, top, config.softmax);
    let found = found.map_err(|error| told(error, limit))?;
    drop(outputs);
    let labels = config.labels.as_ref();
    if !memory.grow(found.iter().flatten().map(|class| expected_text(class, labels)).sum()) {
        return Err(RequestError::MemoryFull { limit }.into());
    }
    let head = json::ResponseHead {
        model: served.model.name.as_str(),
        request_id: as_text(&served.request_id),
        latency: served.began.elapsed(),
        form: Form::Single,
    };
    let mut body = Vec::new();
    json::write_with(&mut body, head, "classes", |body| match (is_batch, found.as_slice()) {
        (false, [row]) => write_list(body, row, |body, class| write_class(body, class, labels)),
        (_, rows) => write_list(body, rows, |body, row| {
            write_list(body, row, |body, class| write_class(body, class, labels));
        }),
    });
    body.shrink_to_fit();
    memory.shrink(memory.bytes().saturating_sub(body.len()));
    Ok(Counted { body, memory })
}

/// A bound on the text of a class; control characters of a label take six bytes.
fn expected_text(class: &Class, labels: Option<&Labels>) -> usize {
    PER_CLASS + 6 * labels.and_then(|labels| labels.name(class.index)).map_or(0, str::len)
}

fn write_class(body: &mut Vec<u8>, class: &Class, labels: Option<&Labels>) {
    body.push(b'{');
    if let Some(label) = labels.and_then(|labels| labels.name(class.index)) {
        body.extend_from_slice(b"\"label\":");
        json::write_string(body, label);
        body.push(b',');
    }
    body.extend_from_slice(format!("\"index\":{},\"score\":", class.index).as_bytes());
    // As most models have it: no more digits than a float32 is worth.
    let score = (class.score as f32).to_le_bytes();
    json::write_tensor(body, Dtype::Float32, &Shape::SCALAR, &score);
    body.push(b'}');
}
