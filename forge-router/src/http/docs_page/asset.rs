//! The files that the page loads.

use super::super::error::HttpError;
use super::archive::{self, Entry};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// Swagger UI.
    Script,
    Style,
    /// Starts Swagger UI over `/openapi.json`.
    Start,
    Icon,
}

const START: &str = include_str!("start.js");

impl Asset {
    pub const ALL: [Self; 4] = [Self::Script, Self::Style, Self::Start, Self::Icon];

    /// The asset of this name below `/docs/`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|asset| asset.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Script => "swagger-ui-bundle.js",
            Self::Style => "swagger-ui.css",
            Self::Start => "start.js",
            Self::Icon => "favicon-32x32.png",
        }
    }

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Script | Self::Start => "text/javascript; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Icon => "image/png",
        }
    }

    /// Its content; a missing one is a mistake of Forge's, which a test would have found.
    pub fn entry(self) -> Result<Entry<'static>, HttpError> {
        if self == Self::Start {
            return Ok(Entry::of_text(START));
        }
        let archive = utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
        let suffix = format!("/dist/{}", self.name());
        archive::find(archive, &suffix).map_err(|error| HttpError::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_is_there_and_is_found_by_its_name() {
        for asset in Asset::ALL {
            assert_eq!(Asset::named(asset.name()), Some(asset));
            let plain = asset.entry().unwrap().plain().unwrap();
            assert!(plain.len() > 100, "{asset:?}");
        }
        assert_eq!(Asset::named("index.html"), None);
    }

    /// Each file that the page names, and nothing of another server.
    #[test]
    fn the_page_loads_its_assets_and_nothing_else() {
        let page = include_str!("page.html");
        for asset in Asset::ALL {
            assert!(page.contains(&format!("\"docs/{}\"", asset.name())), "{asset:?}");
        }
        for text in [page, START] {
            assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("\"//"));
        }
    }
}
