//! Numbers as people read them.

/// With a comma after each three digits before the point, and so many digits behind it.
pub fn with_thousands(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, whole) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut grouped = String::from(sign);
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// With three digits where that is not less than the whole number.
pub fn three_digits(value: f64) -> String {
    let digits = match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    with_thousands(value, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (value, digits, text) in [
            (0.0, 0, "0"),
            (999.0, 0, "999"),
            (1_000.0, 0, "1,000"),
            (1_234_567.89, 1, "1,234,567.9"),
            (-1_234.0, 0, "-1,234"),
            (-123.0, 0, "-123"),
        ] {
            assert_eq!(with_thousands(value, digits), text);
        }
    }

    #[test]
    fn small_numbers_keep_their_digits() {
        let texts = [0.123, 9.994, 9.996, 99.94, 99.96, 12_345.6].map(three_digits);
        assert_eq!(texts, ["0.12", "9.99", "10.0", "99.9", "100", "12,346"]);
    }
}
