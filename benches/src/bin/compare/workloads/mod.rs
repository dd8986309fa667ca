//! The workloads, each with a file of its own where it is more than a [`Plan`](crate::turns::Plan).

mod costs;
mod idle;
mod many;
pub(crate) mod names;
mod open;
mod plans;
mod real;

use std::io;

use clap::ValueEnum;

use crate::results::Results;
use crate::turns::Scope;

/// What is asked of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// `x * 2` on 128 floats: nothing but overhead
    Double,
    /// a multi-layer perceptron of 200,000 weights
    Mlp,
    /// an image of 602 kB, of which the mean is taken
    Image,
    /// embeddings of texts of several lengths
    Minilm,
    /// images classified
    Resnet,
    /// 100 models at once
    Many,
    /// 1,000 connections that are open and ask nothing
    Idle,
    /// requests at a constant rate, also of twice what is possible
    Open,
    /// CPU time, memory and start of Forge
    Costs,
}

impl Workload {
    /// Measures it.
    ///
    /// # Errors
    ///
    /// Where nothing can be measured. That a server fails is part of the results.
    pub(crate) async fn run(self, scope: &Scope, results: &mut Results) -> io::Result<()> {
        match self {
            Self::Double => plans::double().on(&scope.device).run(scope, results).await,
            Self::Mlp => plans::mlp().run(scope, results).await,
            Self::Image => plans::image().run(scope, results).await,
            Self::Minilm => real::run(&plans::minilm(), scope, results).await,
            Self::Resnet => real::run(&plans::resnet().on(&scope.device), scope, results).await,
            Self::Many => many::run(scope, results).await,
            Self::Idle => idle::run(scope, results).await,
            Self::Open => open::run(scope, results).await,
            Self::Costs => costs::run(scope, results).await,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Double => names::DOUBLE,
            Self::Mlp => names::MLP,
            Self::Image => names::IMAGE,
            Self::Minilm => names::MINILM,
            Self::Resnet => names::RESNET,
            Self::Many => names::MANY,
            Self::Idle => names::IDLE,
            Self::Open => names::OPEN,
            Self::Costs => names::COSTS,
        }
    }
}
