//! The body of a reload request.

use super::cursor::{Cursor, Text};
use super::decode::{Start, check_start};
use super::error::DecodeError;

const START: Start = Start {
    expected: "an object such as {\"model_path\": \"new.pt\"}",
    malformed: "expected an object such as {\"model_path\": \"new.pt\"}",
};

/// What a reload asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadBody {
    pub model_path: String,
    /// A share of the requests, as it was written.
    pub canary: Option<String>,
}

/// Reads `{"model_path": …, "canary": …}`. Another key is refused: a misspelt one would change what
/// the server does for everybody.
///
/// # Errors
/// The first one in the order of the body.
pub fn decode_reload(body: &[u8]) -> Result<ReloadBody, DecodeError> {
    let mut cursor = Cursor::new(body);
    check_start(&mut cursor, START)?;
    let (mut model_path, mut canary) = (None, None);
    cursor.members(|cursor, key| {
        if key.is("model_path") {
            read_text(cursor, key, &mut model_path, "the path of a model file")
        } else if key.is("canary") {
            read_text(cursor, key, &mut canary, "a share such as \"10%\"")
        } else {
            let known = "\"model_path\" and \"canary\"";
            Err(DecodeError::UnknownKey { at: key.at, key: key.quoted(), known })
        }
    })?;
    cursor.end()?;
    let missing = || DecodeError::MissingInput("the body has no \"model_path\"".to_owned());
    Ok(ReloadBody { model_path: model_path.ok_or_else(missing)?, canary })
}

fn read_text(
    cursor: &mut Cursor<'_>,
    key: Text<'_>,
    text: &mut Option<String>,
    expected: &'static str,
) -> Result<(), DecodeError> {
    key.once(text)?;
    if cursor.peek() != Some(b'"') {
        return Err(cursor.wrong_type(key.quoted(), expected));
    }
    *text = Some(cursor.string()?.unescaped()?.into_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_perhaps_a_share_are_read() {
        for (body, model_path, canary) in [
            (r#"{"model_path": "new.pt"}"#, "new.pt", None),
            (r#" {"canary":"10%","model_path":"\u00e4/b \"c\".pt"} "#, "ä/b \"c\".pt", Some("10%")),
            (r#"{"model\u005fpath": ""}"#, "", None),
        ] {
            let (model_path, canary) = (model_path.to_owned(), canary.map(str::to_owned));
            assert_eq!(decode_reload(body.as_bytes()), Ok(ReloadBody { model_path, canary }));
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        for (body, told) in [
            ("", "malformed JSON at byte 0: the body is empty"),
            (
                "[]",
                "the body is an array, expected an object such as {\"model_path\": \"new.pt\"} (byte 0)",
            ),
            (
                "model_path=new.pt",
                "malformed JSON at byte 0: expected an object such as {\"model_path\": \"new.pt\"}",
            ),
            ("{}", "the body has no \"model_path\""),
            (
                r#"{"model_path": 1}"#,
                "\"model_path\" is a number, expected the path of a model file (byte 15)",
            ),
            (
                r#"{"model_path": "a", "canary": 0.1}"#,
                "\"canary\" is a number, expected a share such as \"10%\" (byte 30)",
            ),
            (
                r#"{"model_path": "a", "canari": "1%"}"#,
                "the key \"canari\" is unknown, known are \"model_path\" and \"canary\" (byte 20)",
            ),
            (
                r#"{"model_path": "a", "model_path": "b"}"#,
                "the key \"model_path\" stands twice in one object (byte 20)",
            ),
            (
                r#"{"model_path": "a"} {}"#,
                "malformed JSON at byte 20: nothing may follow the object",
            ),
            (r#"{"model_path": "a"#, "malformed JSON at byte 15: the string has no closing quote"),
            (r#"{"model_path": }"#, "malformed JSON at byte 15: expected a value"),
        ] {
            let refused = decode_reload(body.as_bytes()).unwrap_err();
            assert_eq!(refused.to_string(), told, "{body}");
        }
    }
}
