//! Properties over generated bodies, against `serde_json` and the standard library.

use proptest::prelude::*;

use super::{decoded, decoded_within, tensors_of};
use crate::tensor::Shape;

/// Numbers as people, programs and attackers write them.
fn literal() -> impl Strategy<Value = String> {
    let decimal = ("-?(0|[1-9][0-9]{0,24})", "(\\.[0-9]{1,24})?", "([eE][+-]?[0-9]{1,3})?")
        .prop_map(|(whole, places, exponent)| format!("{whole}{places}{exponent}"));
    let float = any::<f32>().prop_filter("finite", |value| value.is_finite());
    prop_oneof![
        decimal,
        finite_double().prop_map(|value| format!("{value:?}")),
        float.prop_map(|value| format!("{value:?}")),
        // Exactly in the middle of two floats, and close to it.
        (any::<u32>(), -60i32..60).prop_map(|(bits, shift)| {
            let middle = f64::from(bits | 1) * 2f64.powi(shift - 24);
            format!("{middle:?}")
        }),
        (0u64..1 << 25, 0u32..22).prop_map(|(whole, places)| {
            format!("{whole}.{:0places$}1", 0, places = places as usize)
        }),
        any::<i64>().prop_map(|value| value.to_string()),
    ]
}

fn finite_double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |value| value.is_finite())
}

/// JSON values of any kind, as text.
fn value() -> impl Strategy<Value = String> {
    let text = any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let leaf = prop_oneof![literal(), text, Just("null".to_owned()), Just("true".to_owned())];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let member = (any::<String>(), inner.clone())
            .prop_map(|(key, value)| format!("{}: {value}", serde_json::to_string(&key).unwrap()));
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..6)
                .prop_map(|items| format!("{{{}}}", items.join(" ,"))),
        ]
    })
}

fn bytes_of(body: &str) -> Option<Vec<u8>> {
    decoded(body).ok().map(|decoded| super::only(&decoded))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn floats_are_bit_for_bit_the_standard_librarys(
        literals in prop::collection::vec(literal(), 1..20),
    ) {
        let doubles: Vec<f64> = literals.iter().map(|text| text.parse().unwrap()).collect();
        let list = literals.join(", ");
        let expected: Vec<u8> = doubles.iter().flat_map(|value| value.to_le_bytes()).collect();
        let finite = doubles.iter().all(|value| value.is_finite());
        let read = bytes_of(&format!(r#"{{"input": [{list}], "dtype": "float64"}}"#));
        prop_assert_eq!(read, finite.then_some(expected));

        let floats: Vec<f32> = doubles.iter().map(|value| *value as f32).collect();
        let expected: Vec<u8> = floats.iter().flat_map(|value| value.to_le_bytes()).collect();
        let finite = floats.iter().all(|value| value.is_finite());
        let read = bytes_of(&format!(r#"{{"input": [{list}]}}"#));
        prop_assert_eq!(read, finite.then_some(expected));
    }

    #[test]
    fn whole_numbers_are_exact(values in prop::collection::vec(any::<i64>(), 0..20)) {
        let expected: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let body = format!(r#"{{"input": {values:?}, "dtype": "int64"}}"#);
        prop_assert_eq!(bytes_of(&body), Some(expected));
    }

    #[test]
    fn floats_survive_being_written_and_read(bits in prop::collection::vec(any::<u32>(), 0..40)) {
        let mut bytes: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        for element in bytes.as_chunks_mut::<4>().0 {
            if f32::from_le_bytes(*element).is_nan() {
                *element = f32::NAN.to_le_bytes();
            }
        }
        let mut body = br#"{"input":"#.to_vec();
        let shape = Shape::new(&[bits.len() as u64]).unwrap();
        crate::json::write_tensor(&mut body, crate::tensor::Dtype::Float32, &shape, &bytes);
        body.push(b'}');
        prop_assert_eq!(bytes_of(std::str::from_utf8(&body).unwrap()), Some(bytes));
    }

    #[test]
    fn doubles_survive_being_written_and_read(
        doubles in prop::collection::vec(finite_double(), 0..100),
        small in prop::collection::vec(-1e-3..1e-3, 0..100),
    ) {
        let doubles: Vec<f64> = doubles.into_iter().chain(small).collect();
        let bytes: Vec<u8> = doubles.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut body = br#"{"input":"#.to_vec();
        let shape = Shape::new(&[doubles.len() as u64]).unwrap();
        crate::json::write_tensor(&mut body, crate::tensor::Dtype::Float64, &shape, &bytes);
        body.extend_from_slice(br#","dtype":"float64"}"#);
        prop_assert_eq!(bytes_of(std::str::from_utf8(&body).unwrap()), Some(bytes));
    }

    #[test]
    fn ignored_values_are_taken_exactly_if_they_are_json(
        value in value(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let body = format!(r#"{{"a": {value}, "input": 1}}"#);
        prop_assert!(decoded(&body).is_ok(), "{}", body);
        let mut body = body.into_bytes();
        let place = at.index(value.len()) + 6;
        body[place] = byte;
        // The tokens beyond JSON and lone surrogates are where the two differ by intent.
        let text = String::from_utf8_lossy(&body);
        let theirs = serde_json::from_slice::<serde_json::Value>(&body);
        if theirs.is_ok() {
            let read = decoded_within(&body, usize::MAX).0;
            let malformed = matches!(read, Err(super::DecodeError::Malformed { .. }));
            prop_assert!(!malformed, "{text}: {read:?}");
        } else if decoded_within(&body, usize::MAX).0.is_ok() {
            let lenient = ["NaN", "Infinity", "\\u"].iter().any(|token| text.contains(token));
            let refusal = theirs.unwrap_err().to_string();
            prop_assert!(lenient || refusal.contains("out of range"), "{text}: {refusal}");
        }
    }

    #[test]
    fn no_bytes_do_harm(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decoded_within(&body, 1 << 20);
    }

    #[test]
    fn no_letters_of_ours_do_harm(body in r#"[\[\]{}",:\\0-9eE.+\-tfnNuI ]{0,60}"#) {
        let _ = decoded_within(body.as_bytes(), 1 << 20);
        let _ = decoded(&format!(r#"{{"input": {body}, "dtype": "int8"}}"#));
        let _ = decoded(&format!(r#"{{"inputs": {{"x": {{"data": [{body}"#));
    }

    #[test]
    fn changed_bodies_never_take_more_memory_than_reserved(
        value in value(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let x = "[[1, 2.5, -3e2], [4, 5, 6]]";
        let y = format!(r#"{{"data": {x}, "dtype": "int8"}}"#);
        let mut body = format!(
            r#"{{"a": {value}, "inputs": {{"x": {x}, "y": {y}}}}}"#
        ).into_bytes();
        for (index, byte) in changes {
            let place = index.index(body.len());
            body[place] = byte;
        }
        if cut.index(4) == 0 {
            body.truncate(cut.index(body.len()));
        }
        let (read, taken) = decoded_within(&body, usize::MAX);
        if let Ok(read) = read {
            let held: usize = tensors_of(&read).map(|tensor| tensor.data.capacity()).sum();
            prop_assert!(held <= taken);
            for tensor in tensors_of(&read) {
                let elements = tensor.shape.elements().unwrap() as usize;
                prop_assert_eq!(elements * tensor.dtype.size(), tensor.data.len());
            }
        }
    }
}
