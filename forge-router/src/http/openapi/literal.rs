//! Defaults of arguments: from Python's notation to JSON.

use serde_json::Value;

/// The value of a Python literal: None, a bool, a number, a string or a list of them. `None` for
/// anything else.
pub fn from_python(text: &str) -> Option<Value> {
    match text.trim() {
        "None" => Some(Value::Null),
        "True" => Some(true.into()),
        "False" => Some(false.into()),
        // Python writes `1.` and `[1, 2]`; JSON has the latter only.
        text => list(text).or_else(|| string(text)).or_else(|| number(text)),
    }
}

fn list(text: &str) -> Option<Value> {
    let items = text.strip_prefix('[')?.strip_suffix(']')?;
    if items.trim().is_empty() {
        return Some(Value::Array(Vec::new()));
    }
    // A comma inside a string leaves pieces that are no literals: then the list is not understood.
    items.split(',').map(from_python).collect::<Option<Vec<_>>>().map(Value::Array)
}

fn string(text: &str) -> Option<Value> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    // Escapes differ between the two notations.
    (!inner.contains([quote, '\\'])).then(|| inner.into())
}

fn number(text: &str) -> Option<Value> {
    let whole = text.parse::<i64>().map(Value::from).ok();
    whole.or_else(|| serde_json::Number::from_f64(text.parse().ok()?).map(Value::Number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn literals_of_python_become_json() {
        for (text, expected) in [
            ("None", Some(json!(null))),
            ("True", Some(json!(true))),
            ("-3", Some(json!(-3))),
            ("0.5", Some(json!(0.5))),
            ("1.", Some(json!(1.0))),
            ("1e-05", Some(json!(1e-5))),
            ("'mean'", Some(json!("mean"))),
            ("\"a b\"", Some(json!("a b"))),
            ("[1, 2]", Some(json!([1, 2]))),
            ("[]", Some(json!([]))),
            ("[True, 'x']", Some(json!([true, "x"]))),
            ("inf", None),
            ("['a, b']", None),
            ("'it\\'s'", None),
            ("'", None),
            ("torch.float32", None),
            ("", None),
        ] {
            assert_eq!(from_python(text), expected, "{text}");
        }
    }
}
