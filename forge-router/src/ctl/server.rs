//! What is asked of the server itself, apart from its models.

use std::fmt;
use std::pin::Pin;

use super::wire::ServerStatus;

/// Resolves once everything admitted has been answered.
pub type Idle<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The server, as the composition root makes it reachable.
pub trait Server: fmt::Debug + Send + Sync {
    fn status(&self) -> ServerStatus;

    /// Refuses new predictions, or takes them again. A server that ends takes none again.
    fn drain(&self, is_draining: bool);

    fn idle(&self) -> Idle<'_>;

    /// Ends it as a signal does; `at_once` as a second one does.
    fn end(&self, at_once: bool);
}
