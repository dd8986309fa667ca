//! Numbers: from digits to doubles, floats and whole numbers.
//!
//! Most float32 values need no exact double: a product of two doubles tells on which float the
//! exact one would round, unless it lies too close to the middle between two floats. What the quick
//! ways cannot decide goes to `fast_float2`.

use super::digits::{digit_at, read_digits, read_fraction};
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
            // Both operands are exact doubles, so the one operation rounds correctly (Clinger
            // 1990).
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
        // The mantissa, the power and their product are each rounded once: together at most 4 units
        // in the last place away from the nearest double. Where no middle between two floats is
        // that close, both round to one float.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Number {
        scan(text.as_bytes(), 0).unwrap()
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
            "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664.9",
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
