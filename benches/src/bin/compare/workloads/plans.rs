//! One model under several closed loops.

use crate::model::Model;
use crate::row::Row;
use crate::turns::{Case, Plan};

use super::names;

/// As texts come: most are short.
const LENGTHS: [usize; 8] = [8, 12, 16, 24, 32, 48, 64, 128];

pub(super) fn double() -> Plan {
    let case = |name, connections| Case::of(name, connections, vec![Row::features(128)]);
    Plan {
        workload: names::DOUBLE,
        model: Model::double(),
        cases: vec![case(names::FIFTY, 50), case(names::TEN, 10), case(names::ONE, 1)],
        is_bare: true,
        times_longer: 1,
    }
}

pub(super) fn mlp() -> Plan {
    let case = |name, connections| Case::of(name, connections, vec![Row::features(768)]);
    Plan {
        workload: names::MLP,
        model: Model::mlp(),
        cases: vec![case(names::FIFTY, 50), case(names::ONE, 1)],
        is_bare: false,
        times_longer: 1,
    }
}

pub(super) fn image() -> Plan {
    let case = |name, connections| Case::of(name, connections, vec![Row::pixels()]);
    Plan {
        workload: names::IMAGE,
        model: Model::image_mean(),
        cases: vec![case(names::EIGHT, 8), case(names::ONE, 1)],
        is_bare: true,
        times_longer: 1,
    }
}

pub(super) fn minilm() -> Plan {
    let mixed = LENGTHS.map(|length| Row::tokens(length, 0)).to_vec();
    let padded = LENGTHS.map(|length| Row::tokens(length, 128)).to_vec();
    let full = Case::of(names::IN_PROCESS, 24, vec![Row::tokens(32, 0)]);
    Plan {
        workload: names::MINILM,
        model: Model::minilm(),
        cases: vec![
            Case::of(names::MIXED, 16, mixed),
            Case { only_forge: true, ..Case::of(names::PADDED, 16, padded) },
            Case { only_forge: true, ..full },
        ],
        is_bare: false,
        times_longer: 3,
    }
}

pub(super) fn resnet() -> Plan {
    let case = |name, connections| Case::of(name, connections, vec![Row::pixels()]);
    Plan {
        workload: names::RESNET,
        model: Model::resnet50(),
        cases: vec![case(names::IN_PROCESS, 24), case(names::ONE, 1)],
        is_bare: false,
        times_longer: 3,
    }
}

impl Plan {
    /// The same on another device. A GPU is kept busy by three full batches, as a CPU is.
    pub(super) fn on(mut self, device: &str) -> Self {
        self.model = self.model.on(device);
        for case in self.cases.iter_mut().filter(|case| case.name == names::IN_PROCESS) {
            case.connections = 3 * self.model.max_batch_size;
        }
        self
    }
}

impl Case {
    fn of(name: &'static str, connections: usize, rows: Vec<Row>) -> Self {
        Self { name, connections, rows, only_forge: false }
    }
}
