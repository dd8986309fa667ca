//! As much of Protocol Buffers' wire format as a load needs ("Encoding" in its documentation).

/// A field of a message whose value has a length: a string, bytes, another message.
pub fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut encoded = vec![number << 3 | 2];
    encoded.extend(varint(value.len() as u64));
    encoded.extend_from_slice(value);
    encoded
}

/// An integer as Protocol Buffers write it.
pub fn varint(mut value: u64) -> Vec<u8> {
    let mut encoded = Vec::new();
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            encoded.push(low);
            return encoded;
        }
        encoded.push(low | 0x80);
    }
}

/// One field of a message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'message> {
    pub number: u32,
    /// Of an integer or a fixed-size number.
    pub value: u64,
    /// Of everything that has a length.
    pub bytes: &'message [u8],
}

/// The fields of a message, in their order; ends with the first error.
pub fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, String>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next_field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field.ok_or_else(|| "not a message of Protocol Buffers".to_owned()))
    })
}

/// The integers of a packed field.
pub fn packed(mut bytes: &[u8]) -> Option<Vec<u64>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(next_varint(&mut bytes)?);
    }
    Some(values)
}

fn next_field<'message>(rest: &mut &'message [u8]) -> Option<Field<'message>> {
    let tag = next_varint(rest)?;
    let number = u32::try_from(tag >> 3).ok()?;
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at_checked(count)?;
        *rest = left;
        Some(taken)
    };
    let none: &[u8] = &[];
    let (value, bytes) = match tag & 7 {
        0 => (next_varint(rest)?, none),
        1 => (u64::from_le_bytes(take(8)?.try_into().ok()?), none),
        2 => {
            let length = usize::try_from(next_varint(rest)?).ok()?;
            let (taken, left) = rest.split_at_checked(length)?;
            *rest = left;
            (0, taken)
        }
        5 => (u32::from_le_bytes(take(4)?.try_into().ok()?).into(), none),
        _ => return None,
    };
    Some(Field { number, value, bytes })
}

fn next_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_fields_are_written_as_the_encoding_guide_shows() {
        assert_eq!(varint(150), [0x96, 0x01]);
        assert_eq!(varint(0), [0]);
        assert_eq!(field(2, b"testing"), b"\x12\x07testing");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let message = [
            [vec![1 << 3], varint(300)].concat(),
            field(2, b"text"),
            [vec![3 << 3 | 5], 7u32.to_le_bytes().to_vec()].concat(),
            [vec![4 << 3 | 1], 8u64.to_le_bytes().to_vec()].concat(),
        ]
        .concat();
        let read: Result<Vec<_>, _> = fields(&message).collect();
        let of = |number, value| Field { number, value, bytes: b"" };
        let text = Field { number: 2, value: 0, bytes: b"text".as_slice() };
        assert_eq!(read, Ok(vec![of(1, 300), text, of(3, 7), of(4, 8)]));
        for cut in 1..message.len() {
            let whole = fields(&message[..cut]).all(|field| field.is_ok());
            assert_eq!(whole, [3, 9, 14].contains(&cut), "{cut}");
        }
        assert_eq!(packed(&[varint(1), varint(300)].concat()), Some(vec![1, 300]));
        assert_eq!(packed(&[0x80]), None);
    }
}
