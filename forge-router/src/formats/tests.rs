//! Properties of all decoders: any bytes are decoded or refused, and what they hold is what is reserved.

use std::num::NonZeroU64;

use proptest::prelude::*;

use super::*;
use crate::config::{Color, Layout, Preprocess};
use crate::memory_budget::MemoryBudget;

const BUDGET: usize = 1 << 22;

/// Images as they are, in bytes.
pub(super) fn plain() -> Preprocess {
    Preprocess {
        input: None,
        resize: None,
        center_crop: None,
        scale: 1.0,
        mean: [0.0; 3],
        std: [1.0; 3],
        layout: Layout::Hwc,
        color: Color::Rgb,
        max_pixels: NonZeroU64::new(100_000).unwrap(),
    }
}

/// A file of the checkout that tests decode.
pub(super) fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../tests/images/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Decodes in every format; each result must hold exactly what it reserved, and a refusal must say why.
fn decode_in_all(body: &[u8]) {
    type Decoder = fn(&[u8], &mut Reservation) -> Result<Vec<GivenTensor>, FormatError>;
    let decoders: [Decoder; 4] = [
        |body, memory| npy::decode(body, memory).map(|tensor| vec![tensor]),
        |body, memory| npz::decode(body, BUDGET / 2, memory),
        safetensors::decode,
        |body, memory| {
            image::decode(body, &plain(), Dtype::Uint8, memory).map(|tensor| vec![tensor])
        },
    ];
    for decode in decoders {
        let mut memory = MemoryBudget::new(BUDGET).reservation();
        match decode(body, &mut memory) {
            Ok(tensors) => {
                let held: usize = tensors.iter().map(|tensor| tensor.data.len()).sum();
                assert_eq!(memory.bytes(), held);
                for tensor in tensors {
                    let bytes = memory::bytes_of(&tensor.shape, tensor.dtype.size());
                    assert_eq!(bytes, Some(tensor.data.len()));
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Valid files of every format, some with several tensors.
fn files() -> Vec<Vec<u8>> {
    let output = |name: &str, dtype: Dtype| FlatOutput {
        name: name.to_owned(),
        shape: vec![2, 3],
        elements: Elements::Numbers(dtype, vec![1; 6 * dtype.size()]),
    };
    let outputs = vec![output("a", Dtype::Float32), output("b", Dtype::Uint8)];
    let memory = &mut MemoryBudget::new(BUDGET).reservation();
    let mut files = vec![
        npy::encode(&outputs[0], memory).unwrap(),
        npz::encode(&outputs, memory).unwrap(),
        safetensors::encode(&outputs, memory).unwrap(),
    ];
    let images = ["noise.png", "progressive.jpg", "cmyk.jpg", "grey.jpg", "turned.jpg"];
    files.extend(images.map(file));
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_decoded_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        decode_in_all(&body);
    }

    #[test]
    fn any_change_of_a_file_is_decoded_or_refused(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let files = files();
        let mut file = which.get(&files).clone();
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if is_cut {
            file.truncate(cut.index(file.len()));
        }
        decode_in_all(&file);
    }
}

#[test]
fn an_answer_is_given_in_the_first_format_that_holds_it() {
    use Format::{Json, Npy, Npz, Raw, Safetensors};
    let leaf = |dtype| FlatKind { name: "y".to_owned(), dtype, row: vec![1] };
    let float = || leaf(Some(Dtype::Float32));
    for (leaves, acceptable, expected) in [
        (vec![float()], &[Raw, Json][..], Some(Raw)),
        (vec![float(), float()], &[Npy, Npz], Some(Npz)),
        (vec![float(), float()], &[Npy, Raw], None),
        (vec![leaf(None)], &[Safetensors, Npy], Some(Npy)),
        (vec![leaf(None)], &[Raw], None),
        (vec![leaf(Some(Dtype::Bfloat16))], &[Npz, Safetensors], Some(Safetensors)),
        (vec![], &[Npy, Json], Some(Json)),
    ] {
        assert_eq!(choose(acceptable, &leaves, 8).ok(), expected, "{leaves:?} {acceptable:?}");
    }
    let told = choose(&[Npy], &[float(), float()], 8).unwrap_err().to_string();
    assert!(told.contains("application/x-npz"), "{told}");
    assert!(choose(&[Npz], &[float()], usize::MAX).is_err());
}

#[test]
fn bare_elements_are_answered_with_their_dtype_and_shape() {
    let elements = Elements::Numbers(Dtype::Int16, vec![1, 0, 2, 0]);
    let output = FlatOutput { name: "y".into(), shape: vec![2], elements };
    let mut memory = MemoryBudget::new(100).reservation();
    let encoded = encode(Format::Raw, vec![output], &mut memory).unwrap();
    assert_eq!(encoded.body, [1, 0, 2, 0]);
    assert_eq!(encoded.raw, Some((Dtype::Int16, vec![2])));
}
