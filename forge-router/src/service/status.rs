//! The state of the whole server in one line, for `systemctl status`.

use crate::http::Phase;
use crate::model::ModelState;

/// What the server does now, and with how many models.
pub fn status(phase: Phase, models: impl Iterator<Item = ModelState>) -> String {
    let states: Vec<ModelState> = models.collect();
    let count = |wanted| states.iter().filter(|state| **state == wanted).count();
    let total = match states.len() {
        1 => "1 model".to_owned(),
        models => format!("{models} models"),
    };
    let degraded = match count(ModelState::Degraded) {
        0 => String::new(),
        models => format!(", {models} degraded"),
    };
    match phase {
        Phase::Loading => format!("loading {} of {total}", count(ModelState::Loading)),
        Phase::Serving => format!("serving {total}{degraded}"),
        Phase::Draining | Phase::Refusing => "draining".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_counts_what_matters_in_each_phase() {
        use ModelState::{Degraded, Loading, Ready};
        for (phase, states, expected) in [
            (Phase::Loading, &[Loading, Ready, Loading][..], "loading 2 of 3 models"),
            (Phase::Loading, &[Loading], "loading 1 of 1 model"),
            (Phase::Serving, &[Ready, Ready, Ready], "serving 3 models"),
            (Phase::Serving, &[Ready, Degraded], "serving 2 models, 1 degraded"),
            (Phase::Draining, &[Ready], "draining"),
            (Phase::Refusing, &[Ready], "draining"),
        ] {
            assert_eq!(status(phase, states.iter().copied()), expected);
        }
    }
}
