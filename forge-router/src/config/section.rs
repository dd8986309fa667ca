//! A typed reader of one TOML table.
//!
//! Each method takes a key out of the table. A value that is not allowed is put on the list of
//! problems and reading goes on with the default; [`Section::finish`] reports the keys nobody took.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::{Table, Value};

use super::error::{Problems, join};

/// One table and its place in the file.
#[derive(Debug)]
pub(super) struct Section<'p> {
    path: String,
    table: Table,
    /// The keys asked for, which are those a misspelt one may have meant.
    known: Vec<&'static str>,
    problems: &'p Problems,
}

impl<'p> Section<'p> {
    /// `path` is where the table stands, empty for the file itself.
    pub(super) fn new(path: &str, table: Table, problems: &'p Problems) -> Self {
        Self { path: path.to_owned(), table, known: Vec::new(), problems }
    }

    pub(super) fn problems(&self) -> &'p Problems {
        self.problems
    }

    /// The path of one of its keys.
    pub(super) fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Takes a value out as it is; the caller judges it.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// A table that may be left out.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'p> {
        let (path, table) = self.rest_of(key);
        Section::new(&path, table, self.problems)
    }

    /// A table whose keys are names, with its path.
    pub(super) fn rest_of(&mut self, key: &'static str) -> (String, Table) {
        let path = self.key(key);
        let table = match self.take(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.problems.value(&path, &other, format!("a table: [{path}]"), None);
                Table::new()
            }
        };
        (path, table)
    }

    /// `allowed` says in words what `read` accepts.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let read = read(&value);
        if read.is_none() {
            self.problems.value(&self.key(key), &value, allowed, None);
        }
        read
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &'static str, allowed: &str) -> Option<String> {
        let filled =
            |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        self.optional(key, allowed, filled)
    }

    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        self.optional(key, "true or false", Value::as_bool).unwrap_or(default)
    }

    /// A whole number within `range`. `unit` says what it counts, as in " of bytes"; may be empty.
    pub(super) fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> Option<u64> {
        let allowed = format!("a whole number{unit} from {} to {}", range.start(), range.end());
        let within = |value: &Value| {
            let number = u64::try_from(value.as_integer()?).ok()?;
            range.contains(&number).then_some(number)
        };
        self.optional(key, &allowed, within)
    }

    /// A number of things from 1 to `most`.
    pub(super) fn size<T: TryFrom<NonZeroU64>>(
        &mut self,
        key: &'static str,
        most: u64,
        unit: &str,
    ) -> Option<T> {
        let number = NonZeroU64::new(self.whole(key, 1..=most, unit)?)?;
        T::try_from(number).ok()
    }

    /// A time in seconds, with or without a fraction.
    pub(super) fn seconds(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> Duration {
        self.time(key, range, "seconds", 1.0).unwrap_or(Duration::from_secs_f64(default))
    }

    /// A time in seconds that has no default.
    pub(super) fn optional_seconds(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
    ) -> Option<Duration> {
        self.time(key, range, "seconds", 1.0)
    }

    /// A time in milliseconds, with or without a fraction.
    pub(super) fn milliseconds(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> Duration {
        let default = Duration::from_secs_f64(default / 1000.0);
        self.time(key, range, "milliseconds", 1000.0).unwrap_or(default)
    }

    /// Whether nothing was found wrong with these keys so far.
    pub(super) fn is_sound(&self, keys: &[&str]) -> bool {
        !keys.iter().any(|key| self.problems.concern(&self.key(key)))
    }

    /// Whether there are keys other than these.
    pub(super) fn has_unknown(&self, known: &[&str]) -> bool {
        self.table.keys().any(|key| !known.contains(&key.as_str()))
    }

    /// Reports every key that nobody took.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            self.problems.unknown_key(&self.path, key, &self.known);
        }
    }

    fn time(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        unit: &str,
        per_second: f64,
    ) -> Option<Duration> {
        let allowed = format!("a number of {unit} from {} to {}", range.start(), range.end());
        // The range also keeps NaN out, which is within none.
        let within = |value: &Value| number(value).filter(|number| range.contains(number));
        let number = self.optional(key, &allowed, within)?;
        Some(Duration::from_secs_f64(number / per_second))
    }
}

fn number(value: &Value) -> Option<f64> {
    // Whole numbers past 2^53 lose digits, but are past every range, too.
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading<T>(text: &str, read: impl FnOnce(&mut Section<'_>) -> T) -> (T, String) {
        let problems = Problems::default();
        let mut section = Section::new("here", text.parse().unwrap(), &problems);
        let value = read(&mut section);
        section.finish();
        let told = problems.into_errors("file".to_owned()).to_string();
        (value, told.lines().skip(1).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_number_may_be_written_with_or_without_a_fraction() {
        for (text, milliseconds) in
            [("k = 1", 1000), ("k = 1.0", 1000), ("k = 0.25", 250), ("", 7000)]
        {
            let (time, told) = reading(text, |section| section.seconds("k", 0.0..=10.0, 7.0));
            assert_eq!((time, told.as_str()), (Duration::from_millis(milliseconds), ""), "{text}");
        }
    }

    #[test]
    fn a_time_outside_its_range_or_no_number_at_all_is_refused() {
        for value in ["-1", "-0.5", "11", "nan", "inf", "-inf", "\"1\"", "true", "[1]"] {
            let text = format!("k = {value}");
            let (_, told) = reading(&text, |section| section.seconds("k", 0.0..=10.0, 7.0));
            assert!(told.starts_with("  here.k: found "), "{value}: {told}");
            assert!(
                told.ends_with("allowed is a number of seconds from 0 to 10"),
                "{value}: {told}"
            );
        }
    }

    #[test]
    fn a_whole_number_has_no_fraction() {
        for (value, read) in [("1", Some(1)), ("9", Some(9)), ("0", None), ("10", None)] {
            let text = format!("k = {value}");
            assert_eq!(reading(&text, |section| section.whole("k", 1..=9, "")).0, read);
        }
        let (_, told) = reading("k = 2.0", |section| section.whole("k", 1..=9, " of rows"));
        assert_eq!(told, "  here.k: found 2.0, allowed is a whole number of rows from 1 to 9");
    }

    #[test]
    fn keys_that_nobody_took_are_reported_with_what_was_meant() {
        let (_, told) = reading("prot = 1\nzebra = 2", |section| section.whole("port", 0..=9, ""));
        assert_eq!(
            told,
            "  here.prot: unknown key; did you mean port?\n  \
             here.zebra: unknown key; allowed here: port"
        );
    }
}
