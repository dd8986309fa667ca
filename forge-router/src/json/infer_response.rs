//! The JSON of an answer of the Open Inference Protocol, V2, and the bytes behind it.

use super::encode::{expected_text, write_tensor};
use super::text::write_string;
use crate::flat::Elements;
use crate::tensor::Shape;
use crate::v2::{Datatype, Selected, write_texts};

/// Bytes of JSON around an output that has a short name, and around the outputs.
const AROUND: usize = 256;

/// What an answer says beside its outputs.
#[derive(Clone, Copy, Debug)]
pub struct InferResponseHead<'a> {
    /// The client's; left out where it is empty.
    pub id: &'a str,
    pub model: &'a str,
    pub version: u64,
}

/// Writes `{"id", "model_name", "model_version", "outputs": […]}`, and behind it the outputs that come
/// as bytes. Gives the length of the JSON where there are such.
pub fn write_infer_response(
    out: &mut Vec<u8>,
    head: InferResponseHead<'_>,
    outputs: &[Selected],
) -> Option<usize> {
    let start = out.len();
    out.push(b'{');
    if !head.id.is_empty() {
        out.extend_from_slice(b"\"id\":");
        write_string(out, head.id);
        out.push(b',');
    }
    out.extend_from_slice(b"\"model_name\":");
    write_string(out, head.model);
    let version = format!(",\"model_version\":\"{}\",\"outputs\":[", head.version);
    out.extend_from_slice(version.as_bytes());
    for (place, selected) in outputs.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_output(out, selected);
    }
    out.extend_from_slice(b"]}");
    let length = out.len() - start;
    let binary = || outputs.iter().filter(|selected| selected.is_binary);
    for selected in binary() {
        match &selected.output.elements {
            Elements::Numbers(_, bytes) => out.extend_from_slice(bytes),
            Elements::Texts(texts) => write_texts(texts, out),
        }
    }
    binary().next().map(|_| length)
}

/// About the most bytes that [`write_infer_response`] writes.
pub fn expected_infer_response(head: InferResponseHead<'_>, outputs: &[Selected]) -> usize {
    let output = |selected: &Selected| {
        let elements = match (&selected.output.elements, selected.is_binary) {
            (elements, true) => binary_size(elements),
            (Elements::Numbers(dtype, bytes), false) => expected_text(*dtype, bytes.len()),
            (Elements::Texts(texts), false) => texts.iter().map(|text| escaped(text) + 1).sum(),
        };
        AROUND + escaped(&selected.output.name) + elements
    };
    AROUND + escaped(head.id) + outputs.iter().map(output).sum::<usize>()
}

/// The bytes of a tensor in the binary form.
pub fn binary_size(elements: &Elements) -> usize {
    match elements {
        Elements::Numbers(_, bytes) => bytes.len(),
        Elements::Texts(texts) => texts.iter().map(|text| size_of::<u32>() + text.len()).sum(),
    }
}

fn write_output(out: &mut Vec<u8>, selected: &Selected) {
    let Selected { output, is_binary } = selected;
    let datatype = match &output.elements {
        Elements::Numbers(dtype, _) => Datatype::Numbers(*dtype),
        Elements::Texts(_) => Datatype::Bytes,
    };
    out.extend_from_slice(b"{\"name\":");
    write_string(out, &output.name);
    let dims: Vec<String> = output.shape.iter().map(u64::to_string).collect();
    let shape = format!(",\"datatype\":\"{datatype}\",\"shape\":[{}],", dims.join(","));
    out.extend_from_slice(shape.as_bytes());
    match (&output.elements, is_binary) {
        (elements, true) => {
            let size = format!("\"parameters\":{{\"binary_data_size\":{}}}", binary_size(elements));
            out.extend_from_slice(size.as_bytes());
        }
        (Elements::Numbers(dtype, bytes), false) => {
            out.extend_from_slice(b"\"data\":");
            // Flat, as Triton answers: one dimension always is a shape.
            if let Some(flat) = Shape::new(&[(bytes.len() / dtype.size()) as u64]) {
                write_tensor(out, *dtype, &flat, bytes);
            }
        }
        (Elements::Texts(texts), false) => {
            out.extend_from_slice(b"\"data\":[");
            for (place, text) in texts.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_string(out, text);
            }
            out.push(b']');
        }
    }
    out.push(b'}');
}

/// The most bytes that a string takes with its quotes.
fn escaped(text: &str) -> usize {
    const LONGEST_ESCAPE: usize = 6;
    LONGEST_ESCAPE * text.len() + 2
}
