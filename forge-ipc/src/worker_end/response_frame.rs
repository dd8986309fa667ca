//! The frame an engine writes its outputs to.

use crate::descriptor::{ENTRY_BYTES, encode_entry};
use crate::placement::Placement;
use crate::worker_end::ResponseSide;
use crate::{FrameFull, MAX_TEXT, Structure, TensorMeta};

/// Where an engine puts what a batch returned.
pub trait OutputSink {
    /// Reserves room for the next output, to be filled whole: its bytes are those of an earlier
    /// batch.
    fn tensor(&mut self, meta: TensorMeta) -> Result<&mut [u8], FrameFull>;

    /// Tells how the outputs nest. Left out, one output is a tensor and several are a tuple.
    fn structure(&mut self, structure: &Structure) -> Result<(), FrameFull>;
}

/// The frame for the outputs of a batch.
#[derive(Debug)]
pub struct ResponseFrame<'a> {
    pub(super) responses: &'a mut ResponseSide,
    pub(super) placement: &'a mut Placement,
    pub(super) leaves: &'a mut Option<usize>,
    pub(super) text: &'a mut u32,
}

impl OutputSink for ResponseFrame<'_> {
    fn tensor(&mut self, meta: TensorMeta) -> Result<&mut [u8], FrameFull> {
        let tensor = self.placement.tensors();
        let placed = self.placement.place(meta)?;
        let ResponseSide { frames, region, cursor, .. } = &mut *self.responses;
        let entry = frames.entries(cursor.slot()) + (tensor * ENTRY_BYTES) as u64;
        region.copy_in(entry, &encode_entry(&placed));
        let offset = frames.payload(cursor.slot()) + placed.offset;
        // SAFETY: the router reads this frame only between the completion of its batch and the
        // publication of the next one into it. The batch is not completed, and completing it
        // consumes the request this slice borrows.
        Ok(unsafe { region.slice_mut(offset, placed.length) })
    }

    fn structure(&mut self, structure: &Structure) -> Result<(), FrameFull> {
        let capacity = MAX_TEXT as u64;
        let encoded = structure.encode();
        if encoded.len() > MAX_TEXT {
            return Err(FrameFull { needed: encoded.len() as u64, capacity });
        }
        // Too deep or too many nodes: no frame could carry it, and the router would take it for a
        // lie.
        Structure::decode(&encoded).map_err(|_| FrameFull { needed: u64::MAX, capacity })?;
        *self.text = self.responses.write_text(&encoded);
        *self.leaves = Some(structure.tensors());
        Ok(())
    }
}
