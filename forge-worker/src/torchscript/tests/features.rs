//! What tch alone could not do: values, arguments of every kind, buffers, the fastest setting.

use forge_ipc::Value;

use super::*;

#[test]
fn values_that_are_no_tensors_are_returned_beside_them() {
    use Structure::{Bool, Float, Int, List, Str, Tensor, Tuple};
    let answer = load("values").answer(&[floats(&[2, 1], &[1.0, -1.0])], 2).unwrap();
    let labels = List(vec![Str("positive".to_owned()), Str("negative".to_owned())]);
    let unit = Str("unit".to_owned());
    let none = Structure::None;
    let expected = Tuple(vec![Tensor, unit, none, Int(3), Float(0.5), Bool(true), labels]);
    assert_eq!(answer.structure, Some(expected));
    assert_eq!(answer.tensors.len(), 1);
}

#[test]
fn an_object_cannot_be_returned() {
    match load("object").answer(&[floats(&[1, 1], &[1.0])], 1) {
        Err(EngineError::OutputShape(message)) => {
            assert_eq!(message, "the output holds an object of type Device");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_kind_of_argument_reaches_the_model() {
    let given = [
        Given::Tensor,
        Given::Value(Value::Int(3)),
        Given::Value(Value::Float(0.5)),
        Given::Value(Value::Bool(true)),
        Given::Default,
        Given::Tensor,
        Given::Value(Value::Float(10.0)),
        Given::Value(Value::Floats(vec![2.0, 0.5])),
        Given::Value(Value::Ints(vec![1, 2])),
    ];
    let inputs = [floats(&[1, 2], &[1.0, 2.0]), floats(&[1, 2], &[0.5, 0.5])];
    let answer = load("arguments").answer_with(&inputs, &given, 1).unwrap();
    assert_eq!(
        answer.tensors,
        [floats(&[1, 2], &[9.0, 7.5]), floats(&[1, 2], &[3.0, 3.0])],
        "-(x * 3 * 0.5) + 0.5 + 10"
    );
    let ones = [
        Given::Tensor,
        Given::Value(Value::Int(1)),
        Given::Default,
        Given::Default,
        Given::Value(Value::Str("ones".to_owned())),
    ];
    let answer = load("arguments").answer_with(&inputs[..1], &ones, 1).unwrap();
    assert_eq!(answer.tensors[0], floats(&[1, 2], &[1.0, 1.0]));
    let images = [floats(&[1, 2], &[0.0, 1.0]), floats(&[3], &[0.0; 3])];
    let answer = load("detector").answer_with(&images, &[Given::Tensors(2)], 1).unwrap();
    assert_eq!(answer.tensors.len(), 4);
    assert_eq!(answer.tensors[0].0.shape.dims(), [1, 2]);
}

#[test]
fn buffers_that_runs_changed_are_told_and_put_back() {
    for model in ["counter", "counter-replaced"] {
        let mut engine = load(model);
        let mut calls = || {
            let answer = engine.answer(&[floats(&[1, 1], &[7.0])], 1).unwrap();
            f32::from_le_bytes(answer.tensors[0].1[..4].try_into().unwrap())
        };
        assert_eq!((calls(), calls()), (1.0, 2.0), "{model}");
        engine.remember().unwrap();
        assert_eq!(engine.restore().unwrap(), [""; 0], "{model}");
        for _ in 0..2 {
            engine.answer(&[floats(&[1, 1], &[7.0])], 1).unwrap();
            assert_eq!(engine.restore().unwrap(), ["calls"], "{model}");
        }
        let answer = engine.answer(&[floats(&[1, 1], &[7.0])], 1).unwrap();
        assert_eq!(answer.tensors, [floats(&[1, 1], &[3.0])], "{model}");
    }
}

#[test]
fn the_fastest_setting_answers_as_the_plain_one() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/models");
    let mut engine =
        TorchScript::load(&file(&models.join("sentiment.pt")), &settings("cpu", 1)).unwrap();
    let input = floats(&[2, 768], &[0.25; 2 * 768]);
    let plain = engine.answer(std::slice::from_ref(&input), 2).unwrap();
    engine.remember().unwrap();
    let chosen = engine.optimize(&[vec![input.0]]).unwrap().told;
    assert!(chosen.contains("% of the plain module's time"), "{chosen}");
    let fastest = engine.answer(&[input], 2).unwrap();
    let values = |answer: &Answer| -> Vec<f32> {
        answer.tensors[0].1.as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it)).collect()
    };
    for (plain, fast) in std::iter::zip(values(&plain), values(&fastest)) {
        assert!((plain - fast).abs() < 1e-3, "{plain} {fast}");
    }
}

#[test]
fn a_frozen_model_keeps_the_buffers_that_it_may_change() {
    let mut engine = load("counter-of-large");
    engine.model = engine.model.variant(ffi::Variant::Frozen).unwrap();
    assert_eq!(engine.restore().unwrap(), [""; 0], "nothing is remembered yet");
    engine.remember().unwrap();
    engine.answer(&[floats(&[1, 1], &[7.0])], 1).unwrap();
    assert_eq!(engine.restore().unwrap(), ["calls"]);
    let answer = engine.answer(&[floats(&[1, 1], &[1.0])], 1).unwrap();
    assert_eq!(answer.tensors, [floats(&[1, 1], &[0.0])]);
}

#[test]
fn a_model_with_state_is_left_as_it_is() {
    let mut engine = load("counter");
    engine.remember().unwrap();
    let chosen = engine.optimize(&[vec![floats(&[1, 1], &[0.0]).0]]).unwrap().told;
    assert_eq!(chosen, "plain: it changes its buffers");
}
