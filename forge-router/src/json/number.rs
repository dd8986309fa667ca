//! Numbers: from digits to doubles, floats and whole numbers.
//!
//! Digits are read eight at a time as one machine word. Most float32 values need no exact double: a product of two
//! doubles tells on which float the exact one would round, unless it lies too close to the middle between two floats.
//! What the quick ways cannot decide goes to `fast_float2`.

use super::powers::power_of_ten;

/// A literal taken apart: `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) negative: bool,
    mantissa: u64,
    exponent: i64,
    /// Whether `mantissa` holds every digit; else only the text is the number.
    exact: bool,
    /// The offset after its last byte.
    pub(super) end: usize,
}

/// The literal at some place is no JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoNumber {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// Why a whole number could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotWhole {
    Fraction,
    TooLarge,
}

/// Powers of ten up to the digits of two words.
const POWERS: [u64; 17] = {
    let mut powers = [1; 17];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// Most digits that always fit 64 bits.
const DIGITS: usize = 19;

/// Reads the number that starts at `start`, by the grammar of RFC 8259.
#[inline(always)]
pub(super) fn scan(body: &[u8], start: usize) -> Result<Number, NoNumber> {
    let negative = body.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let Some(leading) = digit_at(body, first) else {
        return Err(NoNumber { at: first, what: "expected a digit" });
    };
    let mut mantissa = leading;
    let mut end = first + 1;
    // A 0 before the point is no digit of the mantissa.
    let mut digits = usize::from(leading != 0);
    let mut exponent = 0;
    // Most numbers have one digit before the point; what that digit is must not be a branch.
    if body.get(end) != Some(&b'.') && digit_at(body, end).is_some() {
        if leading == 0 {
            return Err(NoNumber { at: first, what: "a number must not start with 0" });
        }
        (end, mantissa) = read_digits(body, end, mantissa);
        digits = end - first;
    }
    if body.get(end) == Some(&b'.') {
        let point = end;
        (end, mantissa) = read_fraction(body, point + 1, mantissa);
        let places = end - point - 1;
        if places == 0 {
            return Err(NoNumber { at: end, what: "expected a digit after the decimal point" });
        }
        digits += places;
        exponent = -(places as i64);
    }
    if let Some(b'e' | b'E') = body.get(end) {
        let written;
        (end, written) = read_exponent(body, end + 1)?;
        exponent += written;
    }
    Ok(Number { negative, mantissa, exponent, exact: digits <= DIGITS, end })
}

impl Number {
    /// The double nearest to it; infinite where it is too large. `text` is its literal.
    #[inline]
    pub(super) fn to_f64(self, text: &[u8]) -> f64 {
        const EXACT_POWER: i64 = 22;
        const EXACT_INTEGER: u64 = 1 << 53;
        if self.exact && self.mantissa <= EXACT_INTEGER && self.exponent.abs() <= EXACT_POWER {
            // Both operands are exact doubles, so the one operation rounds correctly (Clinger 1990).
            if let Some(power) = power_of_ten(self.exponent.abs()) {
                let mantissa = self.mantissa as f64;
                let value = if self.exponent < 0 { mantissa / power } else { mantissa * power };
                return self.signed(value);
            }
        }
        // Its grammar is wider than JSON's, so it accepts every literal that `scan` did.
        fast_float2::parse(text).unwrap_or(f64::NAN)
    }

    /// The float nearest to [`Number::to_f64`]; infinite where it is too large.
    #[inline(always)]
    pub(super) fn to_f32(self, text: &[u8]) -> f32 {
        // The mantissa, the power and their product are each rounded once: together at most 4 units in the last place
        // away from the nearest double. Where no middle between two floats is that close, both round to one float.
        const SLACK: u64 = 8;
        const LOST_BITS: u64 = (1 << 29) - 1;
        const MIDDLE: u64 = 1 << 28;
        // 2^-126, the least normal float, to 2^127.
        const LEAST: u64 = (1023 - 126) << 52;
        const RANGE: u64 = 253 << 52;
        if self.exact
            && let Some(power) = power_of_ten(self.exponent)
        {
            let close = self.mantissa as f64 * power;
            let bits = close.to_bits();
            let decided = (bits & LOST_BITS).wrapping_sub(MIDDLE - SLACK) > 2 * SLACK;
            if decided && bits.wrapping_sub(LEAST) < RANGE {
                return self.signed(close) as f32;
            }
        }
        self.to_f64(text) as f32
    }

    /// Its exact value, for dtypes without fractions. `text` is its literal.
    #[inline(always)]
    pub(super) fn to_whole(self, text: &[u8]) -> Result<i128, NotWhole> {
        let magnitude =
            if self.exact && self.exponent == 0 { self.mantissa } else { self.magnitude(text)? };
        let value = i128::from(magnitude);
        Ok(if self.negative { -value } else { value })
    }

    /// The whole number of a literal with a point, an exponent or many digits.
    #[cold]
    fn magnitude(self, text: &[u8]) -> Result<u64, NotWhole> {
        let digits = || {
            let written = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
            written.filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0')
        };
        let nonzero = digits().enumerate().filter(|(_, digit)| *digit != 0);
        let Some((last, _)) = nonzero.last() else { return Ok(0) };
        let trailing_zeros = digits().count() - 1 - last;
        let exponent = self.exponent.saturating_add_unsigned(trailing_zeros as u64);
        if exponent < 0 {
            return Err(NotWhole::Fraction);
        }
        let exponent = u32::try_from(exponent).map_err(|_| NotWhole::TooLarge)?;
        digits()
            .take(last + 1)
            .try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit)))
            .and_then(|value| value.checked_mul(10u64.checked_pow(exponent)?))
            .ok_or(NotWhole::TooLarge)
    }

    #[inline(always)]
    fn signed(self, value: f64) -> f64 {
        f64::from_bits(value.to_bits() ^ (u64::from(self.negative) << 63))
    }
}

/// Reads the digits of a fraction from `at` on behind those of `mantissa`, which wraps. Gives the offset after them.
///
/// Two words at a time and without a branch on where the digits end: fractions of programs differ in length, so such a
/// branch is mispredicted for about every other number.
#[inline(always)]
fn read_fraction(body: &[u8], mut at: usize, mut mantissa: u64) -> (usize, u64) {
    while let Some(words) = body.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let words = u128::from_le_bytes(*words);
        let (first, second) = (words as u64, (words >> 64) as u64);
        let in_first = leading_digits(first);
        // All ones if the second word goes on with the digits: eight is the only count with that bit.
        let goes_on = (in_first >> 3).wrapping_neg();
        let in_second = leading_digits(second) & goes_on;
        let high = value_of(first, in_first).wrapping_mul(POWERS[in_second]);
        let low = value_of(second, in_second);
        let digits = in_first + in_second;
        mantissa = mantissa.wrapping_mul(POWERS[digits]).wrapping_add(high).wrapping_add(low);
        at += digits;
        if digits < 16 {
            return (at, mantissa);
        }
    }
    read_digits(body, at, mantissa)
}

/// Reads the digits from `at` on behind those of `mantissa`, which wraps. Gives the offset after them.
#[inline(always)]
fn read_digits(body: &[u8], mut at: usize, mut mantissa: u64) -> (usize, u64) {
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

/// Reads the sign and digits of an exponent. Gives the offset after them.
fn read_exponent(body: &[u8], start: usize) -> Result<(usize, i64), NoNumber> {
    // Far beyond any body's count of places after the point, far below overflow.
    const BOUND: i64 = 1 << 50;
    let sign = body.get(start).copied();
    let first = start + usize::from(matches!(sign, Some(b'+' | b'-')));
    let (mut at, mut value) = (first, 0i64);
    while let Some(digit) = digit_at(body, at) {
        value = (value * 10 + digit as i64).min(BOUND);
        at += 1;
    }
    if at == first {
        return Err(NoNumber { at, what: "expected a digit in the exponent" });
    }
    Ok((at, if sign == Some(b'-') { -value } else { value }))
}

#[inline(always)]
fn digit_at(body: &[u8], at: usize) -> Option<u64> {
    let digit = body.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// Eight times the letter 0.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// How many of the eight bytes, from the first one in memory, are digits before another byte comes.
#[inline(always)]
fn leading_digits(word: u64) -> usize {
    // A byte above '9' gets its top bit by the addition, one below '0' or above 0xB9 by the subtraction. Carries and
    // borrows only reach bytes after the first that is no digit.
    const TO_TOP: u64 = 0x4646_4646_4646_4646;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let others = (word.wrapping_add(TO_TOP) | word.wrapping_sub(ZEROS)) & TOPS;
    (others.trailing_zeros() / 8) as usize
}

/// The number that the first `count` bytes of the word are the digits of.
#[inline(always)]
fn value_of(word: u64, count: usize) -> u64 {
    const PAIRS: u64 = 0x0000_00FF_0000_00FF;
    const HUNDREDS: u64 = 100 + (1_000_000 << 32);
    const ONES: u64 = 1 + (10_000 << 32);
    // The digits are moved to the end of the word, so that zeros lead them; half the way twice, as a shift by all 64
    // bits is none.
    let half = 32 - 4 * count;
    let digits = word.wrapping_sub(ZEROS) << half << half;
    // Pairs of digits first, then both halves of the pairs with one multiplication each (Lemire 2018).
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let even = (pairs & PAIRS).wrapping_mul(HUNDREDS);
    let odd = ((pairs >> 16) & PAIRS).wrapping_mul(ONES);
    even.wrapping_add(odd) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Number {
        scan(text.as_bytes(), 0).unwrap()
    }

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
    fn numbers_end_where_the_grammar_ends_them() {
        for (text, end) in [
            ("0", 1),
            ("-0", 2),
            ("0,", 1),
            ("123456789012345678901234567890]", 30),
            ("1.5e+3,", 6),
            ("1E-3 ", 4),
            ("0.00000000000000000001,1", 22),
            ("12a", 2),
            ("1.2.3", 3),
        ] {
            assert_eq!(read(text).end, end, "{text}");
        }
    }

    #[test]
    fn what_json_does_not_call_a_number_is_refused_where_it_goes_wrong() {
        for (text, at) in [
            ("", 0),
            ("-", 1),
            ("+1", 0),
            (".5", 0),
            ("1.", 2),
            ("1.e3", 2),
            ("-.5", 1),
            ("01", 0),
            ("-00", 1),
            ("1e", 2),
            ("1e+", 3),
            ("1E-x", 3),
            ("Infinity", 0),
            ("-Infinity", 1),
        ] {
            assert_eq!(scan(text.as_bytes(), 0).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn doubles_are_the_nearest_ones() {
        for text in [
            "0",
            "-0.0",
            "0.1",
            "1e22",
            "1e23",
            "-1.7976931348623157e308",
            "1e400",
            "-1e400",
            "4.9e-324",
            "2e-324",
            "2.2250738585072011e-308",
            "9007199254740993",
            "9007199254740992",
            "0.3000000000000000444089209850062616",
            "123456789012345678901234567890",
            "1e-99999999999999999999",
            "0e99999999999999999999",
            "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330",
        ] {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(read(text).to_f64(text.as_bytes()).to_bits(), expected.to_bits(), "{text}");
        }
    }

    #[test]
    fn floats_are_the_nearest_ones_of_the_nearest_doubles() {
        for text in [
            "0",
            "-0.0",
            "0.1",
            "16777217",
            "16777216.999999999",
            "16777217.000000001",
            "33554433.0",
            "1e39",
            "3.4028235e38",
            "3.4028235677973366e38",
            "3.4028235677973367e38",
            "1.1754943508222875e-38",
            "1.1754942e-38",
            "1.4e-45",
            "7e-46",
            "7.006492321624085e-46",
            "1e-50",
            "1.00000005960464477539",
            "1e38",
            "1.000000059604644775390625",
            "1.0000000596046448",
            "1.00000017881393432617187499",
            "9999999999999999999",
            "0.000000000000000000000000000000000000011754943",
        ] {
            let expected = text.parse::<f64>().unwrap() as f32;
            assert_eq!(read(text).to_f32(text.as_bytes()).to_bits(), expected.to_bits(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_exact_however_they_are_written() {
        use NotWhole::{Fraction, TooLarge};
        for (text, expected) in [
            ("0", Ok(0)),
            ("-0.000", Ok(0)),
            ("1e3", Ok(1000)),
            ("1.0", Ok(1)),
            ("1.50e1", Ok(15)),
            ("-9223372036854775808", Ok(-9_223_372_036_854_775_808)),
            ("9223372036854775807.000000000000", Ok(9_223_372_036_854_775_807)),
            ("100000000000000000000000000e-25", Ok(10)),
            ("0.000000000000000000000000000001e31", Ok(10)),
            ("0e99999999999999999999", Ok(0)),
            ("1.5", Err(Fraction)),
            ("1e-1", Err(Fraction)),
            ("0.00000000000000000000000000001", Err(Fraction)),
            ("1e-99999999999999999999", Err(Fraction)),
            ("1e20", Err(TooLarge)),
            ("123456789012345678901234567890", Err(TooLarge)),
            ("-1e99999999999999999999", Err(TooLarge)),
        ] {
            assert_eq!(read(text).to_whole(text.as_bytes()), expected, "{text}");
        }
    }
}
