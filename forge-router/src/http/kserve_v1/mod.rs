//! `POST /v1/models/{model}:predict`: KServe's V1 protocol, which is TensorFlow Serving's.
//!
//! ```text
//! {"instances": [row, …]}  ─►  rows of the core's request  ─►  {"predictions": [row, …]}
//! {"inputs": columns}      ─►                              ─►  {"outputs": columns}
//! ```
//!
//! Sources: KServe's `docs/modelserving/data_plane/v1_protocol`, TensorFlow Serving's `docs/api_rest.md`.

mod predictions;

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;

use super::codec;
use super::error::HttpError;
use super::prediction::{Asked, Decoded, Encoded, Protocol, Served};
use super::reply::{self, Reply};
use crate::flat::flatten;
use crate::json::{self, Instances, Layout};
use crate::memory_budget::Reservation;
use crate::model::Version;
use crate::request::{Answer, Output};

pub use predictions::write_rows;

/// `GET /`, by which KServe's clients of V1 ask whether a server is alive.
pub fn alive() -> Reply {
    reply::fresh(reply::json(StatusCode::OK, r#"{"status":"alive"}"#))
}

/// A request in V1's JSON.
#[derive(Debug)]
pub struct KServeV1 {
    body: Bytes,
    memory: Reservation,
    asked: Asked,
    /// How the rows were given, once they are decoded.
    layout: Layout,
}

impl KServeV1 {
    pub fn new(body: Bytes, memory: Reservation, asked: Asked) -> Self {
        Self { body, memory, asked, layout: Layout::Rows }
    }
}

impl Protocol for KServeV1 {
    type Reply = Reply;

    async fn decode(&mut self, version: &Arc<Version>) -> Result<Decoded, HttpError> {
        let (body, mut memory) = (std::mem::take(&mut self.body), self.memory.take());
        let takes_long = codec::takes_long(&body);
        let decode = move |version: &Version| {
            let instances = codec::parse(version, &body, &mut memory, json::decode_instances)?;
            drop(body);
            let Instances { inputs, layout } = instances;
            // A model that is not batched gets the list as it is.
            let has_rows = version.config().batching;
            Ok((codec::accept(version, inputs, has_rows, memory)?, layout))
        };
        let (decoded, layout) = codec::beside_if(takes_long, version, decode).await?;
        self.layout = layout;
        Ok(Decoded { asked: self.asked, ..decoded })
    }

    async fn encode(self, answer: Answer, served: Served) -> Result<Encoded<Reply>, HttpError> {
        let takes_long = answer.memory.bytes() > codec::LARGE;
        let layout = self.layout;
        let encode = move |_: &Version| encode_now(answer, layout);
        codec::beside_if(takes_long, &served.version, encode).await.map(codec::encoded)
    }
}

fn encode_now(answer: Answer, layout: Layout) -> Result<codec::Counted, HttpError> {
    let Answer { outputs, structure, rows, is_batched, memory, .. } = answer;
    let text = |output: &Output| json::expected_text(output.row.dtype, output.data.len());
    let expected = outputs.iter().map(text).sum();
    let outputs = flatten(outputs, &structure, is_batched.then_some(rows));
    let rows = is_batched.then(|| u64::from(rows));
    codec::write_counted(memory, expected, |body| match layout {
        Layout::Rows => {
            body.extend_from_slice(b"{\"predictions\":");
            write_rows(body, &outputs, rows);
            body.push(b'}');
        }
        Layout::Columns => {
            body.extend_from_slice(b"{\"outputs\":");
            predictions::write_columns(body, &outputs);
            body.push(b'}');
        }
    })
}
