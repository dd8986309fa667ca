//! What the sender of a bad body is told.

use super::decoded;

/// Checks that each body is refused with its message.
fn assert_refused(cases: &[(&str, &str)]) {
    for (body, expected) in cases {
        match decoded(body) {
            Ok(decoded) => panic!("{body} was taken as {decoded:?}"),
            Err(error) => assert_eq!(error.to_string(), *expected, "{body}"),
        }
    }
}

#[test]
fn bytes_that_are_no_json_are_refused_where_they_go_wrong() {
    assert_refused(&[
        ("", "malformed JSON at byte 0: the body is empty"),
        ("  ", "malformed JSON at byte 0: the body is empty"),
        ("\u{feff}{}", "malformed JSON at byte 0: a byte order mark: send UTF-8 without one"),
        ("x", "malformed JSON at byte 0: expected an object such as {\"input\": [1.0, 2.0]}"),
        ("{", "malformed JSON at byte 1: the body ends early"),
        ("{input: 1}", "malformed JSON at byte 1: expected a key in double quotes"),
        (r#"{"input" 1}"#, "malformed JSON at byte 9: expected : after a key"),
        (r#"{"input": 1,}"#, "malformed JSON at byte 12: expected a key in double quotes"),
        (r#"{"input": 1} x"#, "malformed JSON at byte 13: nothing may follow the object"),
        (
            r#"{"input": 1 "a": 2}"#,
            "malformed JSON at byte 12: expected , or } after a member of an object",
        ),
        (r#"{"input": }"#, "malformed JSON at byte 10: expected a number or an array"),
        (r#"{"input": [1,]}"#, "malformed JSON at byte 13: expected a number or an array"),
        (r#"{"input": [,1]}"#, "malformed JSON at byte 11: expected a number or an array"),
        (r#"{"input": [1 2]}"#, "malformed JSON at byte 13: expected , or ] after a number"),
        (r#"{"input": [[1] [2]]}"#, "malformed JSON at byte 15: expected , or ] after an array"),
        (r#"{"input": [[1],]}"#, "malformed JSON at byte 15: expected a number or an array"),
        (r#"{"input": [1"#, "malformed JSON at byte 12: the body ends early"),
        (r#"{"input": [1."#, "malformed JSON at byte 13: the body ends early"),
        (r#"{"input": [01]}"#, "malformed JSON at byte 11: a number must not start with 0"),
        (
            r#"{"input": [1.]}"#,
            "malformed JSON at byte 13: expected a digit after the decimal point",
        ),
        (r#"{"input": [.5]}"#, "malformed JSON at byte 11: expected a number or an array"),
        (r#"{"input": [+1]}"#, "malformed JSON at byte 11: expected a number or an array"),
        (r#"{"input": [1e]}"#, "malformed JSON at byte 13: expected a digit in the exponent"),
        (r#"{"input": [-]}"#, "malformed JSON at byte 12: expected a digit"),
        (r#"{"input": [truex]}"#, "malformed JSON at byte 15: expected , or ] after a number"),
        (r#"{"input": [Nan]}"#, "malformed JSON at byte 11: expected a number or an array"),
        (r#"{"a": "x"#, "malformed JSON at byte 6: the string has no closing quote"),
        (r#"{"a": "\x"}"#, "malformed JSON at byte 7: no such escape"),
        (
            r#"{"a": "\u12g4"}"#,
            "malformed JSON at byte 7: \\u must be followed by four hexadecimal digits",
        ),
        ("{\"a\": \"\n\"}", "malformed JSON at byte 7: a control character must be escaped"),
        (
            r#"{"a": [1}, "input": 1}"#,
            "malformed JSON at byte 8: expected , or ] after an element of an array",
        ),
        (r#"{"a": {"b"}, "input": 1}"#, "malformed JSON at byte 10: expected : after a key"),
        (r#"{"a": [1,], "input": 1}"#, "malformed JSON at byte 9: expected a value"),
        (r#"{"a": nul, "input": 1}"#, "malformed JSON at byte 6: expected a value"),
        (r#"{"a": 1.}"#, "malformed JSON at byte 8: expected a digit after the decimal point"),
        (r#"{"inputs": {"\ud800": 1}}"#, "malformed JSON at byte 12: a surrogate stands alone"),
    ]);
}

#[test]
fn values_of_the_wrong_kind_are_named_with_their_place() {
    assert_refused(&[
        (
            "[1]",
            "the body is an array, expected an object such as {\"input\": [1.0, 2.0]} (byte 0)",
        ),
        (r#"{"input": null}"#, "input is null, expected a number or nested arrays (byte 10)"),
        (
            r#"{"input": {"data": 1}}"#,
            "input is an object, expected a number or nested arrays (byte 10)",
        ),
        (r#"{"input": [[1, 2], [3, null]]}"#, "input[1][1] is null, expected a number (byte 23)"),
        (r#"{"input": [[1, 2], null]}"#, "input[1] is null, expected a number (byte 19)"),
        (r#"{"input": [1, "2"]}"#, "input[1] is a string, expected a number (byte 14)"),
        (
            r#"{"inputs": {"x": [1, {}]}}"#,
            "inputs[\"x\"][1] is an object, expected a number (byte 21)",
        ),
        (
            r#"{"inputs": [1]}"#,
            "\"inputs\" is an array, expected an object of named inputs (byte 11)",
        ),
        (
            r#"{"input": 1, "dtype": null}"#,
            "the dtype of input is null, expected a name such as \"float32\" (byte 22)",
        ),
    ]);
}

#[test]
fn ragged_rows_are_told_which_and_how() {
    assert_refused(&[
        (
            r#"{"input": [[1,2,3,4],[1,2,3,4],[1,2,3]]}"#,
            "input: row [2] has 3 elements, expected 4 (byte 37)",
        ),
        (
            r#"{"inputs": {"x": [[[1],[1]],[[1],[1,2]]]}}"#,
            "inputs[\"x\"]: row [1][1] has 2 elements, expected 1 (byte 37)",
        ),
        (r#"{"input": [[1,2],[]]}"#, "input: row [1] has 0 elements, expected 2 (byte 18)"),
        (r#"{"input": [[],[1]]}"#, "input: row [1] has 1 element, expected 0 (byte 16)"),
        (r#"{"input": [[],[[]]]}"#, "input: row [1] has 1 element, expected 0 (byte 17)"),
        (r#"{"input": [[[]],[]]}"#, "input: row [1] has 0 elements, expected 1 (byte 17)"),
        (r#"{"input": [1,[2]]}"#, "input: [1] is an array, expected a number (byte 13)"),
        (r#"{"input": [[1],[[2]]]}"#, "input: [1][0] is an array, expected a number (byte 16)"),
        (r#"{"input": [[1],2]}"#, "input: [1] is a number, expected an array (byte 15)"),
        (r#"{"input": [[],2]}"#, "input: [1] is a number, expected an array (byte 14)"),
    ]);
}

#[test]
fn numbers_that_the_dtype_cannot_hold_are_refused() {
    let whole = "it is no whole number";
    for (number, dtype, why) in [
        ("1.5", "int64", whole),
        ("1e-1", "uint8", whole),
        ("256", "uint8", "its range is 0 to 255"),
        ("-1", "uint8", "its range is 0 to 255"),
        ("128", "int8", "its range is -128 to 127"),
        ("1e5", "int16", "its range is -32768 to 32767"),
        ("2147483648", "int32", "its range is -2147483648 to 2147483647"),
        (
            "9223372036854775808",
            "int64",
            "its range is -9223372036854775808 to 9223372036854775807",
        ),
        ("NaN", "int64", "only float dtypes can"),
        ("\"-Infinity\"", "int8", "only float dtypes can"),
        ("2", "bool", "it takes true, false, 0 and 1"),
        ("0.5", "bool", "it takes true, false, 0 and 1"),
        ("NaN", "bool", "it takes true, false, 0 and 1"),
        ("1e39", "float32", "it becomes infinite, the largest is 3.4e38"),
        ("-3.4028235677973367e38", "float32", "it becomes infinite, the largest is 3.4e38"),
        ("70000", "float16", "it becomes infinite, the largest is 65504"),
        ("65520", "float16", "it becomes infinite, the largest is 65504"),
        ("3.4e38", "bfloat16", "it becomes infinite, the largest is 3.39e38"),
        ("-1e309", "float64", "it becomes infinite, the largest is 1.8e308"),
    ] {
        for body in [
            format!(r#"{{"input": [[0], [{number}]], "dtype": "{dtype}"}}"#),
            format!(r#"{{"dtype": "{dtype}", "input": [[0], [{number}]]}}"#),
        ] {
            let at = body.find(&format!("{number}]]")).unwrap();
            let name = dtype;
            let message =
                format!("input[1][0] is {number}, which {name} cannot hold: {why} (byte {at})");
            assert_refused(&[(&body, &message)]);
        }
    }
}

#[test]
fn a_long_literal_is_cut_in_its_message() {
    let body = format!(r#"{{"input": {}}}"#, "9".repeat(1000));
    let message = format!(
        "input is {}…, which float32 cannot hold: it becomes infinite, the largest is 3.4e38 \
         (byte 10)",
        "9".repeat(48)
    );
    assert_refused(&[(&body, &message)]);
}

#[test]
fn keys_of_ours_stand_once_and_agree() {
    assert_refused(&[
        (r#"{"input": 1, "input": 1}"#, "the key \"input\" stands twice in one object (byte 13)"),
        (
            r#"{"inputs": {"a": 1}, "inputs": {"a": 1}}"#,
            "the key \"inputs\" stands twice in one object (byte 21)",
        ),
        (
            r#"{"input": 1, "dtype": "int", "dtype": "int"}"#,
            "the key \"dtype\" stands twice in one object (byte 29)",
        ),
        (
            r#"{"inputs": {"a": 1, "\u0061": 1}}"#,
            "the key \"\\u0061\" stands twice in one object (byte 20)",
        ),
        (
            r#"{"inputs": {"a": {"data": 1, "data": 1}}}"#,
            "the key \"data\" stands twice in one object (byte 29)",
        ),
        (
            r#"{"input": 1, "inputs": {"a": 1}}"#,
            "the body has both \"input\" and \"inputs\": give one",
        ),
        (
            r#"{"dtype": "int64", "inputs": {"a": 1}}"#,
            "\"dtype\" beside \"inputs\" says nothing: give an input its own, as \
             {\"data\": …, \"dtype\": …}",
        ),
        ("{}", "the body has neither \"input\" nor \"inputs\""),
        (r#"{"dtype": "int64"}"#, "the body has neither \"input\" nor \"inputs\""),
        (r#"{"inputs": {}}"#, "\"inputs\" has no members"),
        (r#"{"inputs": {"a": {}}}"#, "inputs[\"a\"] has no \"data\""),
        (
            r#"{"input": 1, "dtype": "complex64"}"#,
            "dtype \"complex64\" of input is unknown, known are bool, uint8, int8, int16, int32, int64, \
             float16, bfloat16, float32, float64 (byte 22)",
        ),
    ]);
}

#[test]
fn what_is_too_deep_or_too_much_is_refused() {
    let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(decoded(&format!(r#"{{"a": {}, "input": 1}}"#, deep(128))).is_ok());
    assert!(decoded(&format!(r#"{{"a": {}, "input": 1}}"#, objects(128))).is_ok());
    let too_deep = "an ignored value nests deeper than 128 levels";
    let many: Vec<_> = (0..65).map(|index| format!("\"{index}\": 1")).collect();
    assert_refused(&[
        (&format!(r#"{{"input": {}}}"#, deep(8)), "input nests deeper than 7 levels (byte 17)"),
        (&format!(r#"{{"a": {}}}"#, deep(1_000_000)), &format!("{too_deep} (byte 134)")),
        (&format!(r#"{{"a": {}}}"#, objects(129)), &format!("{too_deep} (byte 646)")),
        (
            &format!(r#"{{"input": [{}1]}}"#, "1,".repeat(1 << 20)),
            "input has more than 1048576 elements (byte 10)",
        ),
        (
            &format!(r#"{{"input": [{}1], "dtype": "int8"}}"#, "1,".repeat(1 << 20)),
            "input has more than 1048576 elements (byte 10)",
        ),
        (
            &format!(r#"{{"inputs": {{{}}}}}"#, many.join(",")),
            &format!("\"inputs\" has more than 64 members (byte {})", 12 + 10 * 7 + 54 * 8),
        ),
        (
            &format!(r#"{{"inputs": {{"{}": 1}}}}"#, "a".repeat(1025)),
            "the name of an input has more than 1024 bytes (byte 12)",
        ),
    ]);
    let full = format!(r#"{{"input": [{}1], "dtype": "int8"}}"#, "1,".repeat((1 << 20) - 1));
    assert!(decoded(&full).is_ok());
}

#[test]
fn bytes_that_are_no_utf8_are_refused() {
    for (body, at) in [(&b"{\"a\": \"\xff\", \"input\": 1}"[..], 7), (b"{\"input\": [\xff]}", 11)] {
        let error = super::decoded_within(body, usize::MAX).0.unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("malformed JSON at byte {at}: ")),
            "{error}"
        );
    }
}
