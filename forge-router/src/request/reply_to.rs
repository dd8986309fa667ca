//! Who gets the reply to what was pending: a client, or what collects the parts of its request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{Answer, Reply, RequestError};

/// What a client gets in the end.
#[derive(Debug)]
pub enum Replied {
    Whole(Answer),
    /// The answers to the parts of its rows, in their order.
    Parts(Vec<Answer>),
}

/// Takes the one reply.
#[derive(Debug)]
pub enum ReplyTo {
    Client(Client),
    /// The part of a request that begins with this row.
    Part(Arc<Parts>, u32),
}

type Client = oneshot::Sender<Result<Replied, RequestError>>;

impl ReplyTo {
    /// That nobody listens any more is no error.
    pub fn send(self, reply: Reply) {
        match self {
            Self::Client(client) => drop(client.send(reply.map(Replied::Whole))),
            Self::Part(parts, first_row) => parts.take(first_row, reply),
        }
    }

    /// Whether nobody waits for it any more: the client has gone, or another part has failed.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Client(client) => client.is_closed(),
            Self::Part(parts, _) => parts.collected().is_closed(),
        }
    }

    /// Whether it is one of several parts.
    pub fn is_part(&self) -> bool {
        matches!(self, Self::Part(..))
    }

    /// For the first `rows` of what has `all`, and for the others.
    pub(super) fn split(self, rows: u32, all: u32) -> (Self, Self) {
        let (parts, first_row) = match self {
            Self::Client(client) => (Arc::new(Parts::new(all, client)), 0),
            Self::Part(parts, first_row) => (parts, first_row),
        };
        (Self::Part(Arc::clone(&parts), first_row), Self::Part(parts, first_row + rows))
    }
}

/// Collects the answers to the parts of a request. The first failure is the request's.
#[derive(Debug)]
pub struct Parts {
    rows: u32,
    collected: Mutex<Collected>,
}

#[derive(Debug)]
struct Collected {
    /// `None` once it has got its reply.
    client: Option<Client>,
    /// By their first row.
    answers: BTreeMap<u32, Answer>,
    rows: u32,
}

impl Parts {
    fn new(rows: u32, client: Client) -> Self {
        let collected = Collected { client: Some(client), answers: BTreeMap::new(), rows: 0 };
        Self { rows, collected: Mutex::new(collected) }
    }

    fn take(&self, first_row: u32, reply: Reply) {
        let mut collected = self.collected();
        if collected.is_closed() {
            return;
        }
        let reply = match reply {
            Ok(answer) => {
                collected.rows += answer.rows;
                collected.answers.insert(first_row, answer);
                if collected.rows < self.rows {
                    return;
                }
                let answers = std::mem::take(&mut collected.answers);
                Ok(Replied::Parts(answers.into_values().collect()))
            }
            Err(error) => {
                // What they take of the memory is given back at once.
                collected.answers.clear();
                Err(error)
            }
        };
        if let Some(client) = collected.client.take() {
            drop(client.send(reply));
        }
    }

    fn collected(&self) -> MutexGuard<'_, Collected> {
        // Whole between any two statements.
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collected {
    fn is_closed(&self) -> bool {
        self.client.as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::memory_budget::MemoryBudget;
    use crate::request::Compute;
    use crate::tensor::Structure;

    fn answer(rows: u32) -> Answer {
        Answer {
            outputs: vec![],
            structure: Structure::Tensor,
            rows,
            is_batched: true,
            waited: Duration::ZERO,
            compute: Compute::default(),
            memory: MemoryBudget::new(0).reservation(),
        }
    }

    /// To five rows in parts of two, two and one.
    fn parts() -> ([ReplyTo; 3], oneshot::Receiver<Result<Replied, RequestError>>) {
        let (client, replied) = oneshot::channel();
        let (first, rest) = ReplyTo::Client(client).split(2, 5);
        let (second, third) = rest.split(2, 3);
        ([first, second, third], replied)
    }

    #[test]
    fn the_answers_to_all_parts_come_in_the_order_of_their_rows() {
        let ([first, second, third], mut replied) = parts();
        third.send(Ok(answer(1)));
        first.send(Ok(answer(2)));
        assert!(replied.try_recv().is_err());
        // One that ran out of memory is answered in halves.
        let (half, other) = second.split(1, 2);
        other.send(Ok(answer(1)));
        half.send(Ok(answer(1)));
        let Ok(Ok(Replied::Parts(answers))) = replied.try_recv() else { panic!() };
        assert_eq!(answers.iter().map(|it| it.rows).collect::<Vec<_>>(), [2, 1, 1, 1]);
    }

    #[test]
    fn the_first_part_that_fails_fails_the_request_and_nobody_waits_for_the_others() {
        let ([first, second, third], mut replied) = parts();
        first.send(Ok(answer(2)));
        assert!(!third.is_closed());
        second.send(Err(RequestError::ModelThrew("no".into())));
        assert!(third.is_closed());
        third.send(Err(RequestError::Internal("too late".into())));
        assert!(matches!(replied.try_recv(), Ok(Err(RequestError::ModelThrew(_)))));
    }

    #[test]
    fn parts_of_a_client_that_has_gone_are_closed() {
        let ([first, second, _], replied) = parts();
        assert!(!first.is_closed() && !second.is_closed());
        drop(replied);
        assert!(first.is_closed() && second.is_closed());
    }
}
