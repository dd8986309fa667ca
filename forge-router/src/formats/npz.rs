//! `.npz`, what `numpy.savez` and `numpy.savez_compressed` write: a zip whose members are `NAME.npy`.
//!
//! What the members claim to expand to is added up before any is expanded, and a member is expanded
//! into exactly that many bytes: one that claims too little is malformed, one that claims more than
//! deflate can make of its bytes is not believed.

use miniz_oxide::inflate::decompress_slice_iter_to_slice;
use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};

use super::{FormatError, GivenTensor, memory, npy};
use crate::flat::FlatOutput;
use crate::memory_budget::Reservation;
use crate::tensor::MAX_TENSORS;

const NPZ: &str = "npz";

/// Deflate makes at most 258 bytes of 2 bits.
const MOST_EXPANSION: usize = 1032;

/// Of a member's name, in bytes.
const LONGEST_NAME: usize = 256;

/// The tensors of the archive. Together its members may expand to `most` bytes.
pub fn decode(
    file: &[u8],
    most: usize,
    memory: &mut Reservation,
) -> Result<Vec<GivenTensor>, FormatError> {
    let archive = ZipArchive::from_slice(file).map_err(|error| malformed(&error))?;
    let members = members(&archive, most)?;
    let mut tensors = Vec::with_capacity(members.len());
    for member in members {
        let name = member.name.clone();
        let tensor = match member.is_deflated {
            false => npy::decode(member.data, memory),
            true => {
                let expanded = expand(&member, memory)?;
                let tensor = npy::decode(&expanded, memory);
                memory.shrink(expanded.len());
                tensor
            }
        };
        let tensor = tensor.map_err(|error| match error {
            FormatError::Malformed { format, cause } => {
                FormatError::Malformed { format, cause: format!("member '{name}': {cause}") }
            }
            FormatError::Invalid(cause) => FormatError::Invalid(format!("'{name}': {cause}")),
            other => other,
        })?;
        tensors.push(GivenTensor { name: Some(name), ..tensor });
    }
    Ok(tensors)
}

/// A member that was looked at but not yet expanded.
struct Member<'a> {
    name: String,
    data: &'a [u8],
    is_deflated: bool,
    /// What it claims to expand to.
    length: usize,
    checksum: u32,
}

fn members<'a>(
    archive: &ZipSliceArchive<&'a [u8]>,
    most: usize,
) -> Result<Vec<Member<'a>>, FormatError> {
    let mut members: Vec<Member<'a>> = Vec::new();
    let mut entries = archive.entries();
    let mut expanded = 0usize;
    while let Some(entry) = entries.next_entry().map_err(|error| malformed(&error))? {
        if members.len() == MAX_TENSORS {
            let told = format!("the archive has more than {MAX_TENSORS} members");
            return Err(FormatError::Invalid(told));
        }
        let member = member(archive, &entry)?;
        if members.iter().any(|other| other.name == member.name) {
            let told = format!("the archive has '{}' twice", member.name);
            return Err(FormatError::Invalid(told));
        }
        expanded = expanded.saturating_add(member.length);
        if expanded > most {
            return Err(FormatError::TooLarge(format!(
                "the archive expands to more than {most} bytes (server.max_body_bytes)"
            )));
        }
        members.push(member);
    }
    Ok(members)
}

fn member<'a>(
    archive: &ZipSliceArchive<&'a [u8]>,
    entry: &ZipFileHeaderRecord<'_>,
) -> Result<Member<'a>, FormatError> {
    let path = entry.file_path();
    let path = path.as_bytes();
    let name = std::str::from_utf8(path).ok().filter(|name| name.len() <= LONGEST_NAME);
    let name = name.and_then(|name| name.strip_suffix(".npy")).ok_or_else(|| {
        let path = String::from_utf8_lossy(path.get(..LONGEST_NAME).unwrap_or(path));
        FormatError::Invalid(format!("the archive has '{path}', expected NAME.npy"))
    })?;
    let (begin, end) = archive
        .get_entry(entry.wayfinder())
        .map_err(|error| malformed(&error))?
        .compressed_data_range();
    let range = usize::try_from(begin).ok().zip(usize::try_from(end).ok());
    let file: &'a [u8] = archive.get_ref();
    let data = range.and_then(|(begin, end)| file.get(begin..end));
    let data = data.ok_or_else(|| malformed(&format!("member '{name}' is cut off")))?;
    let length = usize::try_from(entry.uncompressed_size_hint()).unwrap_or(usize::MAX);
    let is_deflated = match entry.compression_method() {
        CompressionMethod::STORE => false,
        CompressionMethod::DEFLATE => true,
        other => {
            let told = format!(
                "member '{name}' is compressed in a way ({other:?}) that numpy does not write"
            );
            return Err(FormatError::Invalid(told));
        }
    };
    let fits = match is_deflated {
        false => length == data.len(),
        true => length <= data.len().saturating_mul(MOST_EXPANSION),
    };
    if !fits {
        return Err(malformed(&format!(
            "member '{name}' cannot have the {length} bytes it claims"
        )));
    }
    if !is_deflated && rawzip::crc32(data) != entry.crc32() {
        return Err(malformed(&format!("member '{name}' has another checksum than it claims")));
    }
    Ok(Member { name: name.to_owned(), data, is_deflated, length, checksum: entry.crc32() })
}

fn expand(member: &Member<'_>, memory: &mut Reservation) -> Result<Vec<u8>, FormatError> {
    let Member { name, data, length, checksum, .. } = member;
    let mut expanded = memory::zeros(memory, *length)?;
    let written =
        decompress_slice_iter_to_slice(&mut expanded, std::iter::once(*data), false, true);
    if written.ok() != Some(*length) {
        return Err(malformed(&format!(
            "member '{name}' does not expand to the {length} bytes it claims"
        )));
    }
    if rawzip::crc32(&expanded) != *checksum {
        return Err(malformed(&format!("member '{name}' has another checksum than it claims")));
    }
    Ok(expanded)
}

fn malformed(cause: &dyn ToString) -> FormatError {
    FormatError::malformed(NPZ, cause.to_string())
}

/// The most bytes of an answer: sizes and offsets are 32 bits wide here, and strings take up to four
/// times their bytes.
pub(super) const MOST_ANSWER: usize = 1 << 29;

/// An archive as `numpy.savez` writes it, for outputs of at most [`MOST_ANSWER`] bytes.
pub fn encode(outputs: &[FlatOutput], memory: &mut Reservation) -> Result<Vec<u8>, FormatError> {
    let length = length(outputs);
    memory::reserve(memory, length)?;
    let mut file = Vec::with_capacity(length);
    let mut directory = Vec::new();
    for output in outputs {
        let name = format!("{}.npy", output.name);
        let (offset, size) = (file.len(), npy::length(output));
        let head = file.len() + LOCAL_HEAD + name.len();
        file.resize(head, 0);
        npy::write(output, &mut file);
        let checksum = rawzip::crc32(&file[head..]);
        let local = [&b"PK\x03\x04"[..], &shared(&name, checksum, size), name.as_bytes()].concat();
        file[offset..head].copy_from_slice(&local);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&shared(&name, checksum, size));
        // No comment, the first disk, no attributes.
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&(offset as u32).to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let (offset, count) = (file.len() as u32, (outputs.len() as u16).to_le_bytes());
    file.extend_from_slice(&directory);
    file.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    file.extend_from_slice(&[count, count].concat());
    file.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    file.extend_from_slice(&offset.to_le_bytes());
    file.extend_from_slice(&[0; 2]);
    Ok(file)
}

const LOCAL_HEAD: usize = 30;
const DIRECTORY_HEAD: usize = 46;
const END: usize = 22;

/// The bytes of an archive of these outputs.
fn length(outputs: &[FlatOutput]) -> usize {
    let member = |output: &FlatOutput| {
        let name = output.name.len() + ".npy".len();
        LOCAL_HEAD + DIRECTORY_HEAD + 2 * name + npy::length(output)
    };
    outputs.iter().map(member).sum::<usize>() + END
}

/// What a local header and the directory say alike of a member that is stored as it is.
fn shared(name: &str, checksum: u32, size: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(26);
    // Version 2.0; names are UTF-8; stored; midnight of 1980-01-01, the first day there is.
    head.extend_from_slice(&[20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0]);
    head.extend_from_slice(&checksum.to_le_bytes());
    head.extend_from_slice(&(size as u32).to_le_bytes());
    head.extend_from_slice(&(size as u32).to_le_bytes());
    head.extend_from_slice(&(name.len() as u16).to_le_bytes());
    head.extend_from_slice(&[0; 2]);
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flat::Elements;
    use crate::memory_budget::MemoryBudget;
    use crate::tensor::Dtype;

    fn outputs() -> Vec<FlatOutput> {
        let output = |name: &str, count: u8| FlatOutput {
            name: name.to_owned(),
            shape: vec![count.into()],
            elements: Elements::Numbers(Dtype::Uint8, vec![7; count.into()]),
        };
        vec![output("x", 3), output("boxes.0", 200)]
    }

    fn read(file: &[u8], most: usize) -> Result<Vec<GivenTensor>, FormatError> {
        decode(file, most, &mut MemoryBudget::new(1 << 20).reservation())
    }

    /// An archive of one member, `x.npy`, deflated, that claims to have so many bytes.
    fn deflated(bytes: &[u8], claims: u32) -> Vec<u8> {
        let data = miniz_oxide::deflate::compress_to_vec(bytes, 6);
        let mut common = shared("x.npy", rawzip::crc32(bytes), 0);
        common[4] = 8;
        common[14..18].copy_from_slice(&(data.len() as u32).to_le_bytes());
        common[18..22].copy_from_slice(&claims.to_le_bytes());
        let mut file = [b"PK\x03\x04", &common[..], b"x.npy", &data].concat();
        let offset = file.len() as u32;
        let directory = [b"PK\x01\x02\x14\x00", &common[..], &[0; 14], b"x.npy"].concat();
        file.extend_from_slice(&directory);
        file.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
        file.extend_from_slice(&(directory.len() as u32).to_le_bytes());
        file.extend_from_slice(&offset.to_le_bytes());
        file.extend_from_slice(&[0; 2]);
        file
    }

    fn npy_of(count: usize) -> Vec<u8> {
        let elements = Elements::Numbers(Dtype::Uint8, vec![0; count]);
        let output = FlatOutput { name: "x".into(), shape: vec![count as u64], elements };
        let mut file = Vec::new();
        npy::write(&output, &mut file);
        file
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut memory = MemoryBudget::new(1 << 20).reservation();
        let file = encode(&outputs(), &mut memory).unwrap();
        assert_eq!(file.len(), memory.bytes());
        let tensors = read(&file, 1 << 20).unwrap();
        let names: Vec<_> = tensors.iter().map(|tensor| tensor.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["x", "boxes.0"]);
        assert_eq!(tensors[1].data, [7; 200]);
    }

    #[test]
    fn deflated_members_are_expanded() {
        let file = npy_of(5000);
        let archive = deflated(&file, file.len() as u32);
        assert!(archive.len() < 1000);
        let mut memory = MemoryBudget::new(1 << 20).reservation();
        let tensors = decode(&archive, 1 << 20, &mut memory).unwrap();
        assert_eq!(tensors[0].shape, [5000]);
        assert_eq!(memory.bytes(), 5000);
    }

    #[test]
    fn an_archive_that_expands_too_far_is_refused_before_it_is_expanded() {
        let file = npy_of(100_000);
        let archive = deflated(&file, file.len() as u32);
        let mut memory = MemoryBudget::new(1000).reservation();
        let told = decode(&archive, 50_000, &mut memory).unwrap_err();
        assert!(matches!(told, FormatError::TooLarge(_)), "{told}");
        let told = decode(&archive, 1 << 20, &mut memory).unwrap_err();
        assert!(matches!(told, FormatError::Memory { .. }), "{told}");
        assert_eq!(memory.bytes(), 0);
    }

    #[test]
    fn a_member_that_lies_about_its_length_is_refused() {
        let file = npy_of(5000);
        for claims in [0, 10, file.len() as u32 - 1, file.len() as u32 + 1, u32::MAX - 1] {
            let told = read(&deflated(&file, claims), usize::MAX).unwrap_err().to_string();
            assert!(told.contains("claims"), "{claims}: {told}");
        }
    }

    #[test]
    fn members_that_are_no_arrays_or_come_twice_are_refused() {
        let mut memory = MemoryBudget::new(1 << 20).reservation();
        let mut same = outputs();
        same[1].name = "x".to_owned();
        let file = encode(&same, &mut memory).unwrap();
        assert!(read(&file, 1 << 20).unwrap_err().to_string().contains("'x' twice"));
        let file = encode(&outputs(), &mut memory).unwrap();
        let renamed: Vec<u8> =
            String::from_utf8_lossy(&file).replace("x.npy", "x.txt").into_bytes();
        assert!(read(&renamed, 1 << 20).is_err());
    }

    #[test]
    fn an_archive_cut_off_anywhere_is_refused() {
        let mut memory = MemoryBudget::new(1 << 20).reservation();
        let file = encode(&outputs(), &mut memory).unwrap();
        for length in 0..file.len() {
            assert!(read(&file[..length], 1 << 20).is_err(), "{length} of {}", file.len());
        }
    }
}
