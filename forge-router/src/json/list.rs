//! Arrays and objects of what their callers write.

use super::text::write_string;

/// Writes `[item,…]`.
pub fn write_list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    write_separated(out, items, write);
    out.push(b']');
}

/// Writes `{"name":value,…}`.
pub fn write_object<'a, T>(
    out: &mut Vec<u8>,
    members: impl IntoIterator<Item = (&'a str, T)>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'{');
    write_separated(out, members, |out, (name, value)| {
        write_string(out, name);
        out.push(b':');
        write(out, value);
    });
    out.push(b'}');
}

fn write_separated<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_items_and_nowhere_else() {
        let written = |names: &[&str]| {
            let mut out = Vec::new();
            write_list(&mut out, names, |out, name| write_string(out, name));
            write_object(&mut out, names.iter().map(|name| (*name, name)), |out, name| {
                write_string(out, name);
            });
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(&[]), "[]{}");
        assert_eq!(written(&["a"]), r#"["a"]{"a":"a"}"#);
        assert_eq!(written(&["a", "\""]), r#"["a","\""]{"a":"a","\"":"\""}"#);
    }
}
