//! A worker that overwrites what it tells its router.
//!
//! The engine has no way to its own response region, and needs none: it is the one shared memory
//! file mapped writable here, and `/proc/self/mem` writes to a mapping without a pointer.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Once;
use std::thread;

use super::words::How;

/// The words `started` and `completed`, from the start of the region (see forge-ipc's layout).
const INDICES: Range<u64> = 0..128;
/// Where the words end and the frames begin.
const FRAMES: u64 = 256;

/// Lies about the batch whose outputs are in the frame already. Before the regions are attached, in
/// a probe, there is nothing to overwrite.
pub(crate) fn tell(how: How) -> io::Result<()> {
    static INDEX_LIAR: Once = Once::new();
    let Some(region) = response_region()? else { return Ok(()) };
    let memory = File::options().write(true).open("/proc/self/mem")?;
    let frames = region.start + FRAMES;
    let mut bytes = vec![0xff; (region.end - frames) as usize];
    match how {
        How::Indices => {
            INDEX_LIAR.call_once(|| {
                thread::spawn(move || overwrite_indices(region.start, &memory));
            });
            Ok(())
        }
        // Publishing writes the header of the frame once more, but not the entries of its tensors.
        How::Descriptor => memory.write_all_at(&bytes, frames),
        How::Random => {
            fill(&mut bytes);
            memory.write_all_at(&bytes, frames)
        }
    }
}

/// Publishing a batch sets the indices right, so they are spoilt again and again.
fn overwrite_indices(region: u64, memory: &File) {
    let lie = [0xa5; (INDICES.end - INDICES.start) as usize];
    while let Ok(()) = memory.write_all_at(&lie, region + INDICES.start) {}
}

/// Marsaglia's xorshift64 with the triple 13, 7, 17 ("Xorshift RNGs", 2003), a new start each time.
fn fill(bytes: &mut [u8]) {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let mut state = now.as_nanos() as u64 | 1;
    for chunk in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
}

/// The addresses of the one memfd this process maps writable.
fn response_region() -> io::Result<Option<Range<u64>>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let region = maps.lines().find(|line| line.contains(" rw-s ") && line.contains("/memfd:"));
    Ok(region.and_then(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        Some(u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?)
    }))
}
