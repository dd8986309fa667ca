//! The bodies of requests to Triton's model repository.

use super::cursor::Cursor;
use super::decode::{Start, check_start};
use super::error::DecodeError;
use super::skip::{DEEPEST, skip_value};
use super::value::{read_value, take_null};
use crate::tensor::{ArgumentKind, Value};

const START: Start = Start {
    expected: "an object, or no body",
    malformed: "expected an object such as {}, or no body",
};

/// What a request to the repository says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryBody {
    /// `ready`: only models that answer are asked for.
    pub only_ready: bool,
    /// The names of its parameters; what they say is read over.
    pub parameters: Vec<String>,
}

/// Reads nothing, or `{"ready": …, "parameters": {name: …}}`; other members are ignored.
///
/// # Errors
/// The first one in the order of the body.
pub fn decode_repository(body: &[u8]) -> Result<RepositoryBody, DecodeError> {
    let mut repository = RepositoryBody::default();
    if body.trim_ascii().is_empty() {
        return Ok(repository);
    }
    let mut cursor = Cursor::new(body);
    check_start(&mut cursor, START)?;
    cursor.members(|cursor, key| {
        if key.is("ready") && !take_null(cursor) {
            let value = read_value(cursor, &ArgumentKind::Bool, &"\"ready\"")?;
            repository.only_ready = value == Value::Bool(true);
            Ok(())
        } else if key.is("parameters") && !take_null(cursor) {
            cursor.members(|cursor, key| {
                repository.parameters.push(key.decoded("the name of a parameter")?.into_owned());
                skip_value(cursor, DEEPEST)
            })
        } else if key.is("ready") || key.is("parameters") {
            Ok(())
        } else {
            skip_value(cursor, DEEPEST)
        }
    })?;
    cursor.end()?;
    Ok(repository)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_real_clients_are_read() {
        for (body, only_ready, parameters) in [
            ("", false, &[][..]),
            ("{}", false, &[]),
            (r#"{"ready": true}"#, true, &[]),
            (r#"{"ready": null, "parameters": null}"#, false, &[]),
            (r#"{"parameters":{"unload_dependents":false}}"#, false, &["unload_dependents"]),
            (
                r#"{"parameters":{"config":"{\"a\": [1]}","file:1/model.pt":"AAAA"}, "x": []}"#,
                false,
                &["config", "file:1/model.pt"],
            ),
        ] {
            let parameters = parameters.iter().map(|name| (*name).to_owned()).collect();
            let expected = RepositoryBody { only_ready, parameters };
            assert_eq!(decode_repository(body.as_bytes()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for body in ["[]", "{", r#"{"ready": 1}"#, r#"{"parameters": []}"#, "{} {}"] {
            assert!(decode_repository(body.as_bytes()).is_err(), "{body}");
        }
    }
}
