//! Protobuf's wire format, read without allocating: <https://protobuf.dev/programming-guides/encoding/>.
//!
//! Only what a message that is read has: varints, fixed 32 and 64 bits, and bytes. Nothing recurses:
//! a message within a message is bytes until somebody reads those.

use crate::pieces::Pieces;

/// Seven of 64 bits in each byte, and one byte more, by which it is seen that there are too many.
const LONGEST_VARINT: usize = 11;

/// One field, as it stands in a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    pub number: u32,
    pub value: Value<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    /// A string, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

/// What a client wrote is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("the message ends in the middle of a field")]
    Truncated,
    #[error("the message has a number of more than 64 bits")]
    TooLong,
    #[error("the message has a field of a kind that it cannot have ({0})")]
    Kind(u8),
    #[error("the message has a text that is not UTF-8")]
    Text,
    #[error("field {0} of the message is of another type than the protocol says")]
    Type(u32),
}

/// The fields of a message, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Result<Field<'a>, WireError> {
        let key = varint(&mut self.0)?;
        let number = u32::try_from(key >> 3).map_err(|_| WireError::TooLong)?;
        let value = match (key & 7) as u8 {
            0 => Value::Varint(varint(&mut self.0)?),
            1 => Value::Fixed64(self.fixed()?),
            2 => {
                let length = varint(&mut self.0)?;
                let length = usize::try_from(length).map_err(|_| WireError::Truncated)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(WireError::Truncated)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(self.fixed()?),
            kind => return Err(WireError::Kind(kind)),
        };
        Ok(Field { number, value })
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(WireError::Truncated)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

/// The fields of a message that lies in pieces: their numbers, and those that are bytes, which are parts of the
/// pieces.
#[derive(Clone, Debug)]
pub struct FieldsInPieces(pub Pieces);

impl Iterator for FieldsInPieces {
    type Item = Result<(u32, Option<Pieces>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = Pieces::default();
        }
        Some(field)
    }
}

impl FieldsInPieces {
    fn read(&mut self) -> Result<(u32, Option<Pieces>), WireError> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| WireError::TooLong)?;
        let length = match (key & 7) as u8 {
            0 => {
                self.varint()?;
                return Ok((number, None));
            }
            1 => 8,
            2 => usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?,
            5 => 4,
            kind => return Err(WireError::Kind(kind)),
        };
        let value = self.0.split_to(length);
        if value.len() < length {
            return Err(WireError::Truncated);
        }
        Ok((number, (key & 7 == 2).then_some(value)))
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let mut head = [0; LONGEST_VARINT];
        let mut length = 0;
        for (place, byte) in head.iter_mut().zip(self.0.bytes()) {
            *place = *byte;
            length += 1;
        }
        let mut rest = &head[..length];
        let number = varint(&mut rest)?;
        self.0.split_to(length - rest.len());
        Ok(number)
    }
}

impl<'a> Field<'a> {
    pub fn bytes(&self) -> Result<&'a [u8], WireError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::Type(self.number)),
        }
    }

    pub fn text(&self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::Text)
    }

    /// The numbers of a repeated field: one, or all of them packed.
    pub fn varints(&self) -> Result<Varints<'a>, WireError> {
        match self.value {
            Value::Varint(number) => Ok(Varints { one: Some(number), packed: &[] }),
            Value::Bytes(packed) => Ok(Varints { one: None, packed }),
            _ => Err(WireError::Type(self.number)),
        }
    }
}

/// Numbers of a repeated field.
#[derive(Clone, Copy, Debug)]
pub struct Varints<'a> {
    one: Option<u64>,
    packed: &'a [u8],
}

impl Varints<'_> {
    /// How many there are, where all are whole: each has one byte without the bit that continues it.
    pub fn how_many(&self) -> usize {
        let last = self.packed.iter().filter(|byte| **byte < 0x80).count();
        last + usize::from(self.one.is_some())
    }
}

impl Iterator for Varints<'_> {
    type Item = Result<u64, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(one) = self.one.take() {
            return Some(Ok(one));
        }
        if self.packed.is_empty() {
            return None;
        }
        let number = varint(&mut self.packed);
        if number.is_err() {
            self.packed = &[];
        }
        Some(number)
    }
}

/// The bits of seven in each byte, the lowest first.
fn varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut number = 0_u64;
    for (place, byte) in rest.iter().enumerate() {
        let bits = u64::from(byte & 0x7F);
        // Of the tenth byte only one bit has a place.
        if place > 9 || (place == 9 && bits > 1) {
            return Err(WireError::TooLong);
        }
        number |= bits << (7 * place);
        if byte & 0x80 == 0 {
            *rest = &rest[place + 1..];
            return Ok(number);
        }
    }
    Err(WireError::Truncated)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn fields(bytes: &[u8]) -> Vec<Result<Field<'_>, WireError>> {
        Fields(bytes).collect()
    }

    fn field(number: u32, value: Value<'_>) -> Result<Field<'_>, WireError> {
        Ok(Field { number, value })
    }

    #[test]
    fn fields_are_read_in_their_order() {
        let bytes = [
            0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1D, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0,
            0,
        ];
        let expected = [
            field(1, Value::Varint(150)),
            field(2, Value::Bytes(b"hi")),
            field(3, Value::Fixed32([1, 0, 0, 0])),
            field(4, Value::Fixed64([2, 0, 0, 0, 0, 0, 0, 0])),
        ];
        assert_eq!(fields(&bytes), expected);
    }

    #[test]
    fn what_is_no_message_ends_with_an_error() {
        for (bytes, error) in [
            (&[0x08][..], WireError::Truncated),
            (&[0x80], WireError::Truncated),
            (&[0x12, 0x05, b'a'], WireError::Truncated),
            (
                &[0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1],
                WireError::Truncated,
            ),
            (&[0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2], WireError::TooLong),
            (&[0x0B], WireError::Kind(3)),
            (&[0x0F], WireError::Kind(7)),
            (&[0x0D, 1], WireError::Truncated),
        ] {
            assert_eq!(fields(bytes), [Err(error)], "{bytes:?}");
        }
    }

    #[test]
    fn a_message_in_pieces_has_the_same_fields() {
        let message = [&[0x08, 0x96, 0x01, 0x12, 3][..], b"abc", &[0x1D, 1, 0, 0, 0, 0x12, 0]];
        let message = message.concat();
        for cut in 0..=message.len() {
            let mut pieces = Pieces::default();
            for part in [&message[..cut], &message[cut..]] {
                pieces.push(Bytes::copy_from_slice(part));
            }
            let fields: Vec<_> = FieldsInPieces(pieces.clone()).map(Result::unwrap).collect();
            let text = |text: &'static [u8]| Some(Pieces::from(Bytes::from_static(text)));
            assert_eq!(fields, [(1, None), (2, text(b"abc")), (3, None), (2, text(b""))]);
            for end in [1, 2, 4, 7, 12] {
                let last = FieldsInPieces(pieces.slice(0..end)).last();
                assert_eq!(last, Some(Err(WireError::Truncated)), "cut at {cut}, ends at {end}");
            }
        }
    }

    #[test]
    fn packed_numbers_and_a_single_one_are_read_alike() {
        let read = |value| {
            let numbers = Field { number: 1, value }.varints().unwrap();
            (numbers.how_many(), numbers.collect::<Result<Vec<u64>, _>>())
        };
        assert_eq!(read(Value::Varint(7)), (1, Ok(vec![7])));
        assert_eq!(read(Value::Bytes(&[1, 0x96, 1])), (2, Ok(vec![1, 150])));
        assert_eq!(read(Value::Bytes(&[1, 0x96])).1, Err(WireError::Truncated));
        assert!(Field { number: 1, value: Value::Fixed32([0; 4]) }.varints().is_err());
    }
}
