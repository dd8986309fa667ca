//! The closed sets of values that labels other than `model` can take.
//!
//! They are enums so that neither a client nor a growing version number can ever become a label
//! value: the number of series per model is a constant.

/// Declares an enum whose variants carry a label value, with `ALL` in declaration order.
macro_rules! label_values {
    ($(#[$doc:meta])* $vis:vis $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $value:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every value, in declaration order.
            $vis const ALL: [$name; [$($value),+].len()] = [$($name::$variant),+];

            /// The value as it appears in the label.
            $vis const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $value),+ }
            }

            /// Position in [`Self::ALL`].
            #[allow(dead_code, reason = "not every set is an array's index")]
            pub(super) const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label_values! {
    /// How a request ended. Each received request ends in exactly one of these.
    pub Outcome {
        /// Answered with the model's output.
        Success => "success",
        /// The deadline passed, in the queue or while the batch ran.
        Timeout => "timeout",
        /// Answered with an error: the input was bad, or the model or its worker failed.
        Error => "error",
        /// Refused for want of room: queue full, memory bound, not ready, draining.
        Rejected => "rejected",
        /// The client went away before there was an answer.
        Cancelled => "cancelled",
    }
}

label_values! {
    /// Where a request's time goes.
    pub(super) Phase {
        /// Body bytes to tensors.
        Decode => "decode",
        /// Admission to the cut of the batch.
        Queue => "queue",
        /// All that the worker did for the batch the request was in, by its own measure.
        Compute => "compute",
        /// Tensors to body bytes.
        Encode => "encode",
    }
}

label_values! {
    /// What the compute phase consists of.
    pub(super) ComputePhase {
        /// Until the model has its inputs.
        Input => "input",
        /// The forward pass.
        Infer => "infer",
        /// Until the outputs are on their way to the router.
        Output => "output",
    }
}

label_values! {
    /// A worker's place in its life cycle.
    pub WorkerState {
        /// The process exists and loads its model.
        Starting => "starting",
        /// The model is loaded and runs its first batches.
        Warming => "warming",
        /// Takes batches.
        Ready => "ready",
        /// Finishes what it has and takes nothing new.
        Draining => "draining",
        /// Told to leave, not yet gone.
        Retired => "retired",
        /// Died, and waits for its replacement.
        Crashed => "crashed",
    }
}

label_values! {
    /// Which of a model's versions answers a request.
    pub Role {
        /// The one that answers whatever a canary does not.
        Stable => "stable",
        /// The one on trial.
        Canary => "canary",
    }
}

label_values! {
    /// Which process slept through a wake-up.
    pub(super) Side {
        /// The router waited for a completion.
        Router => "router",
        /// The worker waited for a batch.
        Worker => "worker",
    }
}

label_values! {
    /// What a position of a padded row is.
    pub(super) Position {
        /// The client sent it.
        Own => "own",
        /// It only makes the row as long as the others.
        Padding => "padding",
    }
}

impl Outcome {
    /// Whether the latency of a request that ended so belongs in the latency histogram.
    ///
    /// Refusals and bad input are answered in microseconds and would flatter the percentiles of a
    /// model in trouble; time-outs are kept because leaving out the slowest would flatter them too.
    pub const fn has_latency(self) -> bool {
        matches!(self, Outcome::Success | Outcome::Timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_finds_its_own_value_in_all() {
        assert!(Outcome::ALL.iter().enumerate().all(|(i, value)| value.index() == i));
        assert!(Phase::ALL.iter().enumerate().all(|(i, value)| value.index() == i));
        assert!(ComputePhase::ALL.iter().enumerate().all(|(i, value)| value.index() == i));
        assert!(WorkerState::ALL.iter().enumerate().all(|(i, value)| value.index() == i));
        assert!(Side::ALL.iter().enumerate().all(|(i, value)| value.index() == i));
        assert!(Position::ALL.iter().enumerate().all(|(i, value)| value.index() == i));
    }

    #[test]
    fn only_answers_and_time_outs_have_a_latency() {
        let with_latency: Vec<_> =
            Outcome::ALL.into_iter().filter(|outcome| outcome.has_latency()).collect();
        assert_eq!(with_latency, [Outcome::Success, Outcome::Timeout]);
    }
}
