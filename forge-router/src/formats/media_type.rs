//! Which format a body is in, and which ones its client accepts for the answer (RFC 9110, sections
//! 8.3 and 12.5.1).

use super::{Format, FormatError};

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    Tensors(Format),
    /// A JPEG or a PNG: its first bytes tell which.
    Image,
}

/// What a `Content-Type` says of the body; without one it is JSON.
///
/// JSON is also what comes as a form or as plain text: `curl -d` and a browser's `fetch` call it so
/// unless they are told otherwise.
pub fn given(content_type: Option<&str>) -> Result<Given, FormatError> {
    // What nearly all say is not taken apart.
    let Some(content_type) = content_type.filter(|it| *it != Format::Json.media_type()) else {
        return Ok(Given::Tensors(Format::Json));
    };
    let essence = essence(content_type);
    let format = match essence.as_str() {
        "application/x-www-form-urlencoded" | "text/plain" | "" => Format::Json,
        "image/jpeg" | "image/jpg" | "image/png" => return Ok(Given::Image),
        other => named(other)
            .ok_or_else(|| FormatError::UnknownType { given: other.chars().take(100).collect() })?,
    };
    Ok(Given::Tensors(format))
}

/// A parameter of a media type, as in `application/octet-stream; dtype=float32`.
pub fn parameter<'a>(content_type: &'a str, name: &str) -> Option<&'a str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// The formats that a client accepts, the one it would have first. `own` is the one its body came
/// in: what it gets where it leaves the choice, without an `Accept` or by `*/*`.
///
/// # Errors
/// [`FormatError::NotAcceptable`] where it accepts nothing that there is.
pub fn acceptable<'a>(
    accept: impl IntoIterator<Item = &'a str>,
    own: Format,
) -> Result<Vec<Format>, FormatError> {
    let ranges: Vec<Range> =
        accept.into_iter().flat_map(|header| header.split(',')).filter_map(Range::read).collect();
    let mut formats = by_preference(own);
    if ranges.is_empty() {
        return Ok(formats);
    }
    let quality = |format: &Format| {
        let matching = ranges.iter().filter(|range| range.includes(*format));
        // The more exact range counts: "*/*;q=0.1, application/json;q=0" accepts no JSON.
        matching.max_by_key(|range| range.exactness()).map_or(0, |range| range.quality)
    };
    formats.retain(|format| quality(format) > 0);
    // Stable: where the client has no preference, Forge's counts.
    formats.sort_by_key(|format| std::cmp::Reverse(quality(format)));
    if formats.is_empty() {
        let names: Vec<&str> = Format::ALL.into_iter().map(Format::media_type).collect();
        return Err(FormatError::NotAcceptable(format!("there are {}", names.join(", "))));
    }
    Ok(formats)
}

fn by_preference(own: Format) -> Vec<Format> {
    std::iter::once(own).chain(Format::ALL.into_iter().filter(|format| *format != own)).collect()
}

fn named(essence: &str) -> Option<Format> {
    Some(match essence {
        "application/json" | "text/json" => Format::Json,
        "application/octet-stream" => Format::Raw,
        "application/x-npy" | "application/npy" | "application/x-numpy" => Format::Npy,
        "application/x-npz" | "application/npz" | "application/zip" => Format::Npz,
        "application/vnd.safetensors" | "application/x-safetensors" | "application/safetensors" => {
            Format::Safetensors
        }
        other if other.starts_with("application/") && other.ends_with("+json") => Format::Json,
        _ => return None,
    })
}

/// Type and subtype without parameters, in lower case.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// One range of an `Accept`.
struct Range {
    essence: String,
    /// In thousandths.
    quality: u32,
}

impl Range {
    /// `None` for what is empty; a quality that is no number is 1, as if it were not there.
    fn read(text: &str) -> Option<Self> {
        let essence = essence(text);
        let quality = parameter(text, "q").and_then(|quality| quality.parse::<f32>().ok());
        let quality = quality.filter(|quality| (0.0..=1.0).contains(quality)).unwrap_or(1.0);
        (!essence.is_empty()).then_some(Self { essence, quality: (quality * 1000.0) as u32 })
    }

    fn includes(&self, format: Format) -> bool {
        match self.essence.as_str() {
            "*/*" | "*" => true,
            "application/*" => true,
            exact => named(exact) == Some(format),
        }
    }

    fn exactness(&self) -> u8 {
        match self.essence.as_str() {
            "*/*" | "*" => 0,
            "application/*" => 1,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_names_the_format_of_the_body() {
        let json = Some(Given::Tensors(Format::Json));
        for (content_type, expected) in [
            (None, json),
            (Some("application/json; charset=utf-8"), json),
            (Some("application/x-www-form-urlencoded"), json),
            (Some("text/plain;charset=UTF-8"), json),
            (Some(""), json),
            (Some("application/vnd.api+json"), json),
            (Some("application/octet-stream; dtype=float32"), Some(Given::Tensors(Format::Raw))),
            (Some("Application/X-NPY"), Some(Given::Tensors(Format::Npy))),
            (Some("application/zip"), Some(Given::Tensors(Format::Npz))),
            (Some("application/x-safetensors"), Some(Given::Tensors(Format::Safetensors))),
            (Some("image/png"), Some(Given::Image)),
            (Some("image/webp"), None),
            (Some("text/csv"), None),
            (Some("nonsense"), None),
        ] {
            assert_eq!(given(content_type).ok(), expected, "{content_type:?}");
        }
        let told = given(Some("text/csv")).unwrap_err().to_string();
        assert!(told.contains("text/csv") && told.contains("application/x-npy"), "{told}");
    }

    #[test]
    fn parameters_are_found_with_and_without_quotes() {
        let media_type = "application/octet-stream; DType=float32;shape=\"3,2\"";
        assert_eq!(parameter(media_type, "dtype"), Some("float32"));
        assert_eq!(parameter(media_type, "shape"), Some("3,2"));
        assert_eq!(parameter(media_type, "rows"), None);
    }

    #[test]
    fn what_a_client_would_have_first_is_tried_first() {
        use Format::{Json, Npy, Npz, Raw, Safetensors};
        for (accept, own, expected) in [
            (&[][..], Json, vec![Json, Npz, Safetensors, Npy, Raw]),
            (&["*/*"], Npy, vec![Npy, Json, Npz, Safetensors, Raw]),
            (&["text/html, */*;q=0.8"], Json, vec![Json, Npz, Safetensors, Npy, Raw]),
            (&["application/x-npy"], Json, vec![Npy]),
            (&["application/x-npy;q=0.5, application/json"], Npy, vec![Json, Npy]),
            (&["application/x-npy;q=0.5", "application/json;q=0.25"], Json, vec![Npy, Json]),
            (&["*/*;q=0.1, application/json;q=0"], Json, vec![Npz, Safetensors, Npy, Raw]),
            (&["application/json;q=high"], Npy, vec![Json]),
            (&["application/*"], Raw, vec![Raw, Json, Npz, Safetensors, Npy]),
        ] {
            assert_eq!(acceptable(accept.iter().copied(), own), Ok(expected), "{accept:?}");
        }
        for accept in ["text/html", "application/json;q=0", "image/png"] {
            let told = acceptable([accept], Json).unwrap_err().to_string();
            assert!(told.contains("application/json"), "{told}");
        }
    }
}
