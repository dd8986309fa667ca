//! What queries ask for: the metrics they name, and the labels they tell apart.

/// One `name{label="value", …}` of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    pub name: String,
    /// Each label with the values it is compared to; none where those are a variable's.
    pub labels: Vec<(String, Vec<String>)>,
}

/// Every selector of Forge's metrics in a text of queries.
pub fn selectors(text: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    for (at, word) in words(text) {
        if !["forge_", "process_"].iter().any(|prefix| word.starts_with(prefix)) {
            continue;
        }
        let matchers =
            text[at + word.len()..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let pairs = matchers.map_or("", |(matchers, _)| matchers).split(',');
        let labels = pairs.filter(|pair| !pair.trim().is_empty()).map(label).collect();
        found.push(Selector { name: word.to_owned(), labels });
    }
    found
}

/// The labels by which a text of queries groups and joins.
pub fn grouping(text: &str) -> Vec<String> {
    let mut labels = Vec::new();
    for (at, word) in words(text) {
        let rest = text[at + word.len()..].trim_start();
        let list = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        if let Some((list, _)) = list.filter(|_| ["by", "on"].contains(&word)) {
            labels.extend(list.split(',').map(|label| label.trim().to_owned()));
        }
    }
    labels
}

fn label(pair: &str) -> (String, Vec<String>) {
    let (label, value) = pair.split_once('=').unwrap_or_else(|| {
        pair.split_once('~').unwrap_or_else(|| panic!("{pair:?} compares nothing"))
    });
    let value = value.trim_start_matches('~').trim().trim_matches('"');
    let values = value.split('|').filter(|value| !value.starts_with('$')).map(str::to_owned);
    (label.trim().trim_end_matches('!').to_owned(), values.collect())
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_word)?;
        let length = text[start..].find(|character| !is_word(character));
        at = length.map_or(text.len(), |length| start + length);
        Some((start, &text[start..at]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_labels_and_groups_are_found() {
        let query = "sum by (model, le) (rate(forge_a_bucket{x=~\"$x\", y!=\"1\", z!~\"2|3\"}[5m])) \
                     / forge_b and on (job) up";
        let label = |name: &str, values: &[&str]| {
            (name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
        };
        let labels = vec![label("x", &[]), label("y", &["1"]), label("z", &["2", "3"])];
        assert_eq!(
            selectors(query),
            [
                Selector { name: "forge_a_bucket".to_owned(), labels },
                Selector { name: "forge_b".to_owned(), labels: Vec::new() },
            ]
        );
        assert_eq!(grouping(query), ["model", "le", "job"]);
    }
}
