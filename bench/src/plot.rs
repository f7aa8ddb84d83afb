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
    fn names_are_escaped_and_rows_without_a_ratio_left_out() {
        let bars = [Bar::new("a<b".to_owned(), 0.5), Bar::new("none".to_owned(), f64::NAN)];
        let svg = ratios("t & u", bars.into_iter());
        assert!(svg.contains("a&lt;b") && svg.contains("t &amp; u") && !svg.contains("none"));
    }
}
