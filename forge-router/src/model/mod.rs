//! Models, their versions and the route between a name and the version that answers for it.

mod admitted;
mod interface;
mod registry;
mod version;

pub use admitted::{Admitted, Expired};
pub use interface::{Interface, InterfaceError, NamedInput};
pub use registry::{Model, ModelState, ModelStatus, Registry};
pub use version::{Pending, Version, VersionId, VersionSettings, answer};
