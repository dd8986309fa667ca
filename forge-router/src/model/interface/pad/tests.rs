//! What becomes of requests to models whose rows are padded.

use forge_ipc::Argument;

use super::super::{GivenInput, Interface, NamedInput, RowTensor};
use super::*;
use crate::config::{self, Machine};
use crate::request::Inputs;
use crate::tensor::Dtype;

/// Takes `ids` and `mask`, both needed, and perhaps `kinds` and a list of `more`.
fn interface(settings: &str) -> Interface {
    let argument = |(name, kind, default): (&str, _, Option<&str>)| Argument {
        name: name.to_owned(),
        kind,
        optional: false,
        default: default.map(str::to_owned),
    };
    let arguments = [
        ("mask", ArgumentKind::Tensor, None),
        ("ids", ArgumentKind::Tensor, None),
        ("more", ArgumentKind::Tensors, Some("[]")),
        ("kinds", ArgumentKind::Tensor, Some("None")),
    ];
    let signature = Signature { arguments: arguments.map(argument).to_vec(), likely_row: None };
    let machine = Machine { usable_cpus: vec![0], cpu_quota: None };
    let config = config::for_loading("m", "/m.pt".into(), settings.parse().unwrap(), &machine);
    Interface::new(&signature, &config.unwrap()).unwrap()
}

fn tensor(dims: &[u64]) -> RowTensor {
    let row = TensorMeta { dtype: Dtype::Int64, shape: Shape::new(dims).unwrap() };
    RowTensor { data: vec![1; row.bytes().unwrap() as usize].into(), row }
}

fn named(name: &str, dims: &[u64]) -> NamedInput {
    NamedInput { name: Some(name.to_owned()), given: GivenInput::Tensor(tensor(dims)) }
}

fn dims(inputs: &Inputs) -> Vec<Vec<u64>> {
    inputs.group.row.iter().map(|meta| meta.shape.dims().to_vec()).collect()
}

const PAD: &str = "pad = { multiple = 8, mask_input = \"mask\" }";

#[test]
fn all_tensors_but_those_of_lists_are_as_long_as_their_group() {
    let interface = interface(PAD);
    let list = GivenInput::Tensors(vec![tensor(&[5]), tensor(&[2])]);
    let list = NamedInput { name: Some("more".to_owned()), given: list };
    let given = vec![named("kinds", &[5]), list, named("ids", &[5, 2]), named("mask", &[5])];
    let inputs = interface.accept(given, 1).unwrap();
    assert_eq!(dims(&inputs), [&[8][..], &[8, 2], &[5], &[2], &[8]]);
    assert_eq!(inputs.padding.unwrap().positions(), (5, 8));
}

#[test]
fn a_mask_that_the_model_needs_is_made_and_a_lone_tensor_needs_no_name() {
    let interface = interface(PAD);
    let lone = NamedInput { name: None, given: GivenInput::Tensor(tensor(&[9])) };
    let inputs = interface.accept(vec![lone], 1).unwrap();
    assert_eq!(dims(&inputs), [[16], [16]]);
    assert_eq!((inputs.data[0].len(), inputs.data[1].len()), (0, 72));
    assert_eq!(inputs.group.arguments, None);
    let given = interface.accept(vec![named("mask", &[12]), named("ids", &[12])], 1).unwrap();
    assert_eq!(given.group, inputs.group);
    let mask = interface.input("mask").unwrap();
    assert!(!mask.is_required() && mask.optional());
}

#[test]
fn a_mask_for_nothing_is_missing_where_the_model_needs_it() {
    let interface = interface("pad = { dim = 1, mask_input = \"mask\" }");
    let refused = interface.accept(vec![named("ids", &[3])], 1).unwrap_err();
    assert!(refused.to_string().contains("input 'mask' is missing"), "{refused}");
}

#[test]
fn what_is_declared_as_fixed_is_not_padded() {
    let interface = interface(
        "pad = { multiple = 8, mask_input = \"mask\" }\n\
         inputs = [{ name = \"ids\", dtype = \"int64\", shape = [-1, 2] }, \
         { name = \"kinds\", dtype = \"int64\", shape = [5] }]",
    );
    let inputs = interface.accept(vec![named("ids", &[3, 2]), named("kinds", &[5])], 1).unwrap();
    assert_eq!(dims(&inputs), [&[8][..], &[8, 2], &[5]]);
    let smallest = interface.smallest_row().unwrap();
    let smallest: Vec<_> = smallest.iter().map(|meta| meta.shape.dims()).collect();
    assert_eq!(smallest, [&[8][..], &[8, 2], &[5]]);
    // The usual mistake is told as it is without padding.
    let refused = interface.accept(vec![named("ids", &[1, 3, 2])], 1).unwrap_err().to_string();
    assert!(refused.contains("'ids' has shape [1, 3, 2], expected [-1, 2]"), "{refused}");
}

#[test]
fn the_group_of_a_request_whose_padding_is_given_up_is_that_of_its_own_length() {
    let interface = interface(PAD);
    let mut inputs = interface.accept(vec![named("ids", &[5])], 1).unwrap();
    inputs.give_up_padding();
    assert_eq!(dims(&inputs), [[5], [5]]);
}

#[test]
fn outputs_of_one_size_at_two_lengths_are_told_from_those_that_follow_them() {
    let declared = "inputs = [{ name = \"ids\", dtype = \"int64\", shape = [-1] }]";
    for (pad, lengths) in [
        ("outputs_dim = 0, multiple = 8", Some([8, 16])),
        ("outputs_dim = 0, multiple = 8, max_length = 12", Some([8, 12])),
        ("outputs_dim = 0, multiple = 8, max_length = 8", Some([8, 7])),
        ("outputs_dim = 0, multiple = 8, max_length = 1", None),
        ("multiple = 8", None),
    ] {
        let interface = interface(&format!("pad = {{ {pad}, mask_input = \"mask\" }}\n{declared}"));
        let rows = interface.rows_to_compare();
        assert_eq!(rows.as_ref().map(|rows| [rows[0].0, rows[1].0]), lengths, "{pad}");
        let Some([(one, row), (other, _)]) = rows else { continue };
        assert_eq!(row[1].shape.dims(), [one]);
        let outputs = |length| [tensor(&[8]).row, tensor(&[length, 2]).row, tensor(&[]).row];
        interface.learn_outputs([one, other], [&outputs(one), &outputs(other)]);
        assert_eq!(interface.rows_to_compare(), None);
        if lengths == Some([8, 16]) {
            let padding = interface.accept(vec![named("ids", &[5])], 1).unwrap().padding.unwrap();
            let is_cut = |(index, row)| padding.cut(index, row, 1).is_some();
            let cut: Vec<bool> = outputs(8).iter().enumerate().map(is_cut).collect();
            assert_eq!(cut, [false, true, false]);
        }
    }
}
