//! Plots of ratios as SVG: one bar for each row, on a logarithmic axis with 1 in the middle.

use std::fmt::Write;

const LABEL_WIDTH: f64 = 270.0;
const AXIS_WIDTH: f64 = 480.0;
const ROW_HEIGHT: f64 = 20.0;
const TOP: f64 = 56.0;
/// The axis shows at most this many times more or less.
const DECADES: f64 = 2.0;

/// One bar.
pub(crate) struct Bar {
    name: String,
    ratio: f64,
}

impl Bar {
    pub(crate) const fn new(name: String, ratio: f64) -> Self {
        Self { name, ratio }
    }
}

/// A plot of ratios; rows without one are left out.
pub(crate) fn ratios(title: &str, bars: impl Iterator<Item = Bar>) -> String {
    let bars: Vec<Bar> = bars.filter(|bar| bar.ratio.is_finite() && bar.ratio > 0.0).collect();
    let rows = f64::from(u32::try_from(bars.len()).unwrap_or(u32::MAX));
    let (width, height) = (LABEL_WIDTH + AXIS_WIDTH + 70.0, TOP + rows * ROW_HEIGHT + 12.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"8\" y=\"20\" \
         font-size=\"15\">{}</text>\n",
        escaped(title)
    );
    for (ratio, name) in
        [(0.01, "1/100"), (0.1, "1/10"), (0.5, "1/2"), (1.0, "1"), (2.0, "2"), (10.0, "10")]
    {
        let x = place(ratio);
        let colour = if name == "1" { "black" } else { "#ccc" };
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/><text x=\"{x:.1}\" \
             y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            TOP - 6.0,
            height - 8.0,
            TOP - 10.0
        );
    }
    let mut y = TOP;
    for bar in &bars {
        draw(&mut svg, bar, y);
        y += ROW_HEIGHT;
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, bar: &Bar, y: f64) {
    let (one, end) = (place(1.0), place(bar.ratio));
    let colour = if bar.ratio <= 1.0 { "#2a7f62" } else { "#b5483a" };
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
         height=\"{:.1}\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>",
        LABEL_WIDTH - 8.0,
        y + ROW_HEIGHT * 0.7,
        escaped(&bar.name),
        one.min(end),
        y + 3.0,
        (one - end).abs().max(1.0),
        ROW_HEIGHT - 6.0,
        LABEL_WIDTH + AXIS_WIDTH + 10.0,
        y + ROW_HEIGHT * 0.7,
        bar.ratio
    );
}

/// Where a ratio is on the axis, from a hundredth to ten times.
fn place(ratio: f64) -> f64 {
    let decades = ratio.log10().clamp(-DECADES, 1.0);
    LABEL_WIDTH + (decades + DECADES) / (DECADES + 1.0) * AXIS_WIDTH
}

/// One line of a plot of growth.
pub(crate) struct Line {
    pub(crate) name: String,
    /// How many there are, and what it costs then.
    pub(crate) points: Vec<(f64, f64)>,
}

const PLOT_LEFT: f64 = 64.0;
const PLOT_WIDTH: f64 = 430.0;
const PLOT_HEIGHT: f64 = 300.0;
const PLOT_BOTTOM: f64 = TOP + PLOT_HEIGHT;
const LEGEND_HEIGHT: f64 = 18.0;
const COLOURS: [&str; 8] =
    ["#2a7f62", "#b5483a", "#2f5d9b", "#8a5fa8", "#c28a1d", "#4a4a4a", "#1d8fa3", "#a8456f"];

/// A plot of what grows, both axes logarithmic: what does not grow lies flat, what grows with the number
/// rises by a decade with each decade.
pub(crate) fn growth(title: &str, lines: &[Line]) -> String {
    let points =
        || lines.iter().flat_map(|line| &line.points).filter(|(x, y)| *x > 0.0 && *y > 0.0);
    let (columns, rows) = (decades(points().map(|(x, _)| *x)), decades(points().map(|(_, y)| *y)));
    let (width, height) = (PLOT_LEFT + PLOT_WIDTH + 220.0, PLOT_BOTTOM + 32.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"8\" y=\"20\" \
         font-size=\"15\">{}</text>\n",
        escaped(title)
    );
    let across = |x: f64| PLOT_LEFT + part(x, columns) * PLOT_WIDTH;
    let up = |y: f64| PLOT_BOTTOM - part(y, rows) * PLOT_HEIGHT;
    for decade in columns.0..=columns.1 {
        let (x, end) = (across(10_f64.powi(decade)), PLOT_BOTTOM + 16.0);
        rule(&mut svg, (x, TOP), (x, PLOT_BOTTOM), (x, end, "middle"), decade);
    }
    for decade in rows.0..=rows.1 {
        let y = up(10_f64.powi(decade));
        let (left, right) = (PLOT_LEFT, PLOT_LEFT + PLOT_WIDTH);
        rule(&mut svg, (left, y), (right, y), (left - 6.0, y + 4.0, "end"), decade);
    }
    let mut legend = TOP + 10.0;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let mut points: Vec<_> = line.points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let path: Vec<_> =
            points.iter().map(|(x, y)| format!("{:.1},{:.1}", across(*x), up(*y))).collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{:.1}\" \
             y=\"{legend:.1}\" fill=\"{colour}\">{}: {}</text>",
            path.join(" "),
            PLOT_LEFT + PLOT_WIDTH + 12.0,
            escaped(&line.name),
            points.last().map_or_else(String::new, |(_, y)| format!("{y:.2}"))
        );
        legend += LEGEND_HEIGHT;
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line of the grid with its label.
fn rule(
    svg: &mut String,
    (x1, y1): (f64, f64),
    (x2, y2): (f64, f64),
    (x, y, anchor): (f64, f64, &str),
    decade: i32,
) {
    let label = match decade {
        6 => "1M".to_owned(),
        3..6 => format!("{}k", 10_f64.powi(decade - 3)),
        _ => format!("{}", 10_f64.powi(decade)),
    };
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ccc\"/><text x=\"{x:.1}\" \
         y=\"{y:.1}\" text-anchor=\"{anchor}\">{label}</text>"
    );
}

/// The powers of ten around some figures.
fn decades(figures: impl Iterator<Item = f64>) -> (i32, i32) {
    let (mut least, mut most) = (i32::MAX, i32::MIN);
    for decade in figures.map(f64::log10) {
        #[allow(clippy::cast_possible_truncation, reason = "a logarithm is small")]
        let (below, above) = (decade.floor() as i32, decade.ceil() as i32);
        (least, most) = (least.min(below), most.max(above));
    }
    if least >= most { (0, 1) } else { (least, most) }
}

/// Where a figure lies between powers of ten.
fn part(figure: f64, (least, most): (i32, i32)) -> f64 {
    (figure.log10() - f64::from(least)) / f64::from(most - least)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_away_from_one() {
        assert!(place(0.1) < place(0.5) && place(0.5) < place(1.0) && place(1.0) < place(2.0));
        assert!((place(1e-9) - LABEL_WIDTH).abs() < 1e-9);
    }

    #[test]
    fn growth_has_a_line_for_each_and_decades_around_all() {
        assert_eq!(decades([0.2, 30.0].into_iter()), (-1, 2));
        assert!((part(10.0, (0, 2)) - 0.5).abs() < 1e-9);
        let line = |name: &str, points| Line { name: name.to_owned(), points };
        let lines = [line("flat", vec![(1e3, 2.0), (1e6, 2.0)]), line("a<b", vec![(1e3, 0.0)])];
        let svg = growth("t", &lines);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("a&lt;b") && svg.contains(">1M<") && svg.contains("flat: 2.00"));
    }

    #[test]
    fn names_are_escaped_and_rows_without_a_ratio_left_out() {
        let bars = [Bar::new("a<b".to_owned(), 0.5), Bar::new("none".to_owned(), f64::NAN)];
        let svg = ratios("t & u", bars.into_iter());
        assert!(svg.contains("a&lt;b") && svg.contains("t &amp; u") && !svg.contains("none"));
    }
}
