//! Asks a server: once to learn what it answers, then as a load.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use forge_benches::answers::Learned;
use forge_benches::load::{Connection, post};
use forge_benches::{Exchange, Expected, Load, Measured, Pace, Transport, run};

use crate::model::Model;
use crate::results::Round;
use crate::row::Row;
use crate::subject::Subject;

/// By which part of the largest number an answer may differ from libtorch's own.
const TOLERANCE: f64 = 1e-3;

/// An answer that takes longer is none.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A row and what libtorch answers to it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) row: Row,
    pub(crate) answer: Vec<f64>,
}

/// A server that was started with a model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client<'a> {
    pub(crate) subject: Subject,
    pub(crate) model: &'a Model,
    /// `host:port`
    pub(crate) address: &'a str,
}

impl Client<'_> {
    /// Asks for each row once, and compares the numbers with libtorch's. Under load an answer must
    /// then be as the one to the same row was.
    ///
    /// # Errors
    ///
    /// Where an answer is another one.
    pub(crate) async fn learn(&self, known: &[Known]) -> io::Result<Arc<[Exchange]>> {
        let path = self.subject.path(self.subject.protocol(self.model));
        let mut exchanges = Vec::new();
        for known in known {
            exchanges.push(self.learn_one(known, path).await?);
        }
        Ok(exchanges.into())
    }

    /// The same of another path.
    pub(crate) async fn learn_one(&self, known: &Known, path: &str) -> io::Result<Exchange> {
        let request = self.subject.protocol(self.model).request(self.model, &known.row);
        let request = post(self.address, path, &request.headers, &request.body);
        let mut connection = Connection::open(self.address, &Transport::Http1).await?;
        let exchanged = tokio::time::timeout(TIMEOUT, connection.exchange(&request)).await;
        let answer = exchanged.map_err(|_| io::Error::other("it does not answer"))??;
        let protocol = self.subject.answer_protocol(self.model);
        compare(&protocol.numbers(&answer)?, &known.answer)?;
        let expected = match protocol.form() {
            Some(form) => {
                let learned = Learned::new(form, TOLERANCE, &answer).map_err(io::Error::other)?;
                Expected::Like(Box::new(learned))
            }
            // Its last bits may depend on the batch.
            None if known.answer.len() > 1 => Expected::Anything,
            None => Expected::containing(answer.body),
        };
        Ok(Exchange { request, expected })
    }

    /// Sends requests in turn at this pace.
    ///
    /// # Errors
    ///
    /// Where nothing could be sent.
    pub(crate) async fn load(
        &self,
        exchanges: &Arc<[Exchange]>,
        pace: Pace,
        duration: Duration,
    ) -> io::Result<Measured> {
        let load = Load {
            address: self.address.to_owned(),
            transport: Transport::Http1,
            exchanges: Arc::clone(exchanges),
            pace,
            duration,
            timeout: TIMEOUT,
        };
        run(&load).await.map_err(io::Error::other)
    }

    /// A closed loop, of which a short one before does not count.
    ///
    /// # Errors
    ///
    /// Where an answer was wrong or none.
    pub(crate) async fn round(
        &self,
        exchanges: &Arc<[Exchange]>,
        connections: usize,
        duration: Duration,
    ) -> io::Result<Round> {
        let pace = Pace::Closed { connections };
        self.load(exchanges, pace, duration / 5).await?.only_right()?;
        let measured = self.load(exchanges, pace, duration).await?.only_right()?;
        Ok(Round::of(&measured))
    }
}

impl Round {
    pub(crate) fn of(measured: &Measured) -> Self {
        let micros = |quantile| measured.answered.from_due.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            per_second: measured.requests_per_second(),
            median_micros: micros(0.5),
            p99_micros: micros(0.99),
        }
    }
}

fn compare(numbers: &[f64], right: &[f64]) -> io::Result<()> {
    let largest = right.iter().fold(0.0_f64, |largest, number| largest.max(number.abs()));
    let differs = |(one, other): (&f64, &f64)| {
        // So that what is no number differs, too.
        let apart = (one - other).abs();
        apart.is_nan() || apart > TOLERANCE * largest
    };
    if numbers.len() != right.len() || std::iter::zip(numbers, right).any(differs) {
        let some = |numbers: &[f64]| format!("{:?}…", &numbers[..numbers.len().min(4)]);
        return Err(io::Error::other(format!(
            "it answers {} numbers, {}, and libtorch {}, {}",
            numbers.len(),
            some(numbers),
            right.len(),
            some(right)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_differ_by_a_part_of_the_largest() {
        assert!(compare(&[100.0, 0.05], &[100.05, 0.0]).is_ok());
        assert!(compare(&[100.0, 0.2], &[100.0, 0.0]).is_err());
        assert!(compare(&[100.0], &[100.0, 0.0]).is_err());
        assert!(compare(&[f64::NAN], &[1.0]).is_err());
    }
}
