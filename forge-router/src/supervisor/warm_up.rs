//! What a worker runs before any client's batch: through the real rings.

use forge_ipc::ControlError;
use tracing::{info, warn};

use super::control::Control;
use super::handshake::{self, HandshakeError};
use super::incarnation::Turn;
use super::plan::WorkerPlan;
use super::warm;
use crate::dispatch::WorkerLink;
use crate::logging::one_line;
use crate::model::{Interface, Version};
use crate::request::RequestError;

/// Why a worker is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotWarmed {
    /// It ends, and how it does tells more.
    #[error("the control socket is closed")]
    Gone,
    #[error("{0}")]
    Failed(String),
}

/// Runs the batches the worker is to be ready for, and has the model's state put back.
pub async fn warm_up(
    plan: &WorkerPlan,
    control: &Control,
    link: &WorkerLink,
    version: &Version,
    turn: Turn,
) -> Result<(), NotWarmed> {
    let interface = version.interface();
    let kinds = plan.last_kinds(interface.smallest_row().as_deref(), turn);
    if kinds.is_empty() {
        return Ok(());
    }
    let patience = plan.config().load_timeout;
    let warm = async {
        let warmed = warm::warm(link, &kinds).await;
        if let Ok(number) = warmed
            && let Err(cause) = compare_lengths(number, link, interface).await
        {
            info!(model = %plan.model().name, "which outputs follow the length is told by their size \
                alone, as the model does not run on made-up inputs of two lengths: {}",
                one_line(&cause.to_string()));
        }
        // A model that refuses zeros can be served all the same; a worker that is lost cannot settle.
        if warmed.is_ok() || matches!(warmed, Err(RequestError::ModelThrew(_))) {
            let settled = handshake::settle(control).await;
            tell_state(plan, &settled.map_err(not_settled)?);
        }
        Ok::<_, NotWarmed>(warmed)
    };
    let Ok(warmed) = tokio::time::timeout(patience, warm).await else {
        let late = format!("it took longer than {patience:?} (load_timeout_s)");
        return Err(NotWarmed::Failed(late));
    };
    match warmed? {
        // 1 in a free dimension, or what another version was sent, may be what this model does not
        // take, which is no fault of it.
        Err(RequestError::ModelThrew(cause)) if interface.fixed_row().is_none() => {
            info!(model = %plan.model().name, "not warmed, as it does not run on made-up inputs: {}",
                one_line(&cause));
            Ok(())
        }
        Ok(number) => {
            version.warmed_with(number);
            Ok(())
        }
        Err(error) => Err(NotWarmed::Failed(error.to_string())),
    }
}

/// Finds out which outputs are as long as the rows, where some are to be cut: an output may have that size
/// by chance, but not at two lengths.
async fn compare_lengths(
    number: u8,
    link: &WorkerLink,
    interface: &Interface,
) -> Result<(), RequestError> {
    let Some([(one, row), (other, other_row)]) = interface.rows_to_compare() else {
        return Ok(());
    };
    let outputs = warm::outputs(number, link, &row).await?;
    let of_other = warm::outputs(number, link, &other_row).await?;
    interface.learn_outputs([one, other], [&outputs, &of_other]);
    Ok(())
}

fn not_settled(error: HandshakeError) -> NotWarmed {
    match error {
        HandshakeError::Control(ControlError::Closed) => NotWarmed::Gone,
        error => NotWarmed::Failed(error.to_string()),
    }
}

/// Warns, once for each version, of a model whose answers depend on the requests before.
fn tell_state(plan: &WorkerPlan, changed: &[String]) {
    if changed.is_empty() || !plan.version.is_first_to_tell_of_state() {
        return;
    }
    warn!(model = %plan.model().name, "the model changes its buffer {} when it runs: such state is kept \
        by each worker for itself and shared by all clients. It was put back to what the file holds",
        changed.join(", "));
}
