//! A request inside the batcher, or a part of one.

use std::sync::Arc;

use super::{Inputs, Reply, ReplyTo};
use crate::batching::SplitRows;
use crate::memory_budget::Reservation;
use crate::pieces::Pieces;

/// A request inside the batcher, or some rows of one that has more than a batch.
#[derive(Debug)]
pub struct Pending {
    pub inputs: Inputs,
    pub reply: ReplyTo,
    /// What its tensors, and later its answer, take of the memory for requests in flight.
    pub memory: Reservation,
    /// Of a part: what the tensors of the whole request take, which stay until its last part has run.
    whole: Option<Arc<Reservation>>,
    /// It ran alone when its worker ended, of what nobody is blamed for.
    pub has_died_alone: bool,
}

/// Answers a request; that nobody listens any more is no error.
pub fn answer(pending: Pending, reply: Reply) {
    pending.reply.send(reply);
}

impl Pending {
    /// `memory` is what its tensors take.
    pub fn new(inputs: Inputs, reply: ReplyTo, memory: Reservation) -> Self {
        Self { inputs, reply, memory, whole: None, has_died_alone: false }
    }

    /// Who waits for it, and what it holds once its inputs are dropped.
    pub fn without_inputs(self) -> (ReplyTo, Reservation) {
        let Self { inputs, reply, mut memory, whole, .. } = self;
        if whole.is_none() {
            memory.shrink(inputs.data.iter().map(Pieces::len).sum());
        }
        (reply, memory)
    }
}

impl SplitRows for Pending {
    fn split_rows(self, rows: u32) -> (Self, Self) {
        let Self { inputs, reply, mut memory, whole, has_died_alone } = self;
        let all = inputs.rows;
        let (first, second) = (inputs.part(0..rows), inputs.part(rows..all));
        let whole = whole.unwrap_or_else(|| Arc::new(memory.take()));
        let (reply_first, reply_second) = reply.split(rows, all);
        let part = |inputs, reply, memory| {
            let whole = Some(Arc::clone(&whole));
            Self { inputs, reply, memory, whole, has_died_alone }
        };
        (part(first, reply_first, memory.another()), part(second, reply_second, memory))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::batching::Group;
    use crate::memory_budget::MemoryBudget;

    #[test]
    fn parts_have_the_rows_of_their_request_and_its_memory_until_the_last_has_gone() {
        let budget = MemoryBudget::new(100);
        let mut memory = budget.reservation();
        assert!(memory.grow(15));
        let data =
            vec![vec![0u8, 1, 2, 3, 4, 5, 6, 7, 8, 9].into(), vec![20, 21, 22, 23, 24].into()];
        let inputs = Inputs { group: Group::of_tensors([]), rows: 5, data, padding: None };
        let (client, _replied) = oneshot::channel();
        let pending = Pending::new(inputs, ReplyTo::Client(client), memory);
        let (first, rest) = pending.split_rows(2);
        let (second, third) = rest.split_rows(2);
        let data = |part: &Pending| {
            part.inputs.data.iter().map(|it| it.clone().whole().to_vec()).collect()
        };
        let parts: Vec<Vec<Vec<u8>>> = [&first, &second, &third].map(data).to_vec();
        assert_eq!(parts[0], [vec![0, 1, 2, 3], vec![20, 21]]);
        assert_eq!(parts[1], [vec![4, 5, 6, 7], vec![22, 23]]);
        assert_eq!(parts[2], [vec![8, 9], vec![24]]);
        assert_eq!([&first, &second, &third].map(|part| part.inputs.rows), [2, 2, 1]);
        let (_, held) = first.without_inputs();
        drop(second);
        assert_eq!((budget.used(), held.bytes()), (15, 0));
        let (_, held) = third.without_inputs();
        assert_eq!((budget.used(), held.bytes()), (0, 0));
    }
}
