//! The plots of a page, drawn by plotters into SVG.
//!
//! plotters draws in fixed colours; the page's style sheet replaces each by its role's colour in the light or the dark theme. So the colours
//! here are names, not looks. Every plot is drawn twice, for a desktop and for a telephone: a scaled one would have letters that nobody
//! can read.

use plotters::coord::Shift;
use plotters::prelude::*;

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Letters and axes, the grid, a line or a kept promise, a broken one, and the limit.
const TEXT: RGBColor = RGBColor(0x10, 0x10, 0x10);
const GRID: RGBColor = RGBColor(0x20, 0x20, 0x20);
const SERIES: RGBColor = RGBColor(0x30, 0x30, 0x30);
const BAD: RGBColor = RGBColor(0x40, 0x40, 0x40);
const LIMIT: RGBColor = RGBColor(0x50, 0x50, 0x50);

/// The colour of a service level, the worst first.
fn level(position: usize) -> RGBColor {
    RGBColor(0x60 + u8::try_from(position).unwrap_or_default(), 0, 0)
}

/// Which of the two drawings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    class: &'static str,
    width: u32,
    height: u32,
    labels: usize,
}

/// A figure over the whole width of a desktop, and the two that every plot is drawn in.
const FULL: Size = Size { class: "wide", width: 1050, height: 300, labels: 10 };
const HALF: Size = Size { class: "wide", width: 500, height: 250, labels: 5 };
const NARROW: Size = Size { class: "narrow", width: 340, height: 240, labels: 4 };

/// A rate with its interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) rate: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A rate over time with its confidence interval, 0 to 1; none where there was no opportunity.
pub(super) fn rates(title: &str, labels: &[String], points: &[Option<Point>]) -> String {
    let most = points.iter().flatten().map(|point| point.high).fold(0.01, f64::max);
    twice(title, HALF, |area, size| {
        let mut chart = frame(&area, labels.len(), most)?;
        mesh(&mut chart, size, labels, &|share| percent(*share, most))?;
        // A run is broken where there was nothing to count.
        let numbered: Vec<(usize, Option<Point>)> = points.iter().copied().enumerate().collect();
        for run in numbered.split(|(_, point)| point.is_none()) {
            let at = |(position, point): &(usize, Option<Point>)| point.map(|point| (*position as f64 + 0.5, point));
            let run: Vec<(f64, Point)> = run.iter().filter_map(at).collect();
            let high = run.iter().map(|(x, point)| (*x, point.high));
            let low = run.iter().rev().map(|(x, point)| (*x, point.low));
            chart.draw_series([Polygon::new(high.chain(low).collect::<Vec<_>>(), SERIES.mix(0.22))])?;
            chart.draw_series(LineSeries::new(run.iter().map(|(x, point)| (*x, point.rate)), SERIES.stroke_width(2)))?;
            if let [(x, point)] = run[..] {
                chart.draw_series([PathElement::new(vec![(x, point.low), (x, point.high)], SERIES.stroke_width(2))])?;
            }
            if labels.len() <= size.labels * 6 {
                chart.draw_series(run.iter().map(|(x, point)| Circle::new((*x, point.rate), 2, SERIES.filled())))?;
            }
        }
        area.present()?;
        Ok(())
    })
}

/// Shares that add up to 1, the worst level at the bottom.
pub(super) fn levels(title: &str, labels: &[String], shares: &[Option<[f64; 5]>]) -> String {
    twice(title, FULL, |area, size| {
        let mut chart = frame(&area, labels.len(), 1.0)?;
        mesh(&mut chart, size, labels, &|share| percent(*share, 1.0))?;
        for (position, shares) in shares.iter().enumerate() {
            let mut bottom = 0.0;
            for (number, share) in shares.iter().flatten().enumerate() {
                let (left, right) = (position as f64 + 0.06, position as f64 + 0.94);
                let corners = [(left, bottom), (right, bottom + share)];
                if *share > 0.0 {
                    chart.draw_series([Rectangle::new(corners, level(number).filled())])?;
                }
                bottom += share;
            }
        }
        area.present()?;
        Ok(())
    })
}

/// How many (met, critical) lie in each tenth of the limit, with the limit marked; the last column is all that lies beyond.
pub(super) fn ratios(title: &str, counts: &[(u64, u64)]) -> String {
    let most = counts.iter().map(|(met, critical)| met + critical).max().unwrap_or(1).max(1) as f64;
    twice(title, HALF, |area, size| {
        let mut chart = frame(&area, counts.len(), most)?;
        let beyond = counts.len().saturating_sub(1);
        let label = |tenths: &f64| match whole(*tenths) {
            Some(tenths) if tenths < beyond && tenths.is_multiple_of(5) => {
                if tenths == 10 {
                    "limit".to_owned()
                } else {
                    format!("{}×", tenths as f64 / 10.0)
                }
            }
            Some(tenths) if tenths == beyond => format!("> {}×", tenths / 10),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .axis_style(GRID)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .label_style(("sans-serif", 15).into_font().color(&TEXT))
            .x_labels(if size.class == "narrow" { 4 } else { 8 })
            .x_label_formatter(&label)
            .y_labels(4)
            .y_label_formatter(&|count| short(*count))
            .draw()?;
        for (position, (met, critical)) in counts.iter().enumerate() {
            let (left, right) = (position as f64 + 0.06, position as f64 + 0.94);
            let (kept, all) = (*met as f64, (met + critical) as f64);
            if *met > 0 {
                chart.draw_series([Rectangle::new([(left, 0.0), (right, kept)], SERIES.filled())])?;
            }
            if *critical > 0 {
                chart.draw_series([Rectangle::new([(left, kept), (right, all)], BAD.filled())])?;
            }
        }
        chart.draw_series([PathElement::new(vec![(10.0, 0.0), (10.0, most * 1.05)], LIMIT.stroke_width(2))])?;
        area.present()?;
        Ok(())
    })
}

type Chart<'a, 'd> =
    ChartContext<'a, SVGBackend<'d>, Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>>;

fn frame<'a, 'd>(
    area: &'a DrawingArea<SVGBackend<'d>, Shift>,
    columns: usize,
    most: f64,
) -> Result<Chart<'a, 'd>, Box<dyn std::error::Error>>
where
    'd: 'a,
{
    let chart = ChartBuilder::on(area)
        .margin(6)
        .margin_right(18)
        .x_label_area_size(28)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..columns.max(1) as f64, 0.0..most * 1.05)?;
    Ok(chart)
}

fn mesh(chart: &mut Chart<'_, '_>, size: Size, labels: &[String], y: &dyn Fn(&f64) -> String) -> Drawn {
    let label = |x: &f64| whole(*x).and_then(|position| labels.get(position)).cloned().unwrap_or_default();
    chart
        .configure_mesh()
        .disable_x_mesh()
        .axis_style(GRID)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .label_style(("sans-serif", 15).into_font().color(&TEXT))
        .x_labels(size.labels)
        .x_label_formatter(&label)
        .y_labels(5)
        .y_label_formatter(&y)
        .draw()?;
    Ok(())
}

/// A position on an axis, if it is one.
fn whole(x: f64) -> Option<usize> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked: a small whole number
    ((x - x.round()).abs() < 1e-6 && (0.0..1e6).contains(&x)).then(|| x.round() as usize)
}

fn percent(share: f64, most: f64) -> String {
    if most < 0.05 { format!("{:.1} %", share * 100.0) } else { format!("{:.0} %", share * 100.0) }
}

fn short(count: f64) -> String {
    if count >= 10_000.0 { format!("{:.0}k", count / 1_000.0) } else { format!("{count:.0}") }
}

/// Draws a plot for a desktop and for a telephone. A plot that cannot be drawn is left out: the table behind it has the numbers.
fn twice(title: &str, wide: Size, draw: impl Fn(DrawingArea<SVGBackend<'_>, Shift>, Size) -> Drawn) -> String {
    [wide, NARROW].into_iter().map(|size| drawn(title, size, &draw).unwrap_or_default()).collect()
}

fn drawn(
    title: &str,
    size: Size,
    draw: &impl Fn(DrawingArea<SVGBackend<'_>, Shift>, Size) -> Drawn,
) -> Result<String, Box<dyn std::error::Error>> {
    let mut svg = String::new();
    draw(SVGBackend::with_string(&mut svg, (size.width, size.height)).into_drawing_area(), size)?;
    let (title, class) = (super::parts::escaped(title), size.class);
    Ok(svg.replacen("<svg ", &format!("<svg class=\"{class}\" role=\"img\" aria-label=\"{title}\" "), 1))
}
