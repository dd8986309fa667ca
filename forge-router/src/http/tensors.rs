//! Between the formats of `/v1` that are no JSON and the core's requests and answers; whatever is
//! large or expands beside the event loop.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::codec::{Counted, LARGE, aside};
use super::error::HttpError;
use super::negotiation::{DTYPE, Negotiated, SHAPE};
use super::prediction::{Decoded, Encoded, Served};
use super::reply::{self, Reply};
use crate::flat::{flatten, kinds};
use crate::formats::{
    self, Format, FormatError, Given, GivenTensor, image, npy, npz, raw, safetensors,
};
use crate::memory_budget::Reservation;
use crate::model::{Interface, Version};
use crate::request::{Answer, RequestError};
use crate::tensor::{Dtype, TensorMeta};
use crate::v2::{self, Datatype, InferInput};

/// The body as the model's inputs. `memory` holds the body's bytes and comes to hold the tensors'; what
/// expands may expand to `most` bytes.
pub async fn decode(
    version: &Arc<Version>,
    head: &Arc<Negotiated>,
    body: Bytes,
    memory: Reservation,
    most: usize,
) -> Result<Decoded, HttpError> {
    let expands = matches!(head.given, Given::Image | Given::Tensors(Format::Npz));
    if body.len() <= LARGE && !expands {
        return decode_now(version, head, body, memory, most);
    }
    let (version, head) = (Arc::clone(version), Arc::clone(head));
    aside(move || decode_now(&version, &head, body, memory, most)).await?
}

/// An image as the model's only row, whatever its client calls it; as [`decode`] does.
pub async fn decode_image(
    version: &Arc<Version>,
    body: Bytes,
    memory: Reservation,
) -> Result<Decoded, HttpError> {
    // Images have a bound of their own, `max_pixels`.
    let most = usize::MAX;
    decode(version, &Arc::new(Negotiated::image()), body, memory, most).await
}

/// The format in which the answer is given: the first that is accepted and can hold it.
pub fn choose(answer: &Answer, head: &Negotiated) -> Result<Format, HttpError> {
    if head.acceptable.first() == Some(&Format::Json) {
        return Ok(Format::Json);
    }
    let rows: Vec<TensorMeta> = answer.outputs.iter().map(|output| output.row).collect();
    let leaves = kinds(&rows, &answer.structure);
    let bytes = answer.outputs.iter().map(|output| output.data.len()).sum();
    Ok(formats::choose(&head.acceptable, &leaves, bytes)?)
}

/// The answer in a format that [`choose`] chose and that is not JSON.
pub async fn encode(
    answer: Answer,
    served: Served,
    head: &Negotiated,
    format: Format,
) -> Result<Encoded<Reply>, HttpError> {
    let is_large = answer.memory.bytes() > LARGE;
    let (is_batch, limit) = (head.is_batch, answer.memory.limit());
    let encode = move || encode_now(answer, is_batch, format);
    let encoded = if is_large { aside(encode).await? } else { encode() };
    let (encoded, memory) = encoded.map_err(|error| told(error, limit))?;
    let bytes = encoded.body.len();
    let body = Bytes::from_owner(Counted { body: encoded.body, memory });
    let content_type = HeaderValue::from_static(encoded.format.media_type());
    let mut reply = reply::with_type(StatusCode::OK, content_type, body);
    if let Some((dtype, shape)) = encoded.raw {
        reply.headers_mut().insert(DTYPE, HeaderValue::from_static(dtype.name()));
        if let Ok(shape) = HeaderValue::try_from(raw::write_shape(&shape)) {
            reply.headers_mut().insert(SHAPE, shape);
        }
    }
    drop(served);
    Ok(Encoded { reply, bytes })
}

fn decode_now(
    version: &Version,
    head: &Negotiated,
    body: Bytes,
    mut memory: Reservation,
    most: usize,
) -> Result<Decoded, HttpError> {
    let limit = memory.limit();
    let tensors = read(version, head, &body, &mut memory, most).map_err(|it| told(it, limit))?;
    drop(body);
    if head.is_batch && !version.config().batching {
        return Err(no_rows(version).into());
    }
    let inputs = named(tensors, version.interface())?;
    let inputs = v2::accept(inputs, version.interface(), head.is_batch)?;
    Ok(Decoded::without_body(inputs, memory))
}

fn read(
    version: &Version,
    head: &Negotiated,
    body: &[u8],
    memory: &mut Reservation,
    most: usize,
) -> Result<Vec<GivenTensor>, FormatError> {
    let interface = version.interface();
    match head.given {
        Given::Image => read_image(version, head, body, memory).map(|tensor| vec![tensor]),
        Given::Tensors(Format::Raw) => {
            let (dtype, shape) = described(interface, head, body.len())?;
            raw::decode(body, dtype, shape, memory).map(|tensor| vec![tensor])
        }
        Given::Tensors(Format::Npy) => npy::decode(body, memory).map(|tensor| vec![tensor]),
        Given::Tensors(Format::Npz) => npz::decode(body, most, memory),
        Given::Tensors(Format::Safetensors | Format::Json) => safetensors::decode(body, memory),
    }
}

fn read_image(
    version: &Version,
    head: &Negotiated,
    body: &[u8],
    memory: &mut Reservation,
) -> Result<GivenTensor, FormatError> {
    let config = version.config();
    let no_images = || FormatError::NoImages { model: config.name.to_string() };
    let preprocess = config.preprocess.as_ref().ok_or_else(no_images)?;
    let declared = version.interface().declared_dtype(preprocess.input.as_deref());
    let tensor = image::decode(body, preprocess, declared.unwrap_or(Dtype::Float32), memory)?;
    match head.is_batch {
        true => Ok(GivenTensor { shape: [&[1], tensor.shape.as_slice()].concat(), ..tensor }),
        false => Ok(tensor),
    }
}

/// What bare elements are: as their client says, else as the config declares them.
fn described(
    interface: &Interface,
    head: &Negotiated,
    bytes: usize,
) -> Result<(Dtype, Vec<u64>), FormatError> {
    let lacks = |header: &str, example: &str| {
        FormatError::Invalid(format!(
            "application/octet-stream needs the header {header}, such as {example}: the model \
             does not declare it"
        ))
    };
    let declared = interface.sole_input().and_then(|input| input.declared());
    let dtype = head.dtype.or(declared.map(|it| it.dtype));
    let dtype = dtype.ok_or_else(|| lacks("X-Forge-Dtype", "float32"))?;
    if let Some(shape) = &head.shape {
        return Ok((dtype, shape.clone()));
    }
    let row = declared.and_then(|declared| declared.fixed_row());
    let row = row.ok_or_else(|| lacks("X-Forge-Shape", "3,224,224"))?;
    let mut shape = row.shape.dims().to_vec();
    if head.is_batch {
        let row_bytes = row.shape.elements().map(|count| count.saturating_mul(dtype.size() as u64));
        let rows = (bytes as u64).checked_div(row_bytes.unwrap_or(0)).unwrap_or(0);
        shape.insert(0, rows);
    }
    Ok((dtype, shape))
}

/// The tensors under the names of the model's arguments: one without a name is the sole input, and
/// `arr_0`, `arr_1`, … are what `numpy.savez` calls arrays that it was given without names.
fn named(
    tensors: Vec<GivenTensor>,
    interface: &Interface,
) -> Result<Vec<InferInput>, RequestError> {
    let named = |tensor: GivenTensor| {
        let GivenTensor { name, dtype, shape, data } = tensor;
        let name = match name {
            Some(name) if interface.input(&name).is_some() => name,
            Some(name) => match name.strip_prefix("arr_").and_then(|it| it.parse::<usize>().ok()) {
                Some(place) => {
                    interface.inputs().get(place).map_or(name, |it| it.name().to_owned())
                }
                None => name,
            },
            None => interface.sole_input().ok_or_else(|| several(interface))?.name().to_owned(),
        };
        Ok(InferInput { name, datatype: Datatype::Numbers(dtype), shape, data: data.into() })
    };
    tensors.into_iter().map(named).collect()
}

fn several(interface: &Interface) -> RequestError {
    let names: Vec<&str> = interface.inputs().iter().map(|input| input.name()).collect();
    RequestError::Invalid(format!(
        "the model takes {}: send them by name, as npz, safetensors or JSON",
        names.join(", ")
    ))
}

/// What is told to a request of rows where there are none.
pub fn no_rows(version: &Version) -> RequestError {
    RequestError::Invalid(format!(
        "model '{}' runs each request alone (batching = false): it takes no X-Forge-Batch",
        version.config().name
    ))
}

fn encode_now(
    answer: Answer,
    is_batch: bool,
    format: Format,
) -> Result<(formats::Encoded, Reservation), FormatError> {
    let Answer { outputs, structure, rows, is_batched, mut memory, .. } = answer;
    let outputs = flatten(outputs, &structure, (is_batch && is_batched).then_some(rows));
    let encoded = formats::encode(format, outputs, &mut memory)?;
    memory.shrink(memory.bytes().saturating_sub(encoded.body.len()));
    Ok((encoded, memory))
}

/// What a client is told of an error; `limit` bounds the memory of all requests.
pub fn told(error: FormatError, limit: usize) -> HttpError {
    match error {
        FormatError::Memory { .. } => RequestError::MemoryFull { limit }.into(),
        error => error.into(),
    }
}
