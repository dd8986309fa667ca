//! Models, their versions and the route between a name and the version that answers for it.

mod admitted;
mod interface;
mod poison;
mod registry;
mod role;
mod route;
mod statistics;
mod traffic;
mod version;

pub use admitted::{Admitted, Expired};
pub use interface::{GivenInput, Input, Interface, InterfaceError, NamedInput, RowTensor};
pub use registry::{Model, ModelState, ModelStatus, Registry};
pub use role::{Role, Share, ShareError};
pub use route::{Canary, Named, Route, Wish};
pub use statistics::{BatchStatistics, Failures, Spent, Statistics};
pub use traffic::BatchKind;
pub use version::{Example, NotAdmitted, Version, VersionId, VersionSettings};
