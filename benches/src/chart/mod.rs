//! Charts as SVG: panels of lines side by side, on a light background, with every size and text in one
//! file that a README can show.
//!
//! Written by hand, since no crate that draws them has less to say: an axis is some lines and texts.

mod scale;
mod svg;

use scale::Scale;
use svg::{Anchor, Svg};

/// Panels below a title.
#[derive(Clone, Debug)]
pub struct Chart {
    pub title: String,
    /// Under which circumstances: in small letters below the title.
    pub subtitle: String,
    pub panels: Vec<Panel>,
}

/// Lines over the same axes. The horizontal one has its values at equal distances.
#[derive(Clone, Debug)]
pub struct Panel {
    pub title: String,
    /// What the horizontal axis shows.
    pub across: String,
    pub ticks: Vec<String>,
    pub series: Vec<Series>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    /// One for each tick; `None` where there is none.
    pub values: Vec<Option<f64>>,
}

const PANEL_WIDTH: f64 = 440.0;
const HEIGHT: f64 = 400.0;
/// Around the lines of a panel.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 116.0;
const BOTTOM: f64 = 56.0;

const INK: &str = "#1f2937";
const FAINT: &str = "#6b7280";
const GRID: &str = "#e5e7eb";
/// Told apart by who does not see all colours, too.
const COLORS: [&str; 4] = ["#2563eb", "#d97706", "#b91c1c", "#0f766e"];

impl Chart {
    /// The whole file.
    pub fn to_svg(&self) -> String {
        let width = PANEL_WIDTH * self.panels.len().max(1) as f64;
        let mut svg = Svg::new(width, HEIGHT);
        svg.text((width / 2.0, 28.0), &self.title, Anchor::Middle, (17.0, INK));
        svg.text((width / 2.0, 48.0), &self.subtitle, Anchor::Middle, (12.0, FAINT));
        for (place, panel) in self.panels.iter().enumerate() {
            panel.draw(&mut svg, PANEL_WIDTH * place as f64);
        }
        svg.finish()
    }
}

impl Panel {
    fn draw(&self, svg: &mut Svg, left: f64) {
        let values = self.series.iter().flat_map(|series| &series.values).flatten();
        let scale = Scale::up_to(values.copied().fold(0.0, f64::max));
        let (begin, end) = (left + LEFT, left + PANEL_WIDTH - RIGHT);
        svg.text((begin, 78.0), &self.title, Anchor::Start, (13.0, INK));
        self.draw_grid(svg, &scale, (begin, end));
        // One tick stands in the middle.
        let step = (end - begin) / self.ticks.len().max(1) as f64;
        let across = |place: usize| begin + step * (place as f64 + 0.5);
        for (place, tick) in self.ticks.iter().enumerate() {
            let below = HEIGHT - BOTTOM + 18.0;
            svg.text((across(place), below), tick, Anchor::Middle, (11.0, FAINT));
        }
        let middle = f64::midpoint(begin, end);
        svg.text((middle, HEIGHT - 14.0), &self.across, Anchor::Middle, (12.0, INK));
        for (series, color) in self.series.iter().zip(COLORS.iter().cycle()) {
            draw_line(svg, series, color, &across, &scale);
        }
        if self.series.len() > 1 {
            self.draw_legend(svg, begin);
        }
    }

    fn draw_grid(&self, svg: &mut Svg, scale: &Scale, (begin, end): (f64, f64)) {
        for tick in scale.ticks() {
            let y = upward(scale, tick);
            svg.line((begin, y), (end, y), GRID);
            svg.text((begin - 8.0, y + 4.0), &scale.label(tick), Anchor::End, (11.0, FAINT));
        }
    }

    fn draw_legend(&self, svg: &mut Svg, begin: f64) {
        let mut x = begin;
        for (series, color) in self.series.iter().zip(COLORS.iter().cycle()) {
            svg.polyline(&[(x, 94.0), (x + 18.0, 94.0)], color);
            svg.dot((x + 9.0, 94.0), color);
            svg.text((x + 24.0, 98.0), &series.name, Anchor::Start, (12.0, INK));
            // A letter of 12 px is about 7 px wide.
            x += 24.0 + 7.0 * series.name.chars().count() as f64 + 18.0;
        }
    }
}

fn draw_line(
    svg: &mut Svg,
    series: &Series,
    color: &str,
    across: &dyn Fn(usize) -> f64,
    scale: &Scale,
) {
    let values = series.values.iter().enumerate();
    let points: Vec<(f64, f64)> = values
        .filter_map(|(place, value)| Some((across(place), upward(scale, (*value)?))))
        .collect();
    svg.polyline(&points, color);
    points.iter().for_each(|point| svg.dot(*point, color));
}

fn upward(scale: &Scale, value: f64) -> f64 {
    HEIGHT - BOTTOM - scale.share(value) * (HEIGHT - BOTTOM - TOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_texts_and_a_line_for_each_series() {
        let series =
            |name: &str| Series { name: name.to_owned(), values: vec![Some(1.0), None, Some(3.0)] };
        let panel = Panel {
            title: "latency (ms)".to_owned(),
            across: "connections".to_owned(),
            ticks: ["1", "5", "10"].map(str::to_owned).to_vec(),
            series: vec![series("P50"), series("<P99>")],
        };
        let chart =
            Chart { title: "a & b".to_owned(), subtitle: String::new(), panels: vec![panel] };
        let svg = chart.to_svg();
        for text in ["a &amp; b", "latency (ms)", "connections", ">5<", "P50", "&lt;P99&gt;"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        // Two lines and their two signs in the legend.
        assert_eq!(svg.matches("<polyline").count(), 4, "{svg}");
        assert_eq!(svg.matches("<circle").count(), 6, "{svg}");
    }
}
