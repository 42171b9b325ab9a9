//! Pictures of spikes as SVG: who fired when, and how many.

use std::fmt::Write;

use cortexkg_engine::network::{Description, Spike};

/// Size of a picture, px.
const WIDTH: f64 = 960.0;
const RASTER_HEIGHT: f64 = 480.0;
const RATES_HEIGHT: f64 = 220.0;
/// Room for axes.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 36.0;
/// Dots in a picture; of more spikes a regular sample of neurons is drawn.
const DOTS_MAX: usize = 40_000;
/// Points of a curve.
const BINS: usize = 240;
const COLOURS: [&str; 8] =
    ["#1f5fa8", "#c23b3b", "#2a8c5a", "#b07a12", "#6a4fb3", "#0f8a94", "#a63d86", "#5b6470"];

/// The spikes of one replica over some time, with the names of the populations.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// What is shown, for the title.
    pub name: &'a str,
    /// For names and sizes of populations.
    pub description: &'a Description,
    /// Who fired; only the first replica is shown.
    pub spikes: &'a [Spike],
    /// First step shown.
    pub first_step: u32,
    /// Steps shown.
    pub steps: u32,
}

impl Scene<'_> {
    fn ms(&self, step: f64) -> f64 {
        step * self.description.step_ms
    }

    fn shown(&self) -> impl Iterator<Item = &Spike> {
        self.spikes.iter().filter(|spike| spike.replica == 0)
    }

    fn x(&self, step: f64) -> f64 {
        LEFT + (step - f64::from(self.first_step)) / f64::from(self.steps) * (WIDTH - LEFT - RIGHT)
    }

    fn populations(&self) -> Vec<(std::ops::Range<u32>, &str, &'static str)> {
        let mut first = 0;
        let colours = COLOURS.iter().cycle();
        let ranges = self.description.populations.iter().zip(colours).map(|(population, &colour)| {
            let range = first..first + population.size;
            first = range.end;
            (range, population.name.as_str(), colour)
        });
        ranges.collect()
    }

    /// Time axis of a picture of some height.
    fn axis(&self, height: f64) -> String {
        let mut svg = String::new();
        let (from, to) =
            (self.ms(f64::from(self.first_step)), self.ms(f64::from(self.first_step + self.steps)));
        let tick = nice((to - from) / 8.0);
        let mut at = (from / tick).ceil() * tick;
        while at <= to + 1e-9 {
            let x = self.x(at / self.description.step_ms);
            let y = height - BOTTOM;
            let _ = write!(
                svg,
                "<path d='M{x:.1} {y}v5' stroke='#667'/><text x='{x:.1}' y='{:.0}' text-anchor='middle'>{}</text>",
                y + 17.0,
                plain(at)
            );
            at += tick;
        }
        let (x, y) = ((LEFT + WIDTH - RIGHT) / 2.0, height - 4.0);
        let _ = write!(svg, "<text x='{x}' y='{y}' text-anchor='middle'>time, ms</text>");
        svg
    }
}

/// A dot for each spike, neurons from the top down through the populations.
pub fn raster(scene: &Scene<'_>) -> String {
    let populations = scene.populations();
    let neurons = populations.last().map_or(1, |(range, ..)| range.end).max(1);
    let count = scene.shown().count();
    let every = count.div_ceil(DOTS_MAX).max(1);
    let y = |neuron: f64| TOP + neuron / f64::from(neurons) * (RASTER_HEIGHT - TOP - BOTTOM);
    let dot = ((RASTER_HEIGHT - TOP - BOTTOM) / f64::from(neurons)).clamp(0.7, 3.0);
    let mut svg = String::new();
    for (range, name, colour) in &populations {
        let mut path = String::new();
        let own = scene.shown().step_by(every).filter(|spike| range.contains(&spike.neuron));
        for spike in own {
            let _ = write!(
                path,
                "M{:.1} {:.1}h1",
                scene.x(f64::from(spike.step)),
                y(f64::from(spike.neuron) + 0.5)
            );
        }
        let middle = y(f64::from(range.start + range.end) / 2.0) + 4.0;
        let _ = write!(
            svg,
            "<path d='{path}' stroke='{colour}' stroke-width='{dot:.2}' fill='none'/>\
             <text x='{:.0}' y='{middle:.1}' fill='{colour}'>{}</text>\
             <path d='M{LEFT} {:.1}H{:.0}' stroke='#dde'/>",
            WIDTH - RIGHT + 8.0,
            escaped(name),
            y(f64::from(range.end)),
            WIDTH - RIGHT
        );
    }
    let of = if every > 1 { format!(", one spike in {every} shown") } else { String::new() };
    let title = format!("{}: {count} spikes of {neurons} neurons{of}", scene.name);
    let label = format!("<text x='{}' y='{TOP}' text-anchor='end'>0</text>", LEFT - 8.0)
        + &format!(
            "<text x='{}' y='{}' text-anchor='end'>{neurons}</text>",
            LEFT - 8.0,
            RASTER_HEIGHT - BOTTOM
        )
        + &format!(
            "<text transform='translate(16 {}) rotate(-90)' text-anchor='middle'>neuron</text>",
            RASTER_HEIGHT / 2.0
        );
    document(RASTER_HEIGHT, &title, &(label + &svg + &scene.axis(RASTER_HEIGHT)))
}

/// Rate of each population over time, Hz.
pub fn rates(scene: &Scene<'_>) -> String {
    let bins = BINS.min(scene.steps as usize).max(1);
    let seconds = scene.ms(f64::from(scene.steps)) / 1e3 / bins as f64;
    let populations = scene.populations();
    let bin = |step: u32| {
        let place =
            u64::from(step.saturating_sub(scene.first_step + 1)) * bins as u64 / u64::from(scene.steps);
        (place as usize).min(bins - 1)
    };
    let curves: Vec<Vec<f64>> = populations
        .iter()
        .map(|(range, ..)| {
            let mut counts = vec![0.0; bins];
            scene
                .shown()
                .filter(|spike| range.contains(&spike.neuron))
                .for_each(|spike| counts[bin(spike.step)] += 1.0);
            counts.iter().map(|count| count / range.len() as f64 / seconds).collect()
        })
        .collect();
    let top = curves.iter().flatten().copied().fold(1e-9, f64::max);
    let tick = nice(top / 3.0);
    let top = (top / tick).ceil() * tick;
    let y = |rate: f64| RATES_HEIGHT - BOTTOM - rate / top * (RATES_HEIGHT - TOP - BOTTOM);
    let mut svg = String::new();
    let mut at = 0.0;
    while at <= top + tick * 1e-6 {
        let (y, right) = (y(at), WIDTH - RIGHT);
        let _ = write!(
            svg,
            "<path d='M{LEFT} {y:.1}H{right}' stroke='#dde'/><text x='{}' y='{:.1}' text-anchor='end'>{}</text>",
            LEFT - 8.0,
            y + 4.0,
            plain(at)
        );
        at += tick;
    }
    for (place, (curve, (_, name, colour))) in curves.iter().zip(&populations).enumerate() {
        let mut points = String::new();
        for (bin, &rate) in curve.iter().enumerate() {
            let step =
                f64::from(scene.first_step) + (bin as f64 + 0.5) / bins as f64 * f64::from(scene.steps);
            let _ = write!(points, "{:.1},{:.1} ", scene.x(step), y(rate));
        }
        let _ = write!(
            svg,
            "<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='1.3'/>\
             <text x='{}' y='{}' fill='{colour}'>{}</text>",
            WIDTH - RIGHT + 8.0,
            TOP + 12.0 + 15.0 * place as f64,
            escaped(name)
        );
    }
    let title = format!("rates, Hz, in bins of {} ms", plain(seconds * 1e3));
    document(RATES_HEIGHT, &title, &(svg + &scene.axis(RATES_HEIGHT)))
}

/// How many values lie where: a histogram of `values` from 0.
pub fn histogram(title: &str, values: &[f64], unit: &str) -> String {
    const PLACES: usize = 40;
    const HEIGHT: f64 = 200.0;
    let largest = values.iter().copied().fold(1e-9, f64::max);
    let tick = nice(largest / 6.0);
    let end = ((largest / tick).floor() + 1.0) * tick;
    let mut counts = [0usize; PLACES];
    values.iter().for_each(|value| counts[((value / end * PLACES as f64) as usize).min(PLACES - 1)] += 1);
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let across = (WIDTH - LEFT - RIGHT) / PLACES as f64;
    let mut svg = String::new();
    for (place, &count) in counts.iter().enumerate() {
        let height = count as f64 / most * (HEIGHT - TOP - BOTTOM);
        let (x, y) = (LEFT + across * place as f64, HEIGHT - BOTTOM - height);
        let _ = write!(
            svg,
            "<rect x='{x:.1}' y='{y:.1}' width='{:.1}' height='{height:.1}' fill='#1f5fa8'/>",
            across - 1.0
        );
    }
    let mut at = 0.0;
    while at <= end + tick * 1e-6 {
        let x = LEFT + at / end * (WIDTH - LEFT - RIGHT);
        let _ = write!(
            svg,
            "<text x='{x:.1}' y='{}' text-anchor='middle'>{}</text>",
            HEIGHT - BOTTOM + 17.0,
            plain(at)
        );
        at += tick;
    }
    let _ = write!(
        svg,
        "<text x='{}' y='{}' text-anchor='end'>{most}</text><text x='{}' y='{}'>{unit}</text>",
        LEFT - 8.0,
        TOP + 4.0,
        WIDTH - RIGHT + 8.0,
        HEIGHT - BOTTOM + 17.0
    );
    document(HEIGHT, title, &svg)
}

fn document(height: f64, title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' \
         font-family='sans-serif' font-size='12' fill='#333'><rect width='100%' height='100%' fill='#fff'/>\
         <title>{title}</title><text x='{LEFT}' y='16' font-size='13' font-weight='bold'>{title}</text>{body}</svg>\n"
    )
}

/// The nearest of 1, 2, 5 and their tens that is not below.
fn nice(value: f64) -> f64 {
    let ten = 10f64.powf(value.max(1e-12).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * ten)
        .find(|&step| step >= value * 0.999)
        .unwrap_or(10.0 * ten)
}

/// A number without digits that mean nothing.
fn plain(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text that stands for itself in SVG and HTML.
pub fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        for (value, expected) in [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (70.0, 100.0), (0.02, 0.02)]
        {
            assert!((nice(value) - expected).abs() < 1e-12, "{value}: {}", nice(value));
        }
        assert_eq!((plain(0.0), plain(1.5), plain(100.0)), ("0".into(), "1.5".into(), "100".into()));
    }

    #[test]
    fn names_cannot_break_out() {
        assert_eq!(escaped("<a href='x'>&\u{7}"), "&lt;a href=&#39;x&#39;&gt;&amp; ");
    }
}
