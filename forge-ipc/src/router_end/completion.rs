//! An answer on its way out of a frame: the descriptor is copied out and checked first, then the
//! tensors are copied.

use crate::descriptor::{HEADER_BYTES, Header, decode_entries};
use crate::layout::Frames;
use crate::router_end::{InFlight, RouterEnd};
use crate::{BatchId, ComputeNanos, FailureKind, MAX_TEXT, Outcome, PeerViolation, Structure};

/// The checked answer of the oldest batch in flight.
#[derive(Debug)]
#[must_use = "a completion that is not released keeps its frame"]
pub struct Completion<'a> {
    end: &'a mut RouterEnd,
    slot: u32,
    header: Header,
    outcome: Outcome,
}

impl Completion<'_> {
    /// The batch that is answered.
    pub fn batch(&self) -> BatchId {
        BatchId(self.header.batch)
    }

    /// Its rows.
    pub fn rows(&self) -> u32 {
        self.header.rows
    }

    /// How long the worker says it took. Its own word, not checked.
    pub fn compute(&self) -> ComputeNanos {
        self.header.compute
    }

    /// How it ended.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Appends `bytes` of output `tensor` from `offset` on.
    pub fn copy(
        &self,
        tensor: usize,
        offset: u64,
        into: &mut Vec<u8>,
        bytes: u64,
    ) -> Result<(), PeerViolation> {
        let error = PeerViolation::OutputRange { tensor, offset, bytes };
        let placed = self.end.placed.get(tensor).ok_or(error)?;
        if offset.checked_add(bytes).is_none_or(|end| end > placed.length) {
            return Err(error);
        }
        let payload = Frames::responses(&self.end.geometry).payload(self.slot);
        self.end.responses.append_to(payload + placed.offset + offset, bytes, into);
        Ok(())
    }

    /// Gives the frame back to the ring.
    pub fn release(self) {
        self.end.cursor.release();
    }
}

impl RouterEnd {
    /// Reads and checks the answer of the oldest batch in flight, which the worker has completed.
    pub(super) fn read_completion(&mut self) -> Result<Completion<'_>, PeerViolation> {
        let slot = self.cursor.oldest_slot();
        let header = self.read_header(slot)?;
        self.check_echo(slot, &header)?;
        let outcome = self.read_outcome(slot, &header)?;
        Ok(Completion { end: self, slot, header, outcome })
    }

    fn read_header(&mut self, slot: u32) -> Result<Header, PeerViolation> {
        let frames = Frames::responses(&self.geometry);
        let bytes = self.copy_out(frames.header(slot), HEADER_BYTES as u64);
        Ok(Header::decode(bytes)?)
    }

    fn check_echo(&self, slot: u32, header: &Header) -> Result<(), PeerViolation> {
        let InFlight { batch, rows } = self.in_flight[slot as usize];
        if header.batch != batch.0 {
            let answered = BatchId(header.batch);
            return Err(PeerViolation::WrongBatch { expected: batch, answered });
        }
        if header.rows != rows {
            return Err(PeerViolation::WrongRows { batch, expected: rows, answered: header.rows });
        }
        Ok(())
    }

    fn read_outcome(&mut self, slot: u32, header: &Header) -> Result<Outcome, PeerViolation> {
        self.placed.clear();
        if header.text as usize > MAX_TEXT {
            return Err(PeerViolation::TextTooLong(header.text));
        }
        if header.outcome == 0 {
            return self.read_outputs(slot, header);
        }
        let kind = FailureKind::from_code(header.outcome)
            .ok_or(PeerViolation::UnknownOutcome(header.outcome))?;
        let text = Frames::responses(&self.geometry).text(slot);
        let message = self.copy_out(text, u64::from(header.text));
        Ok(Outcome::Failed { kind, message: String::from_utf8_lossy(message).into_owned() })
    }

    fn read_outputs(&mut self, slot: u32, header: &Header) -> Result<Outcome, PeerViolation> {
        let frames = Frames::responses(&self.geometry);
        self.copy_out(frames.entries(slot), header.entries_bytes());
        decode_entries(&self.scratch, frames.payload_bytes(), &mut self.placed)?;
        let outputs: Vec<_> = self.placed.iter().map(|placed| placed.meta).collect();
        let structure = match header.text {
            0 => Structure::of_plain(outputs.len()),
            length => Structure::decode(self.copy_out(frames.text(slot), u64::from(length)))?,
        };
        let (leaves, tensors) = (structure.tensors(), outputs.len());
        if leaves != tensors {
            return Err(PeerViolation::WrongLeaves { leaves, tensors });
        }
        Ok(Outcome::Done { outputs, structure })
    }
}
