//! Bars, for those who do not read tables.

use std::fmt::Write as _;

/// Where the bars begin, and how long the longest is.
const LEFT: f64 = 300.0;
const WIDTH: f64 = 420.0;

/// The height of a line.
const LINE: usize = 22;

/// One picture in SVG: groups of named bars, each as long as its figure is among those of its group.
pub fn svg(groups: &[(String, Vec<(&str, f64)>)]) -> String {
    let lines: usize = groups.iter().map(|(_, bars)| bars.len() + 2).sum();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"{}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        lines * LINE
    );
    let mut y = 0;
    for (title, bars) in groups {
        y += LINE;
        text(&mut svg, 10.0, y, "start", title);
        let most = bars.iter().map(|(_, figure)| *figure).fold(0.0, f64::max);
        for (name, figure) in bars {
            y += LINE;
            let width = (WIDTH * figure / most).max(1.0);
            let fill = if name.contains("session-store") || name.contains("session-layer") {
                "#2a78d6"
            } else {
                "#b4b2aa"
            };
            writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{}\" width=\"{width:.0}\" height=\"16\" fill=\"{fill}\"/>",
                y - 13
            )
            .expect("a String takes all");
            text(&mut svg, LEFT - 8.0, y, "end", name);
            text(
                &mut svg,
                LEFT + width + 6.0,
                y,
                "start",
                &format!("{figure:.0}/s"),
            );
        }
        y += LINE;
    }
    svg.push_str("</svg>\n");
    svg
}

fn text(svg: &mut String, x: f64, y: usize, anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(
        svg,
        "<text x=\"{x:.0}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
    )
    .expect("a String takes all");
}
