//! Forge's throughput as a multiple of each other server's: one bar each, on a logarithmic axis, with
//! what the rounds spread over.

use std::fmt::Write;

use crate::results::{Results, Series};
use crate::workloads::names;

const WIDTH: f64 = 900.0;
/// Where the axis begins and ends.
const LEFT: f64 = 330.0;
const RIGHT: f64 = WIDTH - 70.0;
const ROW: f64 = 22.0;
const HEADING: f64 = 30.0;
const TOP: f64 = 46.0;

const BEHIND: &str = "#c9743a";
const AHEAD: &str = "#2f6f8f";

/// One bar.
#[derive(Debug)]
struct Bar {
    label: String,
    ratio: f64,
    lowest: f64,
    highest: f64,
}

pub(super) fn render(results: &Results) -> String {
    let groups = groups(results);
    let all = || groups.iter().flat_map(|(_, bars)| bars);
    let axis = Axis::over(all().flat_map(|bar| [bar.lowest, bar.highest]));
    let rows: usize = groups.iter().map(|(_, bars)| bars.len()).sum();
    let height = TOP + groups.len() as f64 * HEADING + rows as f64 * ROW + 20.0;
    let mut svg = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
<text x="16" y="22" font-size="15" font-weight="bold">Forge's throughput as a multiple of another server's</text>
"##
    );
    axis.draw(&mut svg, height);
    let mut y = TOP;
    for (heading, bars) in &groups {
        y += HEADING;
        let _ = writeln!(
            svg,
            r#"<text x="16" y="{:.0}" font-weight="bold">{}</text>"#,
            y - 8.0,
            escaped(heading)
        );
        for bar in bars {
            draw(&mut svg, &axis, bar, y);
            y += ROW;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Bars by workload.
fn groups(results: &Results) -> Vec<(&'static str, Vec<Bar>)> {
    let mut groups: Vec<(&str, Vec<Bar>)> = Vec::new();
    for series in &results.series {
        let forge = results.series(series.workload, &series.case, names::FORGE);
        let Some(forge) = forge.filter(|_| series.subject != names::FORGE) else { continue };
        let bar = Bar::of(forge, series);
        match groups.iter_mut().find(|(workload, _)| *workload == series.workload) {
            Some((_, bars)) => bars.push(bar),
            None => groups.push((series.workload, vec![bar])),
        }
    }
    groups
}

impl Bar {
    fn of(forge: &Series, other: &Series) -> Self {
        let (ours, theirs) = (forge.rate(), other.rate());
        Self {
            label: format!("{}, {}", other.subject, other.case),
            ratio: ours.median / theirs.median,
            lowest: ours.lowest / theirs.highest,
            highest: ours.highest / theirs.lowest,
        }
    }
}

/// Powers of ten, and 1 always among them.
#[derive(Debug)]
struct Axis {
    lowest: i32,
    highest: i32,
}

impl Axis {
    fn over(ratios: impl Iterator<Item = f64>) -> Self {
        let (mut lowest, mut highest) = (-1, 1);
        for ratio in ratios.filter(|ratio| ratio.is_finite() && *ratio > 0.0) {
            lowest = lowest.min(ratio.log10().floor() as i32);
            highest = highest.max(ratio.log10().ceil() as i32);
        }
        Self { lowest, highest }
    }

    fn x(&self, ratio: f64) -> f64 {
        let (lowest, highest) = (f64::from(self.lowest), f64::from(self.highest));
        let place = (ratio.log10() - lowest) / (highest - lowest);
        LEFT + place.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn draw(&self, svg: &mut String, height: f64) {
        for power in self.lowest..=self.highest {
            let ratio = 10.0_f64.powi(power);
            let (x, bottom) = (self.x(ratio), height - 14.0);
            let colour = if power == 0 { "#444444" } else { "#dddddd" };
            let _ = writeln!(
                svg,
                r##"<line x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom:.0}" stroke="{colour}"/><text x="{x:.1}" y="{:.0}" text-anchor="middle" fill="#666666">{ratio} ×</text>"##,
                TOP - 6.0
            );
        }
    }
}

fn draw(svg: &mut String, axis: &Axis, bar: &Bar, y: f64) {
    let (one, end) = (axis.x(1.0), axis.x(bar.ratio));
    let colour = if bar.ratio < 1.0 { BEHIND } else { AHEAD };
    let (x, width) = (one.min(end), (one - end).abs().max(1.0));
    let (from, to, middle) = (axis.x(bar.lowest), axis.x(bar.highest), y + ROW / 2.0);
    let _ = writeln!(
        svg,
        r##"<text x="{label:.0}" y="{text:.0}" text-anchor="end">{name}</text><rect x="{x:.1}" y="{top:.0}" width="{width:.1}" height="{thick:.0}" fill="{colour}"/><line x1="{from:.1}" y1="{middle:.0}" x2="{to:.1}" y2="{middle:.0}" stroke="#222222"/><text x="{after:.1}" y="{text:.0}">{ratio:.2} ×</text>"##,
        label = LEFT - 8.0,
        text = middle + 4.0,
        name = escaped(&bar.label),
        top = y + 3.0,
        thick = ROW - 6.0,
        after = to.max(one) + 6.0,
        ratio = bar.ratio,
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Round;

    #[test]
    fn one_is_always_on_the_axis_and_larger_ratios_lie_to_the_right() {
        let axis = Axis::over([40.0, 0.5].into_iter());
        assert_eq!((axis.lowest, axis.highest), (-1, 2));
        assert!(axis.x(0.5) < axis.x(1.0) && axis.x(1.0) < axis.x(40.0));
        assert!((axis.x(100.0) - RIGHT).abs() < 1e-9);
    }

    #[test]
    fn every_other_server_has_a_bar() {
        let mut results = Results::default();
        let round = |per_second| Round { per_second, median_micros: 1.0, p99_micros: 1.0 };
        for (subject, rate) in [("Forge", 90.0), ("bare hyper", 100.0), ("A & B", 3.0)] {
            results.record("w", "c", subject, round(rate));
        }
        results.record("w", "only Forge", "Forge", round(1.0));
        let svg = render(&results);
        assert_eq!(svg.matches("fill=\"#c9743a\"").count(), 1, "{svg}");
        assert_eq!(svg.matches("fill=\"#2f6f8f\"").count(), 1, "{svg}");
        assert!(svg.contains("A &amp; B, c") && svg.contains("30.00 ×"), "{svg}");
    }
}
