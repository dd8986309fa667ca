//! A batch on its way into a frame.

use crate::cursor;
use crate::descriptor::{ENTRY_BYTES, Header, encode_entry};
use crate::doorbell;
use crate::layout::Frames;
use crate::placement::Placement;
use crate::router_end::{InFlight, RouterEnd};
use crate::{BatchId, FrameFull, MAX_TEXT, TensorMeta};

/// A tensor of the request frame that handed it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorSlot(usize);

/// A request frame being filled.
#[derive(Debug)]
#[must_use = "a frame that is not published was never begun"]
pub struct RequestFrame<'a> {
    end: &'a mut RouterEnd,
    frames: Frames,
    placement: Placement,
    slot: u32,
    batch: BatchId,
    rows: u32,
    text: u32,
}

impl<'a> RequestFrame<'a> {
    pub(super) fn open(end: &'a mut RouterEnd, slot: u32, batch: BatchId, rows: u32) -> Self {
        end.placed.clear();
        let frames = Frames::requests(&end.geometry);
        let placement = Placement::new(frames.payload_bytes());
        Self { end, frames, placement, slot, batch, rows, text: 0 }
    }

    /// Reserves room for the next tensor of the batch. Its bytes are those of an earlier batch
    /// until written.
    pub fn tensor(&mut self, meta: TensorMeta) -> Result<TensorSlot, FrameFull> {
        let tensor = self.placement.tensors();
        let placed = self.placement.place(meta)?;
        let entry = self.frames.entries(self.slot) + (tensor * ENTRY_BYTES) as u64;
        self.end.requests.copy_in(entry, &encode_entry(&placed));
        self.end.placed.push(placed);
        Ok(TensorSlot(tensor))
    }

    /// Copies `bytes` to `offset` bytes from the start of the tensor.
    pub fn write(&mut self, slot: TensorSlot, offset: u64, bytes: &[u8]) -> Result<(), FrameFull> {
        let end = offset.saturating_add(bytes.len() as u64);
        // A slot of another frame may not exist in this one; it holds nothing then.
        let (start, capacity) =
            self.end.placed.get(slot.0).map_or((0, 0), |placed| (placed.offset, placed.length));
        if end > capacity {
            return Err(FrameFull { needed: end, capacity });
        }
        let payload = self.frames.payload(self.slot);
        self.end.requests.copy_in(payload + start + offset, bytes);
        Ok(())
    }

    /// Tells what each argument gets, as [`Arguments::encode`](crate::Arguments::encode) wrote it.
    /// Left out, the tensors are for the tensor arguments in their order.
    pub fn arguments(&mut self, encoded: &[u8]) -> Result<(), FrameFull> {
        let (needed, capacity) = (encoded.len() as u64, MAX_TEXT as u64);
        if needed > capacity {
            return Err(FrameFull { needed, capacity });
        }
        self.end.requests.copy_in(self.frames.text(self.slot), encoded);
        // At most `MAX_TEXT`.
        self.text = encoded.len() as u32;
        Ok(())
    }

    /// Hands the frame to the worker, and wakes it if it sleeps.
    pub fn publish(self) {
        let Self { end, frames, placement, slot, batch, rows, text } = self;
        // At most `MAX_TENSORS`.
        let tensors = placement.tensors() as u32;
        let header = Header { batch: batch.0, rows, tensors, text, ..Header::default() };
        end.requests.copy_in(frames.header(slot), &header.encode());
        end.in_flight[slot as usize] = InFlight { batch, rows };
        let index = end.cursor.publish();
        cursor::publish(&end.request_words().published.0, index);
        if doorbell::must_ring(&end.response_words().worker_sleeping.0) {
            end.to_worker.ring();
        }
    }
}
