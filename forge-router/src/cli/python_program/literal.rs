//! The value of an expression that is written out.

use toml::Value;

use super::program::{Program, Span};
use super::tokens::Kind;

/// A number, a text or a truth value, in brackets or not, directly or by a name; `None` where only
/// a run could tell. Integers and floats stay apart as Python keeps them.
pub(super) fn literal(program: &Program<'_>, expression: Span, place: usize) -> Option<Value> {
    let (expression, place) = program.resolve(expression, place)?;
    let Span { from, to } = expression;
    if program.is_sign(from, "(") && program.arguments(from).1 == to {
        let (within, _) = program.arguments(from);
        // Two would be a tuple; so is one with a comma behind it.
        let [single] = within[..] else { return None };
        return if single.to + 1 == to { literal(program, single, place) } else { None };
    }
    let is_negative = program.is_sign(from, "-");
    let unsigned = Span { from: from + usize::from(is_negative), to };
    match program.tokens(unsigned) {
        [token] => match &token.kind {
            Kind::Number(digits) => number(digits, is_negative),
            Kind::Name(name) if !is_negative => flag(name),
            Kind::Text(Some(text)) if !is_negative => Some(Value::String(text.clone())),
            _ => None,
        },
        [] => None,
        texts if !is_negative => {
            let text = texts.iter().map(|token| match &token.kind {
                Kind::Text(text) => text.clone(),
                _ => None,
            });
            text.collect::<Option<String>>().map(Value::String)
        }
        _ => None,
    }
}

fn flag(name: &str) -> Option<Value> {
    match name {
        "True" => Some(Value::Boolean(true)),
        "False" => Some(Value::Boolean(false)),
        _ => None,
    }
}

fn number(digits: &str, is_negative: bool) -> Option<Value> {
    let mut digits = digits.replace('_', "");
    if is_negative {
        digits.insert(0, '-');
    }
    let integer = digits.parse().map(Value::Integer);
    integer.or_else(|_| digits.parse().map(Value::Float)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<Value> {
        let program = Program::read(text);
        let (arguments, end) = program.arguments(program.all().to - 3);
        assert_eq!(end, program.all().to, "{text}");
        literal(&program, arguments[0], arguments[0].from)
    }

    fn written(expression: &str) -> Option<Value> {
        value(&format!("x = {expression}\nf(x)"))
    }

    #[test]
    fn numbers_texts_and_truth_values_are_read() {
        for (text, expected) in [
            ("1_000", Value::Integer(1000)),
            ("-2", Value::Integer(-2)),
            ("2.50", Value::Float(2.5)),
            ("(1e3)", Value::Float(1000.0)),
            ("'a' \"b\"", Value::String("ab".to_owned())),
            ("True", Value::Boolean(true)),
        ] {
            assert_eq!(written(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_computed_is_not_guessed() {
        for text in ["1 + 1", "f()", "(1, 2)", "(1,)", "a.b", "'a' if b else 'c'", "f'{a}'", "-'a'"]
        {
            assert_eq!(written(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_stands_for_what_is_certain_to_have_been_assigned() {
        for (text, expected) in [
            ("x = 1\nx = 2\nf(x)", Some(2)),
            ("x: int = 3\nf(x)", Some(3)),
            ("x = y = 1\nf(x)", None),
            ("x = 1\nx += 1\nf(x)", None),
            ("x = 1\nif y: x = 2\nf(x)", None),
            ("x = 1\nif y:\n  x = 2\nf(x)", None),
            ("if y:\n  x = 2\n  f(x)", Some(2)),
            ("def g():\n  x = 2\ndef h():\n  f(x)", None),
            ("x = 1\ndef g():\n  x = 2\ndef h():\n  f(x)", Some(1)),
            ("def h():\n  x = 2\n  f(x)", Some(2)),
            ("y = 5\nx = y\nf(x)", Some(5)),
            ("x = x\nf(x)", None),
            ("self.x = 1\nf(x)", None),
            ("a = 1; x = 4; b = 2\nf(x)", Some(4)),
        ] {
            assert_eq!(value(text), expected.map(Value::Integer), "{text}");
        }
    }
}
