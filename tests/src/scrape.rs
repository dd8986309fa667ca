//! The metrics as Prometheus would read them.

use std::collections::{BTreeMap, BTreeSet};

/// One scrape of `/metrics`.
#[derive(Clone, Debug)]
pub struct Scrape {
    samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    /// Reads the text format. Label values of Forge hold neither commas nor quotes.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { samples: lines.map(Sample::parse).collect() }
    }

    /// The value of the one sample with this name and these labels among its own.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.matching(name, labels);
        match found.as_slice() {
            [sample] => sample.value,
            _ => panic!("{} samples of {name} {labels:?}: {found:?}", found.len()),
        }
    }

    /// The sum over all samples with this name and these labels among their own.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).iter().map(|sample| sample.value).sum()
    }

    /// Whether there is such a sample.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        !self.matching(name, labels).is_empty()
    }

    /// The labels of the samples with this name; `None` where there is no such sample.
    pub fn labels_of(&self, name: &str) -> Option<BTreeSet<&str>> {
        let samples = self.matching(name, &[]);
        let labels = samples.iter().flat_map(|sample| sample.labels.keys()).map(String::as_str);
        (!samples.is_empty()).then(|| labels.collect())
    }

    /// Every value of a label.
    pub fn label_values(&self, label: &str) -> Vec<&str> {
        let mut values: Vec<&str> =
            self.samples.iter().filter_map(|s| s.labels.get(label)).map(String::as_str).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    fn matching(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let has = |sample: &Sample, (label, value): &(&str, &str)| {
            sample.labels.get(*label).is_some_and(|own| own == value)
        };
        let matches =
            |sample: &&Sample| sample.name == name && labels.iter().all(|label| has(sample, label));
        self.samples.iter().filter(matches).collect()
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').expect("a name and a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.trim_end_matches('}').split(',').filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (label, value) = pair.split_once('=').expect("a label and its value");
            (label.to_owned(), value.trim_matches('"').to_owned())
        };
        Self {
            name: name.to_owned(),
            labels: labels.map(pair).collect(),
            value: value.parse().expect("a number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let text = "# HELP a x\na{model=\"m\",le=\"0.5\"} 3\na{model=\"n\",le=\"+Inf\"} 4\nb 1e3\n";
        let scrape = Scrape::parse(text);
        assert_eq!(scrape.value("a", &[("model", "m")]), 3.0);
        assert_eq!(scrape.value("a", &[("le", "+Inf"), ("model", "n")]), 4.0);
        assert_eq!(scrape.value("b", &[]), 1000.0);
        assert_eq!(scrape.sum("a", &[]), 7.0);
        assert!(!scrape.has("a", &[("model", "o")]));
        assert_eq!(scrape.label_values("model"), ["m", "n"]);
        assert!(scrape.labels_of("a").unwrap().into_iter().eq(["le", "model"]));
        assert_eq!(scrape.labels_of("c"), None);
    }
}
