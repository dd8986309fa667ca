//! `.safetensors`: the length of a header, the header in JSON, and the elements of all tensors, one
//! after the other without a gap. Source: the format's description in huggingface/safetensors.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{FormatError, GivenTensor, memory};
use crate::flat::{Elements, FlatOutput};
use crate::json::write_string;
use crate::memory_budget::Reservation;
use crate::tensor::{Dtype, MAX_RANK, MAX_TENSORS};

const SAFETENSORS: &str = "safetensors";

/// 64 names and shapes, and room for metadata.
const LONGEST_HEADER: usize = 1 << 20;

/// What a parsed header takes at most, as a multiple of its text: `0,` becomes a number of 8 bytes.
const PARSED: usize = 4;

/// The tensors of the file, in its order.
pub fn decode(file: &[u8], memory: &mut Reservation) -> Result<Vec<GivenTensor>, FormatError> {
    let ends = || malformed("it ends within the header".to_owned());
    let (length, rest) = file.split_first_chunk().ok_or_else(ends)?;
    let length = u64::from_le_bytes(*length);
    let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST_HEADER);
    let too_long = || malformed(format!("the header is longer than {LONGEST_HEADER} bytes"));
    let (text, elements) = rest.split_at_checked(length.ok_or_else(too_long)?).ok_or_else(ends)?;
    memory::reserve(memory, text.len() * PARSED)?;
    let parsed = serde_json::from_slice(text);
    let Header(entries) = parsed.map_err(|error| malformed(format!("the header: {error}")))?;
    let tensors = entries.into_iter();
    let tensors: Result<Vec<_>, _> = Parts { elements, next: 0 }.take_all(tensors, memory);
    memory.shrink(text.len() * PARSED);
    tensors
}

/// The part of the elements that is not taken yet.
struct Parts<'a> {
    elements: &'a [u8],
    next: usize,
}

impl Parts<'_> {
    fn take_all(
        mut self,
        entries: impl Iterator<Item = (String, Entry)>,
        memory: &mut Reservation,
    ) -> Result<Vec<GivenTensor>, FormatError> {
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|(_, entry)| entry.data_offsets);
        let tensors: Result<Vec<_>, _> =
            entries.into_iter().map(|(name, entry)| self.take(name, entry, memory)).collect();
        let left = self.elements.len() - self.next;
        match left {
            0 => tensors,
            left => tensors.and(Err(malformed(format!("{left} bytes belong to no tensor")))),
        }
    }

    fn take(
        &mut self,
        name: String,
        entry: Entry,
        memory: &mut Reservation,
    ) -> Result<GivenTensor, FormatError> {
        let Entry { dtype, shape, data_offsets: (begin, end) } = entry;
        let dtype = read_dtype(&dtype)
            .map_err(|cause| FormatError::Invalid(format!("tensor '{name}' {cause}")))?;
        if shape.len() > MAX_RANK {
            let told = format!("tensor '{name}' has more than {MAX_RANK} dimensions");
            return Err(FormatError::Invalid(told));
        }
        if begin != self.next as u64 {
            return Err(malformed(format!(
                "tensor '{name}' does not begin where the one before it ends"
            )));
        }
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let data = self.elements.get(self.next..end);
        let data = data.ok_or_else(|| malformed(format!("tensor '{name}' ends past the file")))?;
        let expected = memory::bytes_of(&shape, dtype.size());
        if expected != Some(data.len()) {
            return Err(malformed(format!(
                "tensor '{name}' has {} bytes, which {dtype} of shape {shape:?} has not",
                data.len()
            )));
        }
        self.next = end;
        Ok(GivenTensor { name: Some(name), dtype, shape, data: memory::copy(memory, data)? })
    }
}

/// A file of these outputs, none of which is of strings. The largest elements come first, so that all
/// are aligned.
pub fn encode(outputs: &[FlatOutput], memory: &mut Reservation) -> Result<Vec<u8>, FormatError> {
    let numbers = outputs.iter().filter_map(|output| match &output.elements {
        Elements::Numbers(dtype, data) => Some((output, *dtype, data)),
        Elements::Texts(_) => None,
    });
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by_key(|(_, dtype, _)| std::cmp::Reverse(dtype.size()));
    let mut header = Vec::from(b"{");
    let mut offset = 0;
    for (output, dtype, data) in &numbers {
        if offset > 0 || header.len() > 1 {
            header.push(b',');
        }
        write_string(&mut header, &output.name);
        let end = offset + data.len();
        let (dtype, shape) = (name_of(*dtype), &output.shape);
        let entry = format!(
            ":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{offset},{end}]}}"
        );
        header.extend_from_slice(entry.as_bytes());
        offset = end;
    }
    header.push(b'}');
    header.resize(header.len().next_multiple_of(8), b' ');
    let length = 8 + header.len() + offset;
    memory::reserve(memory, length)?;
    let mut file = Vec::with_capacity(length);
    file.extend_from_slice(&(header.len() as u64).to_le_bytes());
    file.extend_from_slice(&header);
    numbers.iter().for_each(|(_, _, data)| file.extend_from_slice(data));
    Ok(file)
}

fn malformed(cause: String) -> FormatError {
    FormatError::malformed(SAFETENSORS, cause)
}

fn read_dtype(name: &str) -> Result<Dtype, String> {
    let known = Dtype::ALL.into_iter().find(|dtype| name_of(*dtype) == name);
    known.ok_or_else(|| {
        let names = Dtype::ALL.map(name_of).join(", ");
        let name: String = name.chars().take(20).collect();
        format!("is {name}, which torch has no arithmetic for; there are {names}")
    })
}

const fn name_of(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Bool => "BOOL",
        Dtype::Uint8 => "U8",
        Dtype::Int8 => "I8",
        Dtype::Int16 => "I16",
        Dtype::Int32 => "I32",
        Dtype::Int64 => "I64",
        Dtype::Float16 => "F16",
        Dtype::Bfloat16 => "BF16",
        Dtype::Float32 => "F32",
        Dtype::Float64 => "F64",
    }
}

/// What the header says of a tensor.
#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    /// From the end of the header.
    data_offsets: (u64, u64),
}

/// Names and entries as they stand, so that none is lost where a name comes twice.
#[derive(Debug)]
struct Header(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        use serde::de::Error;
        let mut entries: Vec<(String, Entry)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if entries.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format!("'{name}' comes twice")));
            }
            if entries.len() == MAX_TENSORS {
                return Err(A::Error::custom(format!("more than {MAX_TENSORS} tensors")));
            }
            entries.push((name, map.next_value()?));
        }
        Ok(Header(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;

    fn file(header: &str, elements: &[u8]) -> Vec<u8> {
        let length = header.len() as u64;
        [&length.to_le_bytes(), header.as_bytes(), elements].concat()
    }

    fn read(file: &[u8]) -> Result<Vec<GivenTensor>, FormatError> {
        decode(file, &mut MemoryBudget::new(1 << 23).reservation())
    }

    #[test]
    fn tensors_are_found_by_their_offsets() {
        let header = r#"{"__metadata__":{"format":"pt"},
            "b":{"dtype":"U8","shape":[2],"data_offsets":[8,10]},
            "a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#;
        let mut memory = MemoryBudget::new(1 << 20).reservation();
        let tensors = decode(&file(header, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), &mut memory).unwrap();
        assert_eq!(memory.bytes(), 10);
        assert_eq!(tensors[0].name.as_deref(), Some("a"));
        assert_eq!((tensors[0].dtype, &tensors[0].shape[..]), (Dtype::Float32, &[2, 1][..]));
        assert_eq!(tensors[1].data, [9, 10]);
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let entry = |rest: &str| format!("{{\"a\":{{{rest}}}}}");
        for (header, cause) in [
            ("{".to_owned(), "the header"),
            ("[]".to_owned(), "an object of tensors"),
            (entry(r#""dtype":"U16","shape":[1],"data_offsets":[0,2]"#), "is U16"),
            (entry(r#""dtype":"U8","shape":[2],"data_offsets":[0,3]"#), "ends past the file"),
            (entry(r#""dtype":"U8","shape":[2],"data_offsets":[0,18446744073709551615]"#), "past"),
            (entry(r#""dtype":"U8","shape":[3],"data_offsets":[0,2]"#), "has 2 bytes"),
            (entry(r#""dtype":"U8","shape":[1],"data_offsets":[1,2]"#), "does not begin"),
            (entry(r#""dtype":"U8","shape":[0],"data_offsets":[0,0]"#), "2 bytes belong to no"),
            (entry(r#""dtype":"U8","shape":[-1],"data_offsets":[0,2]"#), "the header"),
            (
                entry(r#""dtype":"U8","shape":[4294967296,4294967296,16],"data_offsets":[0,2]"#),
                "2 bytes",
            ),
            (
                entry(r#""dtype":"U8","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,2]"#),
                "dimensions",
            ),
            (
                r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                    "a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#
                    .to_owned(),
                "'a' comes twice",
            ),
            (
                r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                    "b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#
                    .to_owned(),
                "'b' does not begin",
            ),
        ] {
            let told = read(&file(&header, &[0, 0])).unwrap_err().to_string();
            assert!(told.contains(cause), "{header}: {told}");
        }
        for bytes in [&b""[..], &[1, 2, 3], &[255; 9], &[9, 0, 0, 0, 0, 0, 0, 0, b'{']] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let output = |name: &str, dtype: Dtype, shape: &[u64]| {
            let count = shape.iter().product::<u64>() as usize * dtype.size();
            let elements = Elements::Numbers(dtype, (0..count).map(|byte| byte as u8).collect());
            FlatOutput { name: name.to_owned(), shape: shape.to_vec(), elements }
        };
        let outputs: Vec<FlatOutput> = Dtype::ALL
            .into_iter()
            .map(|dtype| output(dtype.name(), dtype, &[2, 3]))
            .chain([
                output("a \"quoted\" name", Dtype::Float32, &[]),
                output("none", Dtype::Int8, &[0]),
            ])
            .collect();
        let mut memory = MemoryBudget::new(1 << 20).reservation();
        let file = encode(&outputs, &mut memory).unwrap();
        assert_eq!(file.len(), memory.bytes());
        let tensors = read(&file).unwrap();
        assert_eq!(tensors.len(), outputs.len());
        for output in outputs {
            let tensor =
                tensors.iter().find(|it| it.name.as_deref() == Some(&output.name)).unwrap();
            assert_eq!(tensor.shape, output.shape);
            assert_eq!(output.elements, Elements::Numbers(tensor.dtype, tensor.data.clone()));
        }
        assert_eq!(read(&encode(&[], &mut memory).unwrap()), Ok(vec![]));
    }
}
