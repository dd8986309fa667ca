//! The paths below `/v2`, as Triton has them.

use std::borrow::Cow;

pub use crate::http::predict::Target;
use crate::http::segment;
use crate::model::VersionId;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    Server,
    Live,
    Ready,
    Models,
    Model(Target<'a>),
    ModelReady(Target<'a>),
    Configuration(Target<'a>),
    /// Of every model where none is named.
    Statistics(Option<Target<'a>>),
    Infer(Target<'a>),
    Index,
    Load {
        model: Cow<'a, str>,
    },
    Unload {
        model: Cow<'a, str>,
    },
    SharedMemoryStatus,
    SharedMemoryRegister,
    SharedMemoryUnregister,
    /// Of traces and logs.
    Settings,
}

/// Where the segments after `v2` lead.
pub fn find<'a>(segments: &[&'a str]) -> Option<Route<'a>> {
    Some(match segments {
        [] => Route::Server,
        ["health", "live"] => Route::Live,
        ["health", "ready"] => Route::Ready,
        ["models"] => Route::Models,
        ["models", "stats"] => Route::Statistics(None),
        ["models", _, "trace", "setting"] | ["trace", "setting"] | ["logging"] => Route::Settings,
        ["models", model, "versions", version, rest @ ..] => {
            let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
            let version = version.parse().ok().filter(|_| is_number)?;
            of_model(Target { version: Some(VersionId(version)), ..target(model)? }, rest)?
        }
        ["models", model, rest @ ..] => of_model(target(model)?, rest)?,
        ["repository", "index"] => Route::Index,
        ["repository", "models", model, "load"] => Route::Load { model: segment::name(model)? },
        ["repository", "models", model, "unload"] => Route::Unload { model: segment::name(model)? },
        ["systemsharedmemory" | "cudasharedmemory", rest @ ..] => of_shared_memory(rest)?,
        _ => return None,
    })
}

impl Route<'_> {
    /// The methods it takes.
    pub fn allow(&self) -> &'static str {
        match self {
            Self::Infer(_)
            | Self::Index
            | Self::Load { .. }
            | Self::Unload { .. }
            | Self::SharedMemoryRegister
            | Self::SharedMemoryUnregister => "POST",
            Self::Settings => "GET, HEAD, POST",
            _ => "GET, HEAD",
        }
    }

    /// Whether it changes the server, which pages of other origins are never offered.
    pub fn changes_the_server(&self) -> bool {
        matches!(
            self,
            Self::Load { .. }
                | Self::Unload { .. }
                | Self::SharedMemoryRegister
                | Self::SharedMemoryUnregister
                | Self::Settings
        )
    }

    /// The model it is about; empty where it is about none.
    pub fn model(&self) -> &str {
        match self {
            Self::Model(target)
            | Self::ModelReady(target)
            | Self::Configuration(target)
            | Self::Statistics(Some(target))
            | Self::Infer(target) => &target.model,
            Self::Load { model } | Self::Unload { model } => model,
            _ => "",
        }
    }
}

fn target<'a>(model: &'a str) -> Option<Target<'a>> {
    Some(Target { model: segment::name(model)?, version: None })
}

fn of_model<'a>(target: Target<'a>, rest: &[&str]) -> Option<Route<'a>> {
    Some(match rest {
        [] => Route::Model(target),
        ["ready"] => Route::ModelReady(target),
        ["config"] => Route::Configuration(target),
        ["stats"] => Route::Statistics(Some(target)),
        ["infer"] => Route::Infer(target),
        _ => return None,
    })
}

fn of_shared_memory(rest: &[&str]) -> Option<Route<'static>> {
    Some(match rest {
        ["status"] | ["region", _, "status"] => Route::SharedMemoryStatus,
        ["region", _, "register"] => Route::SharedMemoryRegister,
        ["unregister"] | ["region", _, "unregister"] => Route::SharedMemoryUnregister,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(model: &str) -> Target<'_> {
        Target { model: model.into(), version: None }
    }

    #[test]
    fn paths_lead_where_triton_has_them() {
        let third = Target { version: Some(VersionId(3)), ..of("m") };
        for (path, expected) in [
            ("health/live", Some(Route::Live)),
            ("health/ready", Some(Route::Ready)),
            ("models", Some(Route::Models)),
            ("models/m", Some(Route::Model(of("m")))),
            ("models/m%2Dx", Some(Route::Model(of("m-x")))),
            ("models/m%2", None),
            ("models//infer", None),
            ("models/m/versions/3", Some(Route::Model(third.clone()))),
            ("models/m/versions/x", None),
            ("models/m/versions/", None),
            ("models/m/versions/+3", None),
            ("models/m/versions/99999999999999999999", None),
            ("models/m/versions/3/infer", Some(Route::Infer(third.clone()))),
            ("models/m/versions/3/ready", Some(Route::ModelReady(third))),
            ("models/m/infer", Some(Route::Infer(of("m")))),
            ("models/m/generate", None),
            ("models/m/config", Some(Route::Configuration(of("m")))),
            ("models/m/stats", Some(Route::Statistics(Some(of("m"))))),
            ("models/stats", Some(Route::Statistics(None))),
            ("models/m/trace/setting", Some(Route::Settings)),
            ("logging", Some(Route::Settings)),
            ("repository/index", Some(Route::Index)),
            ("repository/models/m/load", Some(Route::Load { model: "m".into() })),
            ("repository/models/m/unload", Some(Route::Unload { model: "m".into() })),
            ("systemsharedmemory/status", Some(Route::SharedMemoryStatus)),
            ("cudasharedmemory/region/r/status", Some(Route::SharedMemoryStatus)),
            ("cudasharedmemory/unregister", Some(Route::SharedMemoryUnregister)),
            ("systemsharedmemory/region/r/register", Some(Route::SharedMemoryRegister)),
            ("", None),
            ("unknown", None),
        ] {
            let segments: Vec<&str> = path.split('/').collect();
            assert_eq!(find(&segments), expected, "{path}");
        }
        assert_eq!(find(&[]), Some(Route::Server));
    }
}
