//! The JSON of an answer of the Open Inference Protocol, V2, and the bytes behind it.

use super::encode::{expected_text, write_tensor};
use super::list::write_list;
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
    let version = format!(",\"model_version\":\"{}\",\"outputs\":", head.version);
    out.extend_from_slice(version.as_bytes());
    write_list(out, outputs, write_output);
    out.push(b'}');
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
            out.extend_from_slice(b"\"data\":");
            write_list(out, texts, |out, text| write_string(out, text));
        }
    }
    out.push(b'}');
}

/// The most bytes that a string takes with its quotes.
fn escaped(text: &str) -> usize {
    const LONGEST_ESCAPE: usize = 6;
    LONGEST_ESCAPE * text.len() + 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flat::FlatOutput;
    use crate::tensor::Dtype;

    const HEAD: InferResponseHead<'_> = InferResponseHead { id: "", model: "m", version: 3 };

    fn output(name: &str, shape: &[u64], elements: Elements, is_binary: bool) -> Selected {
        let (name, shape) = (name.to_owned(), shape.to_vec());
        Selected { output: FlatOutput { name, shape, elements }, is_binary }
    }

    fn written(head: InferResponseHead<'_>, outputs: &[Selected]) -> (Vec<u8>, Option<usize>) {
        let mut out = Vec::new();
        let length = write_infer_response(&mut out, head, outputs);
        assert!(out.len() <= expected_infer_response(head, outputs), "{}", out.len());
        (out, length)
    }

    #[test]
    fn an_answer_in_json_is_flat_and_says_who_answered() {
        let texts = Elements::Texts(vec!["a\"b".to_owned(), String::new()]);
        let outputs = [
            output("y", &[1, 2], Elements::Numbers(Dtype::Int16, vec![1, 0, 255, 255]), false),
            output("s", &[2], texts, false),
            output("none", &[0, 4], Elements::Numbers(Dtype::Float32, vec![]), false),
        ];
        let (body, length) = written(InferResponseHead { id: "7", ..HEAD }, &outputs);
        assert_eq!(length, None);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"id":"7","model_name":"m","model_version":"3","outputs":["#.to_owned()
                + r#"{"name":"y","datatype":"INT16","shape":[1,2],"data":[1,-1]},"#
                + r#"{"name":"s","datatype":"BYTES","shape":[2],"data":["a\"b",""]},"#
                + r#"{"name":"none","datatype":"FP32","shape":[0,4],"data":[]}]}"#
        );
    }

    #[test]
    fn outputs_that_come_as_bytes_follow_the_json_in_their_order() {
        let texts = Elements::Texts(vec!["ab".to_owned()]);
        let outputs = [
            output("s", &[1], texts, true),
            output("j", &[1], Elements::Numbers(Dtype::Uint8, vec![9]), false),
            output("y", &[2], Elements::Numbers(Dtype::Uint8, vec![1, 2]), true),
            output("none", &[0], Elements::Numbers(Dtype::Uint8, vec![]), true),
        ];
        let (body, length) = written(HEAD, &outputs);
        let (json, tail) = body.split_at(length.unwrap());
        assert_eq!(tail, b"\x02\0\0\0ab\x01\x02");
        let json: serde_json::Value = serde_json::from_slice(json).unwrap();
        let sizes: Vec<_> = (0..4)
            .map(|place| json["outputs"][place]["parameters"]["binary_data_size"].as_u64())
            .collect();
        assert_eq!(sizes, [Some(6), None, Some(2), Some(0)]);
        assert_eq!(json["outputs"][1]["data"], serde_json::json!([9]));
        assert!(json.get("id").is_none());
    }

    #[test]
    fn what_is_reserved_holds_the_longest_texts() {
        let floats: Vec<u8> =
            std::iter::repeat_n((-f64::MIN_POSITIVE).to_le_bytes(), 1000).flatten().collect();
        let texts = Elements::Texts(vec!["\u{1}".repeat(300); 9]);
        let name = "\u{1}".repeat(500);
        written(
            HEAD,
            &[
                output(&name, &[u64::MAX; 8], Elements::Numbers(Dtype::Float64, floats), false),
                output(&name, &[9], texts, false),
            ],
        );
    }
}
