//! `.npy`, what `numpy.save` writes: a magic number, a version, a header in Python's notation, and the
//! elements. Source: numpy's `numpy/lib/format.py`, versions 1.0 to 3.0.

mod header;
mod order;

use super::{FormatError, GivenTensor, memory};
use crate::flat::{Elements, FlatOutput};
use crate::memory_budget::Reservation;
use header::Header;

pub(super) const NPY: &str = "npy";

/// The tensor in the file. Big-endian elements and Fortran's order are turned into what torch has.
pub fn decode(file: &[u8], memory: &mut Reservation) -> Result<GivenTensor, FormatError> {
    let (header, elements) = Header::read(file)?;
    let size = header.dtype.size();
    let expected = memory::bytes_of(&header.shape, size);
    if expected != Some(elements.len()) {
        let expected = expected.map_or("more than there can be".to_owned(), |it| it.to_string());
        return Err(FormatError::malformed(
            NPY,
            format!(
                "{} bytes follow the header, {} of shape {:?} has {expected}",
                elements.len(),
                header.dtype,
                header.shape
            ),
        ));
    }
    let mut data = memory::copy(memory, elements)?;
    if header.is_fortran && header.shape.len() > 1 {
        order::transpose(elements, &mut data, &header.shape, size);
    }
    if header.is_big_endian {
        data.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    Ok(GivenTensor { name: None, dtype: header.dtype, shape: header.shape, data })
}

/// A file of version 1.0. Strings become numpy's `<U`.
pub fn encode(output: &FlatOutput, memory: &mut Reservation) -> Result<Vec<u8>, FormatError> {
    let mut file = Vec::new();
    memory::reserve(memory, length(output))?;
    file.reserve_exact(length(output));
    write(output, &mut file);
    Ok(file)
}

/// The bytes of such a file.
pub(super) fn length(output: &FlatOutput) -> usize {
    let elements = match &output.elements {
        Elements::Numbers(_, data) => data.len(),
        Elements::Texts(texts) => texts.len() * longest(texts) * 4,
    };
    header::write(&descr(&output.elements), &output.shape).len() + elements
}

/// Appends such a file.
pub(super) fn write(output: &FlatOutput, file: &mut Vec<u8>) {
    file.extend_from_slice(&header::write(&descr(&output.elements), &output.shape));
    match &output.elements {
        Elements::Numbers(_, data) => file.extend_from_slice(data),
        Elements::Texts(texts) => {
            let width = longest(texts);
            for text in texts {
                let characters = text.chars().map(u32::from).chain(std::iter::repeat(0));
                characters.take(width).for_each(|it| file.extend_from_slice(&it.to_le_bytes()));
            }
        }
    }
}

fn descr(elements: &Elements) -> String {
    match elements {
        Elements::Numbers(dtype, _) => header::descr(*dtype).to_owned(),
        Elements::Texts(texts) => format!("<U{}", longest(texts)),
    }
}

/// In characters; numpy has no strings of none.
fn longest(texts: &[String]) -> usize {
    texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;
    use crate::tensor::Dtype;

    /// A file with this header.
    fn file(version: u8, header: &str, elements: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY".to_vec();
        file.extend_from_slice(&[version, 0]);
        match version {
            1 => file.extend_from_slice(&(header.len() as u16).to_le_bytes()),
            _ => file.extend_from_slice(&(header.len() as u32).to_le_bytes()),
        }
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(elements);
        file
    }

    fn read(version: u8, header: &str, elements: &[u8]) -> Result<GivenTensor, FormatError> {
        let mut memory = MemoryBudget::new(1 << 20).reservation();
        decode(&file(version, header, elements), &mut memory)
    }

    #[test]
    fn every_version_is_read() {
        let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }\n";
        let elements: Vec<u8> = (0..6i16).flat_map(i16::to_le_bytes).collect();
        for version in 1..=3 {
            let tensor = read(version, header, &elements).unwrap();
            assert_eq!((tensor.dtype, tensor.shape), (Dtype::Int16, vec![2, 3]));
            assert_eq!(tensor.data, elements);
        }
    }

    #[test]
    fn big_endian_and_fortrans_order_become_torchs() {
        let elements: Vec<u8> =
            [1i16, 4, 2, 5, 3, 6].into_iter().flat_map(i16::to_be_bytes).collect();
        let header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }";
        let expected: Vec<u8> = (1..=6i16).flat_map(i16::to_le_bytes).collect();
        assert_eq!(read(1, header, &elements).unwrap().data, expected);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let shape = "'fortran_order': False, 'shape': (2,)";
        for (header, cause) in [
            (format!("{{'descr': '<u2', {shape}}}"), "uint16"),
            (format!("{{'descr': '<c8', {shape}}}"), "complex"),
            (format!("{{'descr': '<U3', {shape}}}"), "strings"),
            (format!("{{'descr': '|O', {shape}}}"), "objects"),
            (format!("{{'descr': [('a', '<f4')], {shape}}}"), "one dtype"),
            (format!("{{'descr': '<f4', {shape}}}"), "2 bytes follow the header"),
            ("{'descr': '<f4', 'shape': (2,)}".to_owned(), "fortran_order"),
            ("{'descr': '<f4'".to_owned(), "header"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}".to_owned(), "header"),
            (
                "{'descr': '|i1', 'fortran_order': False, 'shape': (99999999999999999999,)}"
                    .to_owned(),
                "header",
            ),
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 9)}"
                    .to_owned(),
                "more than there can be",
            ),
            (
                "{'descr': '|i1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2)}".to_owned(),
                "dimensions",
            ),
        ] {
            let told = read(1, &header, &[0, 0]).unwrap_err().to_string();
            assert!(told.contains(cause), "{header}: {told}");
        }
        for bytes in [
            &b""[..],
            b"\x93NUMPY",
            b"\x93NUMPY\x01\0\xff\xff{",
            b"\x93NUMPY\x04\0\0\0\0\0",
            b"{\"input\": 1}",
        ] {
            let mut memory = MemoryBudget::new(1 << 20).reservation();
            assert!(decode(bytes, &mut memory).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for dtype in Dtype::ALL.into_iter().filter(|dtype| *dtype != Dtype::Bfloat16) {
            for shape in [vec![], vec![0], vec![3], vec![2, 1, 2]] {
                let count = shape.iter().product::<u64>() as usize;
                let data: Vec<u8> = (0..count * dtype.size()).map(|byte| byte as u8).collect();
                let elements = Elements::Numbers(dtype, data.clone());
                let output = FlatOutput { name: "y".into(), shape: shape.clone(), elements };
                let mut memory = MemoryBudget::new(1 << 20).reservation();
                let file = encode(&output, &mut memory).unwrap();
                assert_eq!(file.len(), memory.bytes());
                let tensor = decode(&file, &mut memory).unwrap();
                assert_eq!(tensor, GivenTensor { name: None, dtype, shape, data });
            }
        }
    }

    #[test]
    fn strings_are_written_with_the_length_of_the_longest() {
        let elements = Elements::Texts(vec!["a".into(), "λµ".into()]);
        let output = FlatOutput { name: "y".into(), shape: vec![2], elements };
        let mut memory = MemoryBudget::new(1 << 20).reservation();
        let file = encode(&output, &mut memory).unwrap();
        assert!(String::from_utf8_lossy(&file).contains("'descr': '<U2'"));
        let characters = [u32::from('a'), 0, u32::from('λ'), u32::from('µ')];
        let written: Vec<u8> = characters.into_iter().flat_map(u32::to_le_bytes).collect();
        assert!(file.ends_with(&written));
        assert_eq!(file.len(), memory.bytes());
    }
}
