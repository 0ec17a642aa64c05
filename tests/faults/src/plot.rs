//! Lines over time, as SVG: a panel for each figure, one below the other.

use std::fmt::Write;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 60.0;
const PANEL: f64 = 120.0;
const GAP: f64 = 40.0;
const INK: &str = "#333333";
const FAINT: &str = "#dddddd";
const LINE: &str = "#0072b2";

/// A figure over time.
#[derive(Clone, Debug)]
pub struct Panel {
    pub name: String,
    pub values: Vec<f64>,
}

/// The panels, each from zero up. The values of all were taken at these times, in seconds.
#[must_use]
pub fn svg(title: &str, seconds: &[f64], panels: &[Panel]) -> String {
    let height = TOP + panels.len() as f64 * (PANEL + GAP) + 20.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    text(&mut out, WIDTH / 2.0, 26.0, "middle", title);
    let end = seconds.iter().copied().fold(1.0, f64::max);
    for (index, panel) in panels.iter().enumerate() {
        let top = TOP + index as f64 * (PANEL + GAP);
        let most = panel.values.iter().copied().fold(0.0, f64::max);
        let step = nice_step(most);
        let most = step * (most / step).ceil().max(1.0);
        let place = |second: f64, value: f64| {
            let across = second / end * (WIDTH - LEFT - RIGHT);
            (LEFT + across, top + PANEL - value / most * PANEL)
        };
        text(&mut out, LEFT, top - 8.0, "start", &panel.name);
        let mut mark = 0.0;
        while mark <= most + step / 2.0 {
            let (_, y) = place(0.0, mark);
            let right = WIDTH - RIGHT;
            let _ = writeln!(
                out,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"{FAINT}\"/>"
            );
            text(&mut out, LEFT - 8.0, y + 4.0, "end", &format!("{mark}"));
            mark += step;
        }
        let points = seconds.iter().zip(&panel.values);
        let points: Vec<_> = points
            .map(|(&second, &value)| {
                let (x, y) = place(second, value);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let points = points.join(" ");
        let _ = writeln!(
            out,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{LINE}\" stroke-width=\"1.5\"/>"
        );
    }
    let (unit, name) = match end {
        ..300.0 => (1.0, "seconds"),
        _ => (60.0, "minutes"),
    };
    let step = nice_step(end / unit);
    let mut mark = 0.0;
    while mark <= end / unit {
        let x = LEFT + mark * unit / end * (WIDTH - LEFT - RIGHT);
        text(&mut out, x, height - 34.0, "middle", &format!("{mark}"));
        mark += step;
    }
    text(&mut out, WIDTH / 2.0, height - 14.0, "middle", name);
    out.push_str("</svg>\n");
    out
}

/// A step of 1, 2 or 5 times a power of ten, of which at most five make the axis.
fn nice_step(most: f64) -> f64 {
    let rough = (most / 5.0).max(1.0);
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    steps
        .into_iter()
        .find(|&step| step >= rough)
        .unwrap_or(rough)
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{INK}\">{content}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (most, step) in [
            (0.0, 1.0),
            (5.0, 1.0),
            (7.0, 2.0),
            (60.0, 20.0),
            (999.0, 200.0),
        ] {
            assert_eq!(nice_step(most), step, "{most}");
        }
    }

    #[test]
    fn each_panel_has_its_line() {
        let panel = |name: &str, values: &[f64]| Panel {
            name: name.to_owned(),
            values: values.to_vec(),
        };
        let panels = [panel("memory", &[1.0, 2.0]), panel("a < b", &[0.0, 0.0])];
        let svg = svg("title", &[0.0, 10.0], &panels);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN"), "{svg}");
    }
}
