//! Models, their versions and the route between a name and the version that answers for it.

mod admitted;
mod interface;
mod registry;
mod version;

pub use admitted::{Admitted, Expired};
pub use interface::{GivenInput, Input, Interface, InterfaceError, NamedInput, RowTensor};
pub use registry::{Model, ModelState, ModelStatus, Registry};
pub use version::{Example, Pending, Version, VersionId, VersionSettings, answer};
