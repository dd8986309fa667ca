//! Files out of the zip archive that carries Swagger UI.
//!
//! Nothing is kept unpacked: a zip's compressed file becomes gzip by another head and tail, which is
//! what browsers take; whoever does not gets it inflated for that request.

use bytes::Bytes;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use rawzip::{CompressionMethod, ZipArchive};

/// A file of the archive.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    data: &'a [u8],
    is_deflated: bool,
    checksum: u32,
    length: usize,
}

/// The archive is part of the program, so this is a mistake of the program.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("the archive of the docs page: {0}")]
    Malformed(#[from] rawzip::Error),
    #[error("the archive of the docs page has no {0}")]
    Missing(String),
    #[error("the archive of the docs page: {0}")]
    Inflate(String),
}

/// The file whose path ends so.
pub fn find<'a>(archive: &'a [u8], suffix: &str) -> Result<Entry<'a>, ArchiveError> {
    let archive = ZipArchive::from_slice(archive)?;
    let mut entries = archive.entries();
    while let Some(file) = entries.next_entry()? {
        if !file.file_path().as_bytes().ends_with(suffix.as_bytes()) {
            continue;
        }
        let (begin, end) = archive.get_entry(file.wayfinder())?.compressed_data_range();
        let range = usize::try_from(begin).ok().zip(usize::try_from(end).ok());
        let data = range.and_then(|(begin, end)| archive.get_ref().get(begin..end));
        let length = usize::try_from(file.uncompressed_size_hint()).ok();
        let missing = || ArchiveError::Missing(suffix.to_owned());
        let (data, length) = data.zip(length).ok_or_else(missing)?;
        let is_deflated = file.compression_method() == CompressionMethod::DEFLATE;
        return Ok(Entry { data, is_deflated, checksum: file.crc32(), length });
    }
    Err(ArchiveError::Missing(suffix.to_owned()))
}

impl<'a> Entry<'a> {
    /// A text that is in no archive.
    pub fn of_text(text: &'a str) -> Self {
        let checksum = rawzip::crc32(text.as_bytes());
        Self { data: text.as_bytes(), is_deflated: false, checksum, length: text.len() }
    }

    /// Its entity tag; weak, because the same one stands for both encodings.
    pub fn tag(&self) -> String {
        format!("W/\"{:08x}\"", self.checksum)
    }

    /// The file in gzip's format (RFC 1952); `None` where it is not compressed.
    pub fn gzip(&self) -> Option<Bytes> {
        /// Magic number, deflate, no flags, no time, no hint, unknown system.
        const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        let length = u32::try_from(self.length).ok().filter(|_| self.is_deflated)?;
        let tail = [self.checksum.to_le_bytes(), length.to_le_bytes()].concat();
        Some([&HEAD, self.data, &tail].concat().into())
    }

    pub fn plain(&self) -> Result<Bytes, ArchiveError> {
        if !self.is_deflated {
            return Ok(Bytes::copy_from_slice(self.data));
        }
        let inflated = decompress_to_vec_with_limit(self.data, self.length);
        Ok(inflated.map_err(|error| ArchiveError::Inflate(error.to_string()))?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inflated_has_the_length_and_the_checksum_that_gzip_tells() {
        let archive = utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
        let entry = find(archive, "/dist/swagger-ui-bundle.js").unwrap();
        let plain = entry.plain().unwrap();
        let gzip = entry.gzip().unwrap();
        assert!(gzip.len() < plain.len() / 2);
        let (rest, length) = gzip.split_last_chunk::<4>().unwrap();
        let (_, checksum) = rest.split_last_chunk::<4>().unwrap();
        assert_eq!(u32::from_le_bytes(*length) as usize, plain.len());
        assert_eq!(u32::from_le_bytes(*checksum), rawzip::crc32(&plain));
    }

    #[test]
    fn an_archive_that_is_none_and_a_file_that_is_not_there_are_errors() {
        let archive = utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
        assert!(matches!(find(archive, "/dist/nothing.js"), Err(ArchiveError::Missing(_))));
        assert!(matches!(find(b"no archive", "x"), Err(ArchiveError::Malformed(_))));
    }
}
