//! Answers as rows of JSON, or as columns.

use crate::flat::{Elements, FlatOutput};
use crate::json::{write_list, write_object, write_string, write_tensor};
use crate::tensor::Shape;

/// Writes an array with a value per row: that of the only output, or an object of all by name.
///
/// `rows` is `None` for the answer to a request that was not batched: its rows are the first dimension,
/// where all outputs have the same; else the answer as a whole is the only one.
pub fn write_rows(out: &mut Vec<u8>, outputs: &[FlatOutput], rows: Option<u64>) {
    match rows.or_else(|| common_rows(outputs)) {
        Some(rows) => write_list(out, 0..rows, |out, row| {
            write_named(out, outputs, |out, output| write_row(out, output, row, rows));
        }),
        None => write_list(out, [outputs], write_columns),
    }
}

/// Writes the whole of the only output, or an object of all by name.
pub fn write_columns(out: &mut Vec<u8>, outputs: &[FlatOutput]) {
    write_named(out, outputs, write_whole);
}

fn write_named(
    out: &mut Vec<u8>,
    outputs: &[FlatOutput],
    mut write: impl FnMut(&mut Vec<u8>, &FlatOutput),
) {
    if let [only] = outputs {
        return write(out, only);
    }
    let named = outputs.iter().map(|output| (output.name.as_str(), output));
    write_object(out, named, write);
}

fn common_rows(outputs: &[FlatOutput]) -> Option<u64> {
    let rows = *outputs.first()?.shape.first()?;
    outputs.iter().all(|output| output.shape.first() == Some(&rows)).then_some(rows)
}

/// A value that is one for all rows is written for each.
fn write_row(out: &mut Vec<u8>, output: &FlatOutput, row: u64, rows: u64) {
    let [first, dims @ ..] = output.shape.as_slice() else { return write_whole(out, output) };
    let row = if *first == rows { row } else { 0 };
    // In memory all of it is there.
    let row = usize::try_from(row).unwrap_or(usize::MAX);
    match &output.elements {
        Elements::Numbers(dtype, data) => {
            let shape = Shape::new(dims).unwrap_or(Shape::SCALAR);
            let bytes = shape.elements().unwrap_or(0) as usize * dtype.size();
            let data = data.get(row.saturating_mul(bytes)..).and_then(|rest| rest.get(..bytes));
            write_tensor(out, *dtype, &shape, data.unwrap_or_default());
        }
        Elements::Texts(texts) => write_string(out, texts.get(row).map_or("", String::as_str)),
    }
}

fn write_whole(out: &mut Vec<u8>, output: &FlatOutput) {
    match &output.elements {
        Elements::Numbers(dtype, data) => {
            let shape = Shape::new(&output.shape).unwrap_or(Shape::SCALAR);
            write_tensor(out, *dtype, &shape, data);
        }
        Elements::Texts(texts) => write_list(out, texts, |out, text| write_string(out, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Dtype;

    fn numbers(name: &str, shape: &[u64]) -> FlatOutput {
        let count = shape.iter().product::<u64>() as u8;
        let elements = Elements::Numbers(Dtype::Uint8, (0..count).collect());
        FlatOutput { name: name.to_owned(), shape: shape.to_vec(), elements }
    }

    fn texts(texts: &[&str]) -> FlatOutput {
        let elements = Elements::Texts(texts.iter().map(|text| (*text).to_owned()).collect());
        FlatOutput { name: "label".to_owned(), shape: vec![texts.len() as u64], elements }
    }

    fn rows(outputs: &[FlatOutput], rows: Option<u64>) -> String {
        let mut out = Vec::new();
        write_rows(&mut out, outputs, rows);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_row_is_a_value_of_its_own() {
        for (outputs, count, expected) in [
            (vec![numbers("y", &[2, 2])], Some(2), "[[0,1],[2,3]]"),
            (vec![numbers("y", &[3])], Some(3), "[0,1,2]"),
            (vec![numbers("y", &[1, 0])], Some(1), "[[]]"),
            (
                vec![numbers("y", &[2, 1]), texts(&["a", "b"])],
                Some(2),
                r#"[{"y":[0],"label":"a"},{"y":[1],"label":"b"}]"#,
            ),
            // One value for all rows.
            (
                vec![numbers("y", &[2]), numbers("n", &[1])],
                Some(2),
                r#"[{"y":0,"n":0},{"y":1,"n":0}]"#,
            ),
            (vec![], Some(1), "[{}]"),
        ] {
            assert_eq!(rows(&outputs, count), expected);
        }
    }

    #[test]
    fn what_is_not_batched_has_the_rows_that_all_outputs_have() {
        for (outputs, expected) in [
            (vec![numbers("y", &[2, 2])], "[[0,1],[2,3]]"),
            (vec![numbers("y", &[])], "[0]"),
            (vec![numbers("y", &[2]), numbers("z", &[3])], r#"[{"y":[0,1],"z":[0,1,2]}]"#),
        ] {
            assert_eq!(rows(&outputs, None), expected);
        }
    }

    #[test]
    fn columns_are_the_outputs_whole() {
        for (outputs, expected) in [
            (vec![numbers("y", &[2, 2])], "[[0,1],[2,3]]"),
            (vec![texts(&["a", "b"])], r#"["a","b"]"#),
            (vec![numbers("y", &[2]), texts(&["a"])], r#"{"y":[0,1],"label":["a"]}"#),
        ] {
            let mut out = Vec::new();
            write_columns(&mut out, &outputs);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
