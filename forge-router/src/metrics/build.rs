//! Building single series out of constant names and labels.

use prometheus::core::{Collector, Desc, Describer};
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, Opts};

use super::names::Family;

/// Label names and values of one series.
pub(super) type Labels<'a> = [(&'static str, &'a str)];

/// Builds series that share one `model` label and remembers them for the scrape.
pub(super) struct ModelBuilder<'a> {
    model: (&'static str, &'a str),
    built: Vec<Box<dyn Collector>>,
}

impl<'a> ModelBuilder<'a> {
    pub(super) fn new(label: &'static str, model: &'a str) -> ModelBuilder<'a> {
        ModelBuilder { model: (label, model), built: Vec::new() }
    }

    pub(super) fn counter(&mut self, family: &Family, extra: &Labels<'_>) -> IntCounter {
        let counter = counter(family, &self.labels(extra));
        self.remember(counter)
    }

    pub(super) fn gauge(&mut self, family: &Family, extra: &Labels<'_>) -> IntGauge {
        let gauge = gauge(family, &self.labels(extra));
        self.remember(gauge)
    }

    /// A gauge of a number between 0 and 1.
    pub(super) fn share(&mut self, family: &Family) -> Gauge {
        let gauge = constant(Gauge::with_opts(options(family, &self.labels(&[]))));
        self.remember(gauge)
    }

    pub(super) fn histogram(
        &mut self,
        family: &Family,
        extra: &Labels<'_>,
        buckets: &[f64],
    ) -> Histogram {
        let options = HistogramOpts {
            common_opts: options(family, &self.labels(extra)),
            buckets: buckets.to_vec(),
        };
        self.remember(constant(Histogram::with_opts(options)))
    }

    /// Everything built so far.
    pub(super) fn finish(self) -> Vec<Box<dyn Collector>> {
        self.built
    }

    fn labels<'b>(&self, extra: &[(&'static str, &'b str)]) -> Vec<(&'static str, &'b str)>
    where
        'a: 'b,
    {
        std::iter::once(self.model).chain(extra.iter().copied()).collect()
    }

    /// Handles of this crate are shared counters: the clone reads what the original counts.
    fn remember<M: Collector + Clone + 'static>(&mut self, series: M) -> M {
        self.built.push(Box::new(series.clone()));
        series
    }
}

pub(super) fn counter(family: &Family, labels: &Labels<'_>) -> IntCounter {
    constant(IntCounter::with_opts(options(family, labels)))
}

pub(super) fn gauge(family: &Family, labels: &Labels<'_>) -> IntGauge {
    constant(IntGauge::with_opts(options(family, labels)))
}

pub(super) fn desc(family: &Family, labels: &Labels<'_>) -> Desc {
    constant(options(family, labels).describe())
}

/// Takes the value out of a result that cannot be an error.
///
/// The crate rejects bad metric names, label names and buckets, never label *values*. The former
/// are all constants of [`super::names`], and the tests of this module register every one of them.
#[expect(clippy::expect_used, reason = "fails only on constants, all of which the tests build")]
pub(super) fn constant<T>(result: prometheus::Result<T>) -> T {
    result.expect("names, labels and buckets are valid constants")
}

fn options(family: &Family, labels: &Labels<'_>) -> Opts {
    labels.iter().fold(Opts::new(family.name, family.help), |options, (name, value)| {
        options.const_label(*name, *value)
    })
}
