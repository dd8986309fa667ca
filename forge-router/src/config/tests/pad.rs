use super::*;

const TEXT: &str = "inputs = [{ name = \"ids\", dtype = \"int64\", shape = [-1] }, { name = \"mask\", dtype = \"bool\", shape = [-1] }]";

fn told(lines: &str, pad: &str) -> Vec<String> {
    let text = format!("[models.m]\npath = \"m.pt\"\n{lines}\n[models.m.pad]\n{pad}");
    match Files::new().load(&text) {
        Ok(_) => Vec::new(),
        refused => problems(refused),
    }
}

#[test]
fn an_empty_pad_pads_the_first_dimension_with_0_to_multiples_of_16() {
    let pad = model("[models.m.pad]").pad.unwrap();
    assert_eq!((pad.dim, pad.value, pad.multiple.get()), (0, PadValue::Int(0), 16));
    assert_eq!((pad.max_length, pad.mask_input, pad.outputs_dim), (None, None, None));
    assert_eq!(model("").pad, None);
}

#[test]
fn values_that_nothing_can_be_padded_with_are_told() {
    for (line, expected) in [
        ("multiple = 0", "found 0, allowed is a whole number of positions from 1 to 16777216"),
        ("max_length = 0", "found 0, allowed is a whole number of positions from 1"),
        ("dim = 7", "found 7, allowed is a whole number from 0 to 6"),
        ("dim = -1", "found -1, allowed is a whole number from 0 to 6"),
        ("outputs_dim = 7", "found 7, allowed is a whole number from 0 to 6"),
        ("value = \"0\"", "found \"0\", allowed is a number"),
        ("value = nan", "found nan, allowed is a number"),
        ("mask_input = \"\"", "allowed is the name of one of the model's arguments"),
        ("multipel = 8", "unknown key; did you mean multiple?"),
    ] {
        let problems = told("", line);
        let key = line.split(' ').next().unwrap();
        assert_eq!(problems.len(), 1, "{line}: {problems:?}");
        assert!(problems[0].starts_with(&format!("models.m.pad.{key}: ")), "{problems:?}");
        assert!(problems[0].contains(expected), "{problems:?}");
    }
    assert_eq!(
        problems(Files::new().load("[models.m]\npath = \"m.pt\"\npad = 16")),
        ["models.m.pad: found 16, allowed is a table: [models.m.pad]"]
    );
}

#[test]
fn what_is_padded_has_to_agree_with_what_is_declared() {
    let mask = |shape: &str| {
        TEXT.replacen("\"bool\", shape = [-1]", &format!("\"bool\", shape = {shape}"), 1)
    };
    for (lines, pad) in [
        (TEXT.to_owned(), "mask_input = \"mask\"\nvalue = 7"),
        (mask("[-1, 1]"), "mask_input = \"mask\""),
        // What is not declared is compared with the model's file.
        (TEXT.to_owned(), "mask_input = \"other\""),
        (mask("[5]"), "value = -1"),
        (String::new(), "dim = 3\nvalue = 0.5"),
    ] {
        assert_eq!(told(&lines, pad), [] as [String; 0], "{lines} {pad}");
    }
    for (lines, pad, expected) in [
        (
            TEXT.to_owned(),
            "dim = 1",
            "models.m.pad.dim: no declared input has a free dimension 1 (-1 in its shape)",
        ),
        (
            TEXT.to_owned(),
            "value = 0.5\nmask_input = \"mask\"",
            "models.m.pad.value: 0.5 cannot be an element of input 'ids', which is int64",
        ),
        (TEXT.to_owned(), "value = 7", "7 cannot be an element of input 'mask', which is bool"),
        (
            mask("[-1, -1]"),
            "mask_input = \"mask\"",
            "models.m.pad.mask_input: Forge makes the mask where a request leaves it out, so only \
             its length may be free",
        ),
        (mask("[64]"), "mask_input = \"mask\"", "declare 'mask' with -1 there and nowhere else"),
        (
            "batching = false".to_owned(),
            "",
            "models.m.pad: batching = false runs each request alone: there is nothing to pad for",
        ),
        (
            format!("frame_bytes = 200\n{TEXT}"),
            "multiple = 32",
            "models.m.inputs: one row, padded, takes at least 320 bytes, more than frame_bytes (200)",
        ),
        (
            // The mask that is made has its place, too.
            "frame_bytes = 300\ninputs = [{ name = \"ids\", dtype = \"uint8\", shape = [-1] }]"
                .to_owned(),
            "multiple = 32\nmask_input = \"mask\"",
            "one row, padded, takes at least 320 bytes",
        ),
    ] {
        let problems = told(&lines, pad);
        assert_eq!(problems.len(), 1, "{lines} {pad}: {problems:?}");
        assert!(problems[0].contains(expected), "{problems:?}");
    }
}
