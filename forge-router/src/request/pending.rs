//! A request inside the batcher, or a part of one.

use super::{InputRows, ReplyTo, RequestError};
use crate::batching::SplitRows;
use crate::memory_budget::Reservation;
use crate::request::Answer;

/// A request inside the batcher, or some rows of one that has more than a batch.
#[derive(Debug)]
pub struct Pending {
    pub inputs: InputRows,
    pub reply: ReplyTo,
    /// What its tensors, and later its answer, take of the memory for requests in flight. A part's tensors
    /// are its request's and counted there.
    pub memory: Reservation,
    /// It ran alone when its worker ended, of what nobody is blamed for.
    pub has_died_alone: bool,
}

/// Answers a request; that nobody listens any more is no error.
pub fn answer(pending: Pending, reply: Result<Answer, RequestError>) {
    pending.reply.send(reply);
}

impl SplitRows for Pending {
    fn split_rows(self, rows: u32) -> (Self, Self) {
        let Self { inputs, reply, mut memory, has_died_alone } = self;
        let all = inputs.rows();
        let (first, rest) = inputs.split(rows, &mut memory);
        let (reply_first, reply_rest) = reply.split(rows, all);
        let of_first = memory.another();
        (
            Self { inputs: first, reply: reply_first, memory: of_first, has_died_alone },
            Self { inputs: rest, reply: reply_rest, memory, has_died_alone },
        )
    }
}
