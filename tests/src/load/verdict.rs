//! What came of a load.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::http::Response;

/// How many of each kind of failure are kept word by word.
const MOST_WORDS: usize = 3;

/// The answers of a load.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Right answers by what the number was multiplied by.
    pub by_factor: BTreeMap<i16, u64>,
    /// Right answers by the version that gave them.
    pub by_version: BTreeMap<String, u64>,
    /// What each version multiplied by.
    factors: BTreeMap<String, i16>,
    /// Failures by kind, with the words of the first ones.
    failures: BTreeMap<String, Failures>,
    /// Of the right answers, in milliseconds.
    latencies: Vec<f32>,
}

#[derive(Clone, Debug, Default)]
struct Failures {
    count: u64,
    words: Vec<String>,
}

impl Verdict {
    /// How many were answered right.
    pub fn answered_right(&self) -> u64 {
        self.by_factor.values().sum()
    }

    /// How many failed in any way.
    pub fn failed(&self) -> u64 {
        self.failures.values().map(|failures| failures.count).sum()
    }

    /// The time within which this share of the right answers came, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f32::total_cmp);
        let rank = (share * sorted.len() as f64) as usize;
        sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().map_or(0.0, f64::from)
    }

    /// Nothing was lost, wrong, duplicated, late or refused, and something was answered.
    pub fn assert_clean(&self) {
        assert!(self.failed() == 0 && self.answered_right() > 0, "{self}");
    }

    // --- what the clients tell

    pub(super) fn answered(&mut self, factor: i16, version: &str, took: Duration) {
        let known = *self.factors.entry(version.to_owned()).or_insert(factor);
        if known != factor {
            self.wrong(&format!("version {version} multiplied by {known} and by {factor}"));
        }
        *self.by_factor.entry(factor).or_default() += 1;
        *self.by_version.entry(version.to_owned()).or_default() += 1;
        self.latencies.push(took.as_secs_f32() * 1000.0);
    }

    pub(super) fn refused(&mut self, response: &Response) {
        self.fail(&format!("refused with {}", response.status), &response.text());
    }

    pub(super) fn wrong(&mut self, words: &str) {
        self.fail("wrong", words);
    }

    pub(super) fn lost(&mut self, words: &str) {
        self.fail("lost", words);
    }

    pub(super) fn late(&mut self, words: &str) {
        self.fail("late", words);
    }

    pub(super) fn surplus(&mut self, words: &str) {
        self.fail("surplus", words);
    }

    fn fail(&mut self, kind: &str, words: &str) {
        let failures = self.failures.entry(kind.to_owned()).or_default();
        failures.count += 1;
        if failures.words.len() < MOST_WORDS {
            failures.words.push(words.to_owned());
        }
    }

    /// Both together.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        for (version, factor) in &other.factors {
            let known = *self.factors.entry(version.clone()).or_insert(*factor);
            if known != *factor {
                self.wrong(&format!("version {version} multiplied by {known} and by {factor}"));
            }
        }
        for (factor, count) in other.by_factor {
            *self.by_factor.entry(factor).or_default() += count;
        }
        for (version, count) in other.by_version {
            *self.by_version.entry(version).or_default() += count;
        }
        for (kind, Failures { count, words }) in other.failures {
            let failures = self.failures.entry(kind).or_default();
            failures.count += count;
            failures.words.extend(words);
            failures.words.truncate(MOST_WORDS);
        }
        self.latencies.extend(other.latencies);
        self
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} requests answered right {:?}",
            self.answered_right(),
            self.by_factor
        )?;
        for (kind, Failures { count, words }) in &self.failures {
            write!(formatter, "\n{count} {kind}: {}", words.join("\n    "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_version_that_answers_as_two_models_is_wrong() {
        let (mut one, mut other) = (Verdict::default(), Verdict::default());
        one.answered(2, "1", MS);
        other.answered(3, "2", MS);
        let both = one.clone().with(other.clone());
        assert_eq!((both.answered_right(), both.failed()), (2, 0));
        both.assert_clean();
        other.answered(3, "1", MS);
        assert_eq!(one.with(other).failed(), 1);
    }

    #[test]
    fn every_failure_counts_and_the_first_are_kept_in_words() {
        let mut verdict = Verdict::default();
        for number in 0..10 {
            verdict.lost(&format!("number {number}"));
        }
        assert_eq!(verdict.failed(), 10);
        let text = verdict.to_string();
        assert!(text.contains("10 lost") && text.contains("number 2"), "{text}");
        assert!(!text.contains("number 3"), "{text}");
    }

    #[test]
    #[should_panic = "0 requests answered"]
    fn a_load_without_an_answer_proves_nothing() {
        Verdict::default().assert_clean();
    }

    #[test]
    fn quantiles_are_those_of_the_right_answers() {
        let mut verdict = Verdict::default();
        for milliseconds in 1..=100 {
            verdict.answered(2, "1", MS * milliseconds);
        }
        assert!((verdict.quantile(0.5) - 51.0).abs() < 0.01);
        assert!((verdict.quantile(0.99) - 100.0).abs() < 0.01);
    }
}
