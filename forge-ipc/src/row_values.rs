//! The values of an output that are no tensors, as each request gets them.
//!
//! A batch's numbers, strings and None belong to nobody in particular, so every request gets them.
//! A list of them holds one item per row, as a model that returns a label for each row does; to give
//! everybody the whole list would show one client what another one asked.

use std::mem::discriminant;

use crate::Structure;

/// Whether each request gets a structure of its own.
pub fn has_items_per_row(structure: &Structure) -> bool {
    match structure {
        Structure::List(items) if is_per_row(items) => true,
        Structure::Tuple(children) | Structure::List(children) => {
            children.iter().any(has_items_per_row)
        }
        Structure::Dict(members) => members.iter().any(|(_, child)| has_items_per_row(child)),
        _ => false,
    }
}

/// The structure of the `count` rows from `first` on, of `rows` in all. One row gets its item, several
/// get a list of theirs.
///
/// # Errors
///
/// What is wrong with a list that has not one item per row.
pub fn of_rows(
    structure: &Structure,
    first: usize,
    count: usize,
    rows: usize,
) -> Result<Structure, String> {
    cut(structure, &Cut { first, count, rows, single: Structure::clone })
}

/// [`of_rows`] for what [`join_rows`] joins again: one row, too, gets a list.
///
/// # Errors
///
/// What is wrong with a list that has not one item per row.
pub fn of_part(
    structure: &Structure,
    first: usize,
    count: usize,
    rows: usize,
) -> Result<Structure, String> {
    let single = |item: &Structure| Structure::List(vec![item.clone()]);
    cut(structure, &Cut { first, count, rows, single })
}

/// The structure of consecutive rows that were run in parts: lists of values for each row one after the
/// other. What is everybody's is the first part's.
///
/// # Errors
///
/// What the parts differ in.
pub fn join_rows(parts: impl IntoIterator<Item = Structure>) -> Result<Structure, String> {
    let mut parts = parts.into_iter();
    let mut whole = parts.next().unwrap_or(Structure::None);
    parts.try_for_each(|part| append(&mut whole, part))?;
    Ok(whole)
}

struct Cut {
    first: usize,
    count: usize,
    rows: usize,
    /// What one row gets of a list.
    single: fn(&Structure) -> Structure,
}

fn cut(structure: &Structure, rows: &Cut) -> Result<Structure, String> {
    let child = |child: &Structure| cut(child, rows);
    Ok(match structure {
        Structure::List(items) if is_per_row(items) => {
            let end = rows.first.saturating_add(rows.count);
            let own = items.get(rows.first..end).filter(|_| items.len() == rows.rows);
            match own.ok_or_else(|| not_per_row(items.len(), rows.rows))? {
                [item] => (rows.single)(item),
                own => Structure::List(own.to_vec()),
            }
        }
        Structure::List(items) => {
            Structure::List(items.iter().map(child).collect::<Result<_, _>>()?)
        }
        Structure::Tuple(items) => {
            Structure::Tuple(items.iter().map(child).collect::<Result<_, _>>()?)
        }
        Structure::Dict(members) => {
            let member = |(key, value): &(String, Structure)| Ok((key.clone(), child(value)?));
            Structure::Dict(members.iter().map(member).collect::<Result<_, String>>()?)
        }
        plain => plain.clone(),
    })
}

fn append(whole: &mut Structure, part: Structure) -> Result<(), String> {
    match (whole, part) {
        (Structure::List(whole), Structure::List(part))
            if is_per_row(whole) && is_per_row(&part) =>
        {
            whole.extend(part);
            Ok(())
        }
        (Structure::List(whole), Structure::List(part))
        | (Structure::Tuple(whole), Structure::Tuple(part)) => {
            same(&whole.len(), &part.len(), "lists or tuples of different lengths")?;
            whole.iter_mut().zip(part).try_for_each(|(whole, part)| append(whole, part))
        }
        (Structure::Dict(whole), Structure::Dict(part)) => {
            let keys = |members: &[(String, Structure)]| -> Vec<String> {
                members.iter().map(|(key, _)| key.clone()).collect()
            };
            same(&keys(whole), &keys(&part), "dicts of different keys")?;
            let members = whole.iter_mut().zip(part);
            members.into_iter().try_for_each(|((_, whole), (_, part))| append(whole, part))
        }
        (whole, part) => {
            same(&discriminant(whole), &discriminant(&part), "values of different kinds")
        }
    }
}

fn same<T: PartialEq>(one: &T, other: &T, problem: &str) -> Result<(), String> {
    (one == other).then_some(()).ok_or_else(|| problem.to_owned())
}

fn is_per_row(items: &[Structure]) -> bool {
    !items.is_empty() && items.iter().all(|item| item.tensors() == 0)
}

fn not_per_row(items: usize, rows: usize) -> String {
    format!(
        "the output holds a list of {items} values for {rows} rows, expected one per row: return a \
         tuple where it is the same for all, or set batching = false to run each request alone"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use Structure::{Dict, Float, Int, List, Str, Tensor, Tuple};

    fn labels() -> Structure {
        List(vec![Str("cat".into()), Str("dog".into()), Str("emu".into())])
    }

    #[test]
    fn a_list_of_values_is_cut_and_everything_else_is_everybodys() {
        let boxes = List(vec![Tensor, Tensor]);
        for (whole, of_second) in [
            (labels(), Str("dog".into())),
            (
                Dict(vec![("label".into(), labels()), ("boxes".into(), boxes.clone())]),
                Dict(vec![("label".into(), Str("dog".into())), ("boxes".into(), boxes)]),
            ),
            (
                List(vec![List(vec![Int(1)]), List(vec![]), List(vec![Int(3), Int(4)])]),
                List(vec![]),
            ),
            (Tuple(vec![Tensor, Int(1), Int(2)]), Tuple(vec![Tensor, Int(1), Int(2)])),
            (Float(0.5), Float(0.5)),
            (List(vec![]), List(vec![])),
        ] {
            assert_eq!(of_rows(&whole, 1, 1, 3), Ok(of_second));
        }
        let pair = List(vec![Str("dog".into()), Str("emu".into())]);
        assert_eq!(of_rows(&labels(), 1, 2, 3), Ok(pair));
    }

    #[test]
    fn a_list_that_has_not_one_item_per_row_is_refused() {
        for (first, rows) in [(0, 2), (0, 4), (3, 4)] {
            assert!(of_rows(&labels(), first, 1, rows).unwrap_err().contains("one per row"));
        }
    }

    #[test]
    fn the_parts_of_a_structure_make_it_again() {
        let boxes = List(vec![Tensor, Tensor]);
        for whole in [
            labels(),
            Tuple(vec![Tensor, labels(), Int(1), List(vec![])]),
            Dict(vec![("label".into(), labels()), ("boxes".into(), boxes)]),
            List(vec![List(vec![Int(1)]), List(vec![]), List(vec![Int(3), Int(4)])]),
        ] {
            for parts in [&[(0, 1), (1, 2)][..], &[(0, 2), (2, 1)], &[(0, 1), (1, 1), (2, 1)]] {
                let part = |(first, count): &(usize, usize)| of_part(&whole, *first, *count, 3);
                let parts: Result<Vec<_>, _> = parts.iter().map(part).collect();
                assert_eq!(join_rows(parts.unwrap()), Ok(whole.clone()));
            }
        }
    }

    #[test]
    fn parts_of_different_structures_are_not_joined() {
        let dict = |key: &str| Dict(vec![(key.to_owned(), Tensor)]);
        for (one, other) in [
            (Tensor, Int(1)),
            (Int(1), Str("a".into())),
            (Tuple(vec![Tensor]), Tuple(vec![Tensor, Tensor])),
            (List(vec![]), labels()),
            (dict("a"), dict("b")),
            (Tuple(vec![dict("a")]), Tuple(vec![Tensor])),
        ] {
            assert!(join_rows([one, other]).is_err());
        }
    }

    #[test]
    fn only_lists_of_values_make_structures_differ() {
        assert!(has_items_per_row(&Tuple(vec![Tensor, labels()])));
        for structure in [Tensor, Tuple(vec![Int(1)]), List(vec![Tensor]), List(vec![])] {
            assert!(!has_items_per_row(&structure));
        }
    }
}
