//! Decimal digits, eight at a time as one machine word.

/// Reads the digits of a fraction from `at` on behind those of `mantissa`, which wraps. Gives the
/// offset after them.
///
/// There is no branch on where the digits end: fractions that programs write differ in length by a
/// digit or two, so such a branch would be mispredicted for about every other number.
#[inline(always)]
pub(super) fn read_fraction(body: &[u8], at: usize, mut mantissa: u64) -> (usize, u64) {
    let Some(words) = body.get(at..).and_then(<[u8]>::first_chunk::<24>) else {
        return read_digits(body, at, mantissa);
    };
    let (words, _) = words.as_chunks::<8>();
    let [first, second, third] = [0, 1, 2].map(|index| u64::from_le_bytes(words[index]));
    let in_first = leading_digits(first);
    let in_second = leading_digits(second) & all_ones_if_eight(in_first);
    let mut digits = in_first + in_second;
    let mut value = value_of(first, in_first).wrapping_mul(POWERS[in_second]);
    value = value.wrapping_add(value_of(second, in_second));
    // Well apart from where the digits of either a float or a double end.
    if digits > 12 {
        let in_third = leading_digits(third) & all_ones_if_eight(in_second);
        value = value.wrapping_mul(POWERS[in_third]).wrapping_add(value_of(third, in_third));
        digits += in_third;
    }
    mantissa = mantissa.wrapping_mul(POWERS[digits]).wrapping_add(value);
    if digits == 24 {
        return read_digits(body, at + digits, mantissa);
    }
    (at + digits, mantissa)
}

/// Reads the digits from `at` on behind those of `mantissa`, which wraps. Gives the offset after
/// them.
#[inline(always)]
pub(super) fn read_digits(body: &[u8], mut at: usize, mut mantissa: u64) -> (usize, u64) {
    while let Some(word) = body.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*word);
        let digits = leading_digits(word);
        let value = value_of(word, digits);
        mantissa = mantissa.wrapping_mul(POWERS[digits]).wrapping_add(value);
        at += digits;
        if digits < 8 {
            return (at, mantissa);
        }
    }
    while let Some(digit) = digit_at(body, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        at += 1;
    }
    (at, mantissa)
}

/// The value of the digit at `at`; `None` where there is none.
#[inline(always)]
pub(super) fn digit_at(body: &[u8], at: usize) -> Option<u64> {
    let digit = body.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// Powers of ten up to the digits of three words, wrapping.
const POWERS: [u64; 25] = {
    let mut powers = [1u64; 25];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1].wrapping_mul(10);
        exponent += 1;
    }
    powers
};

/// Eight times the letter 0.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// How many of the eight bytes, from the first one in memory, are digits before another byte comes.
#[inline(always)]
fn leading_digits(word: u64) -> usize {
    // A byte above '9' gets its top bit by the addition, one below '0' or above 0xB9 by the
    // subtraction. Carries and borrows only reach bytes after the first that is no digit.
    const TO_TOP: u64 = 0x4646_4646_4646_4646;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let others = (word.wrapping_add(TO_TOP) | word.wrapping_sub(ZEROS)) & TOPS;
    (others.trailing_zeros() / 8) as usize
}

/// A mask for the count of a word's digits, which only go on from the one before if that has eight.
#[inline(always)]
fn all_ones_if_eight(count: usize) -> usize {
    // Only eight has this bit.
    (count >> 3).wrapping_neg()
}

/// The number that the first `count` bytes of the word are the digits of.
#[inline(always)]
fn value_of(word: u64, count: usize) -> u64 {
    const PAIRS: u64 = 0x0000_00FF_0000_00FF;
    const HUNDREDS: u64 = 100 + (1_000_000 << 32);
    const ONES: u64 = 1 + (10_000 << 32);
    // The digits are moved to the end of the word, so that zeros lead them; half the way twice, as
    // a shift by all 64 bits is none.
    let half = 32 - 4 * count;
    let digits = word.wrapping_sub(ZEROS) << half << half;
    // Pairs of digits first, then both halves of the pairs with one multiplication each (Lemire
    // 2018).
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let even = (pairs & PAIRS).wrapping_mul(HUNDREDS);
    let odd = ((pairs >> 16) & PAIRS).wrapping_mul(ONES);
    even.wrapping_add(odd) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_digits_are_counted_and_read() {
        for (text, digits) in [
            ("12345678", 8),
            ("1234567,", 7),
            ("1:345678", 1),
            ("12/45678", 2),
            (",2345678", 0),
            ("123\u{ff}\u{80}6", 3),
            ("1234é78", 4),
        ] {
            let word = u64::from_le_bytes(*text.as_bytes().first_chunk().unwrap());
            assert_eq!(leading_digits(word), digits, "{text}");
        }
        let word = u64::from_le_bytes(*b"90817263");
        for (count, value) in [(8, 90_817_263), (7, 9_081_726), (1, 9), (0, 0)] {
            assert_eq!(value_of(word, count), value);
        }
    }

    #[test]
    fn fractions_of_any_length_are_read_wherever_the_body_ends() {
        for length in 0..=40 {
            let digits = "1234567890".repeat(4)[..length].to_owned();
            for rest in ["", "]", ", \"dtype\": \"float32\"}"] {
                let body = format!("0.{digits}{rest}");
                let (end, value) = read_fraction(body.as_bytes(), 2, 0);
                assert_eq!(end, 2 + length, "{body}");
                if length <= 19 {
                    assert_eq!(value.to_string(), if length == 0 { "0" } else { &digits });
                }
            }
        }
    }
}
