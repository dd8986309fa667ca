//! The engine on real models: the fixtures that `scripts/make-models` makes.

use std::{fs::File, os::fd::OwnedFd, path::Path};

use forge_ipc::{Argument, ArgumentKind, Dtype, FrameFull, Shape, TensorMeta};

use super::ffi::Variant;
use super::*;

mod features;

#[test]
fn a_batch_is_doubled_whatever_its_dtype() {
    for (dtype, one, two) in [
        (Dtype::Uint8, &[1][..], &[2][..]),
        (Dtype::Int8, &[0xff], &[0xfe]),
        (Dtype::Int16, &[1, 0], &[2, 0]),
        (Dtype::Int32, &[1, 0, 0, 0], &[2, 0, 0, 0]),
        (Dtype::Int64, &[1, 0, 0, 0, 0, 0, 0, 0], &[2, 0, 0, 0, 0, 0, 0, 0]),
        (Dtype::Float16, &[0x00, 0x3c], &[0x00, 0x40]),
        (Dtype::Bfloat16, &[0x80, 0x3f], &[0x00, 0x40]),
        (Dtype::Float32, &1f32.to_le_bytes(), &2f32.to_le_bytes()),
        (Dtype::Float64, &1f64.to_le_bytes(), &2f64.to_le_bytes()),
    ] {
        let meta = TensorMeta { dtype, shape: Shape::new(&[3, 2]).unwrap() };
        let answer = load("double").answer(&[(meta, one.repeat(6))], 3).unwrap();
        assert_eq!(answer.tensors, [(meta, two.repeat(6))], "{dtype}");
        assert_eq!(answer.structure, Some(Structure::Tensor));
    }
}

#[test]
fn bools_pass_and_come_out_as_torch_promotes_them() {
    let meta = TensorMeta { dtype: Dtype::Bool, shape: Shape::new(&[2]).unwrap() };
    let answer = load("double").answer(&[(meta, vec![0, 1])], 2).unwrap();
    assert_eq!(answer.tensors[0].0.dtype, Dtype::Int64);
    assert_eq!(answer.tensors[0].1[8..], 2i64.to_le_bytes());
}

#[test]
fn a_batch_without_elements_comes_back_without_elements() {
    let answer = load("double").answer(&[floats(&[2, 0], &[])], 2).unwrap();
    assert_eq!(answer.tensors, [floats(&[2, 0], &[])]);
}

#[test]
fn several_inputs_go_to_their_arguments_in_order() {
    let inputs = [floats(&[2, 1], &[1.0, 2.0]), floats(&[2, 1], &[10.0, 20.0])];
    assert_eq!(load("add").answer(&inputs, 2).unwrap().tensors, [floats(&[2, 1], &[11.0, 22.0])]);
}

#[test]
fn arguments_left_out_take_their_defaults() {
    let (x, bias) = (floats(&[1, 2], &[1.0, 2.0]), floats(&[1, 2], &[10.0, 10.0]));
    let mut engine = load("defaults");
    assert_eq!(
        engine.answer(std::slice::from_ref(&x), 1).unwrap().tensors,
        [floats(&[1, 2], &[2.0, 4.0])]
    );
    // The second tensor is for the second argument that takes one; `scale` lies between.
    assert_eq!(engine.answer(&[x, bias], 1).unwrap().tensors, [floats(&[1, 2], &[12.0, 14.0])]);
}

#[test]
fn the_file_tells_names_kinds_and_defaults() {
    let argument = |name: &str, kind, default: Option<&str>| Argument {
        name: name.to_owned(),
        kind,
        optional: false,
        default: default.map(str::to_owned),
    };
    let optional = |argument: Argument| Argument { optional: true, ..argument };
    for (model, arguments) in [
        ("double", vec![argument("x", ArgumentKind::Tensor, None)]),
        (
            "add",
            vec![
                argument("x", ArgumentKind::Tensor, None),
                argument("y", ArgumentKind::Tensor, None),
            ],
        ),
        (
            "defaults",
            vec![
                argument("x", ArgumentKind::Tensor, None),
                argument("scale", ArgumentKind::Float, Some("2.0")),
                optional(argument("bias", ArgumentKind::Tensor, Some("None"))),
            ],
        ),
        (
            "literals",
            vec![
                argument("x", ArgumentKind::Tensor, None),
                argument("count", ArgumentKind::Int, Some("-3")),
                argument("flag", ArgumentKind::Bool, Some("True")),
                argument("word", ArgumentKind::Str, Some(r"'it\'s'")),
                argument("tiny", ArgumentKind::Float, Some("1e-05")),
                argument("tenth", ArgumentKind::Float, Some("0.1")),
                argument("hundred", ArgumentKind::Float, Some("100.0")),
                argument("large", ArgumentKind::Float, Some("1e+300")),
                argument("sizes", ArgumentKind::Ints, Some("[1, 2]")),
            ],
        ),
    ] {
        assert_eq!(load(model).signature().arguments, arguments, "{model}");
    }
}

#[test]
fn missing_and_surplus_tensors_are_errors() {
    let x = floats(&[1, 1], &[1.0]);
    for (model, inputs, text) in [
        ("add", vec![x.clone()], "the model's argument y is missing and has no default"),
        ("double", vec![x.clone(), x], "1 tensors are for no argument"),
    ] {
        match load(model).answer(&inputs, 1) {
            Err(EngineError::Engine(message)) => assert_eq!(message, text),
            other => panic!("{model}: {other:?}"),
        }
    }
}

#[test]
fn the_nesting_of_an_output_is_told_and_its_leaves_come_depth_first() {
    use Structure::{Dict, List, Tensor, Tuple};
    let low_and_high = || Dict(vec![("low".to_owned(), Tensor), ("high".to_owned(), Tensor)]);
    for (model, structure, leaves) in [
        ("pair", Tuple(vec![Tensor, Tensor]), vec![[1.0, 2.0], [4.0, 8.0]]),
        ("dict", low_and_high(), vec![[1.0, 2.0], [4.0, 8.0]]),
        ("named-tuple", low_and_high(), vec![[1.0, 2.0], [4.0, 8.0]]),
        (
            "nested",
            Tuple(vec![Tensor, Dict(vec![("again".to_owned(), List(vec![Tensor, Tensor]))])]),
            vec![[2.0, 4.0], [4.0, 8.0], [6.0, 12.0]],
        ),
    ] {
        let answer = load(model).answer(&[floats(&[2, 1], &[2.0, 4.0])], 2).unwrap();
        let leaves: Vec<_> = leaves.iter().map(|leaf| floats(&[2, 1], leaf)).collect();
        assert_eq!(answer.tensors, leaves, "{model}");
        assert_eq!(answer.structure, Some(structure), "{model}");
    }
}

#[test]
fn an_output_without_rows_is_passed_on_as_it_is() {
    let answer = load("sum").answer(&[floats(&[2, 1], &[1.0, 2.0])], 2).unwrap();
    assert_eq!(answer.tensors, [floats(&[], &[3.0])]);
}

#[test]
fn what_a_model_raises_is_told_without_traceback() {
    let mut engine = load("throws");
    match engine.answer(&[floats(&[2, 1], &[1.0, -1.0])], 2) {
        Err(EngineError::Threw(message)) => {
            assert_eq!(message, "AssertionError: a value is negative");
        }
        other => panic!("{other:?}"),
    }
    // Nothing of the failure stays.
    assert!(engine.answer(&[floats(&[1, 1], &[1.0])], 1).is_ok());
}

#[test]
fn an_operation_that_fails_is_told_by_its_last_line() {
    let inputs = [floats(&[1, 3], &[0.0; 3]), floats(&[1, 2], &[0.0; 2])];
    match load("add").answer(&inputs, 1) {
        Err(EngineError::Threw(message)) => assert_eq!(
            message,
            "RuntimeError: The size of tensor a (3) must match the size of tensor b (2) at \
             non-singleton dimension 1"
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_allocation_that_fails_inside_a_model_is_out_of_memory() {
    let mut engine = load("oom");
    match engine.answer(&[floats(&[2, 1], &[1.0, 2.0])], 2) {
        Err(EngineError::OutOfMemory(message)) => {
            assert!(message.contains("1152921504606846976 bytes"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(engine.answer(&[floats(&[1, 1], &[1.0])], 1).is_ok());
}

#[test]
fn a_model_may_change_its_input_in_place() {
    let input = floats(&[2, 1], &[1.0, 2.0]);
    let answer = load("inplace").answer(std::slice::from_ref(&input), 2).unwrap();
    assert_eq!(answer.tensors, [floats(&[2, 1], &[2.0, 4.0])]);
    assert_eq!(input, floats(&[2, 1], &[1.0, 2.0]));
}

#[test]
fn only_models_that_read_their_inputs_and_no_more_are_given_views_of_them() {
    for (fixture, only_reads) in [
        ("double", true),
        ("inplace-own", true),
        ("attention", true),
        ("pair", true),
        ("inplace", false),
        ("inplace-view", false),
        ("forked", false),
        ("keeper", false),
        ("keeper-of-memory", false),
    ] {
        assert_eq!(load(fixture).model.only_reads(), only_reads, "{fixture}");
    }
    for variant in [Variant::Frozen, Variant::ForInference] {
        let rewritten = |fixture| load(fixture).model.variant(variant).unwrap().only_reads();
        assert_eq!((rewritten("double"), rewritten("inplace")), (true, false), "{variant:?}");
    }
}

#[test]
fn a_model_that_keeps_its_input_keeps_it_as_it_was() {
    for fixture in ["keeper", "keeper-of-memory"] {
        let mut engine = load(fixture);
        for (given, before) in [(3.0, 0.0), (5.0, 3.0)] {
            let answer = engine.answer(&[floats(&[1, 1], &[given])], 1).unwrap();
            assert_eq!(answer.tensors, [floats(&[1, 1], &[before])], "{fixture}");
        }
    }
}

#[test]
fn a_model_that_takes_its_time_still_answers() {
    let answer = load("slow").answer(&[floats(&[2, 1], &[1.0, 3.0])], 2).unwrap();
    assert_eq!(answer.tensors, [floats(&[2, 1], &[2.0, 6.0])]);
}

#[test]
fn an_answer_too_large_for_its_frame_says_so() {
    let input = floats(&[2, 2], &[0.0; 4]);
    let mut answer = Answer { room: 15, ..Answer::default() };
    let inputs = [input];
    let inputs = views(&inputs);
    let batch = BatchView { rows: 2, inputs: &inputs, arguments: Arguments::in_order() };
    let outcome = load("double").run(&batch, &mut answer, &mut Stopwatch::start());
    assert!(matches!(
        outcome,
        Err(EngineError::OutputTooLarge(FrameFull { needed: 16, capacity: 15 }))
    ));
}

#[test]
fn a_file_that_is_no_model_is_refused_in_one_line() {
    let not_a_model = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    match TorchScript::load(&file(&not_a_model), &settings("cpu", 1)) {
        Err(EngineError::Load(message)) => {
            assert!(message.starts_with("not a TorchScript file"), "{message}");
            assert_eq!(message.lines().count(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_that_cannot_be_had_are_refused() {
    for (device, threads) in [("cuda:0", 1), ("mps", 1), ("cpu", 0), ("cpu", u32::MAX)] {
        let set_up = TorchScript::set_up_thread(&settings(device, threads));
        assert!(matches!(set_up, Err(EngineError::Load(_))), "{device} {threads}");
    }
}

#[test]
fn the_engine_knows_its_version_and_instruction_set() {
    let about = TorchScript::describe();
    assert!(about.engine.starts_with("libtorch 2."), "{}", about.engine);
    assert!(!about.capability.is_empty());
}

type Held = (TensorMeta, Vec<u8>);

/// What a run wrote.
#[derive(Debug, Default)]
struct Answer {
    tensors: Vec<Held>,
    structure: Option<Structure>,
    /// Bytes that fit; 0: any number.
    room: u64,
}

impl OutputSink for Answer {
    fn tensor(&mut self, meta: TensorMeta) -> Result<&mut [u8], FrameFull> {
        let needed = meta.bytes().unwrap();
        if self.room > 0 && needed > self.room {
            return Err(FrameFull { needed, capacity: self.room });
        }
        self.tensors.push((meta, vec![0xaa; usize::try_from(needed).unwrap()]));
        Ok(&mut self.tensors.last_mut().unwrap().1)
    }

    fn structure(&mut self, structure: &Structure) -> Result<(), FrameFull> {
        assert_eq!(self.structure.replace(structure.clone()), None, "told once");
        Ok(())
    }
}

impl TorchScript {
    fn answer(&mut self, inputs: &[Held], rows: u32) -> Result<Answer, EngineError> {
        let (mut answer, inputs) = (Answer::default(), views(inputs));
        let arguments = Arguments::in_order();
        let batch = BatchView { rows, inputs: &inputs, arguments };
        self.run(&batch, &mut answer, &mut Stopwatch::start())?;
        Ok(answer)
    }

    fn answer_with(
        &mut self,
        inputs: &[Held],
        given: &[Given],
        rows: u32,
    ) -> Result<Answer, EngineError> {
        let (mut answer, inputs) = (Answer::default(), views(inputs));
        let encoded = Arguments::encode(given).unwrap();
        let arguments = Arguments::new(&encoded);
        let batch = BatchView { rows, inputs: &inputs, arguments };
        self.run(&batch, &mut answer, &mut Stopwatch::start())?;
        Ok(answer)
    }
}

fn views(inputs: &[Held]) -> Vec<InputView<'_>> {
    inputs.iter().map(|(meta, bytes)| InputView { meta: *meta, bytes }).collect()
}

fn floats(dims: &[u64], values: &[f32]) -> Held {
    let meta = TensorMeta { dtype: Dtype::Float32, shape: Shape::new(dims).unwrap() };
    (meta, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn load(name: &str) -> TorchScript {
    TorchScript::load(&fixture(name), &settings("cpu", 1)).unwrap()
}

fn fixture(name: &str) -> ModelFile {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models");
    file(&models.join(name).with_extension("pt"))
}

fn file(path: &Path) -> ModelFile {
    ModelFile::new(OwnedFd::from(File::open(path).unwrap()))
}

fn settings(device: &str, threads: u32) -> LoadModel {
    LoadModel {
        model: "fixture".to_owned(),
        version: 1,
        worker: 0,
        device: device.to_owned(),
        threads,
        cpus: Vec::new(),
        batching: true,
    }
}
