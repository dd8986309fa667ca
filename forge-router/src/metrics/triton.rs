//! The counts of versions under the names of Triton's metrics.
//!
//! They exist only where the config asks for them. A version's series begin at 0 with it and vanish with
//! it: the label `version` is Triton's, and the only one of Forge's whose values are not fixed.

use prometheus::proto::{LabelPair, MetricFamily, MetricType};

use super::names::{self, Family};
use super::sample::{counter, family, gauge, label};

/// What one version has counted, in Triton's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TritonCounts {
    pub model: String,
    pub version: u64,
    /// Requests.
    pub success: u64,
    /// Requests by the reason of their failure.
    pub failure: TritonFailures,
    /// Rows.
    pub inferences: u64,
    /// Batches.
    pub executions: u64,
    /// Microseconds of all successful requests together, as the five that follow.
    pub request_us: u64,
    pub queue_us: u64,
    pub compute_input_us: u64,
    pub compute_infer_us: u64,
    pub compute_output_us: u64,
    /// Requests that nothing runs yet.
    pub pending: u64,
}

/// The values of the label `reason`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TritonFailures {
    pub rejected: u64,
    pub canceled: u64,
    pub backend: u64,
    pub other: u64,
}

/// The families of these versions, sorted by name; none where there is no version.
pub(super) fn families(versions: &[TritonCounts]) -> Vec<MetricFamily> {
    if versions.is_empty() {
        return Vec::new();
    }
    let count = |names: &Family, value: fn(&TritonCounts) -> u64| {
        let metrics = versions.iter().map(|version| counter(&labels(version), value(version)));
        family(names, MetricType::COUNTER, metrics.collect())
    };
    let pending = versions.iter().map(|version| gauge(&labels(version), version.pending));
    vec![
        count(&names::TRITON_INFER_DURATION, |version| version.compute_infer_us),
        count(&names::TRITON_INPUT_DURATION, |version| version.compute_input_us),
        count(&names::TRITON_OUTPUT_DURATION, |version| version.compute_output_us),
        count(&names::TRITON_COUNT, |version| version.inferences),
        count(&names::TRITON_EXEC_COUNT, |version| version.executions),
        family(&names::TRITON_PENDING, MetricType::GAUGE, pending.collect()),
        count(&names::TRITON_QUEUE_DURATION, |version| version.queue_us),
        count(&names::TRITON_REQUEST_DURATION, |version| version.request_us),
        failures(versions),
        count(&names::TRITON_SUCCESS, |version| version.success),
    ]
}

fn failures(versions: &[TritonCounts]) -> MetricFamily {
    let of_version = |version: &TritonCounts| {
        let own = labels(version);
        let TritonFailures { rejected, canceled, backend, other } = version.failure;
        let reasons = [
            ("REJECTED", rejected),
            ("CANCELED", canceled),
            ("BACKEND", backend),
            ("OTHER", other),
        ];
        reasons.map(|(reason, count)| {
            let [model, version] = own.clone();
            counter(&[model, label(names::LABEL_REASON, reason), version], count)
        })
    };
    let metrics = versions.iter().flat_map(of_version).collect();
    family(&names::TRITON_FAILURE, MetricType::COUNTER, metrics)
}

fn labels(version: &TritonCounts) -> [LabelPair; 2] {
    [
        label(names::LABEL_MODEL, &version.model),
        label(names::LABEL_VERSION, &version.version.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    fn text(versions: &[TritonCounts]) -> String {
        TextEncoder::new().encode_to_string(&families(versions)).unwrap()
    }

    #[test]
    fn each_count_has_the_name_that_triton_gives_it() {
        let failure = TritonFailures { rejected: 21, canceled: 22, backend: 23, other: 24 };
        let counts = TritonCounts {
            model: "m".to_owned(),
            version: 3,
            success: 1,
            failure,
            inferences: 4,
            executions: 5,
            request_us: 6,
            queue_us: 7,
            compute_input_us: 8,
            compute_infer_us: 9,
            compute_output_us: 10,
            pending: 11,
        };
        let text = text(&[counts]);
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples: Vec<_> =
            samples.map(|line| line.split_once("inference_").unwrap().1).collect();
        assert_eq!(
            samples,
            [
                "compute_infer_duration_us{model=\"m\",version=\"3\"} 9",
                "compute_input_duration_us{model=\"m\",version=\"3\"} 8",
                "compute_output_duration_us{model=\"m\",version=\"3\"} 10",
                "count{model=\"m\",version=\"3\"} 4",
                "exec_count{model=\"m\",version=\"3\"} 5",
                "pending_request_count{model=\"m\",version=\"3\"} 11",
                "queue_duration_us{model=\"m\",version=\"3\"} 7",
                "request_duration_us{model=\"m\",version=\"3\"} 6",
                "request_failure{model=\"m\",reason=\"REJECTED\",version=\"3\"} 21",
                "request_failure{model=\"m\",reason=\"CANCELED\",version=\"3\"} 22",
                "request_failure{model=\"m\",reason=\"BACKEND\",version=\"3\"} 23",
                "request_failure{model=\"m\",reason=\"OTHER\",version=\"3\"} 24",
                "request_success{model=\"m\",version=\"3\"} 1",
            ]
        );
        let types: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        assert_eq!(types, names::EXPORTED_FOR_TRITON);
    }

    #[test]
    fn without_a_version_nothing_is_announced() {
        assert_eq!(text(&[]), "");
    }
}
