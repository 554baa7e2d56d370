//! What survives, as an SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use contract::JobPolicy;
use plotters::prelude::*;

use crate::Outcome;
use crate::calendar::{described, letter};

const WIDTH: u32 = 980;
const LEFT: i32 = 30;
const ROW: i32 = 18;
const LINE_AT: i32 = 90;
const LIST_AT: i32 = 140;

fn colour(letter: char) -> RGBColor {
    match letter {
        'y' => RGBColor(110, 40, 120),
        'm' => RGBColor(190, 60, 40),
        'w' => RGBColor(220, 140, 0),
        'd' => RGBColor(0, 110, 90),
        'h' => RGBColor(30, 90, 180),
        _ => RGBColor(110, 110, 110),
    }
}

/// Draws it, newest to oldest: a line of time with a mark for each restore point, and the reasons of each below.
///
/// # Errors
/// When the file cannot be written.
pub fn draw(policy: &JobPolicy, outcome: &Outcome, to: &Path) -> Result<()> {
    let rows = i32::try_from(outcome.kept.len())?;
    let height = u32::try_from(LIST_AT + rows * ROW + 20)?;
    let area = SVGBackend::new(to, (WIDTH, height)).into_drawing_area();
    let drawn = |error: &dyn std::fmt::Display| anyhow!("{}: {error}", to.display());
    let text = |size: i32| ("sans-serif", size).into_font().color(&BLACK);
    area.fill(&WHITE).map_err(|error| drawn(&error))?;
    let title = format!("{}: {} restore points after {} runs", policy.retention, outcome.kept.len(), outcome.made);
    area.draw(&Text::new(title, (LEFT, 16), text(18))).map_err(|error| drawn(&error))?;
    if let Some(gap) = &outcome.longest_gap {
        let gap = format!(
            "{} missed; the longest time without one is {:.1} days, from {} to {}",
            outcome.missed,
            gap.days(),
            gap.from.format("%Y-%m-%d"),
            gap.to.format("%Y-%m-%d")
        );
        area.draw(&Text::new(gap, (LEFT, 42), text(14))).map_err(|error| drawn(&error))?;
    }
    let right = i32::try_from(WIDTH)? - LEFT;
    area.draw(&PathElement::new([(LEFT, LINE_AT), (right, LINE_AT)], BLACK.mix(0.4))).map_err(|error| drawn(&error))?;
    let oldest = outcome.kept.last().map_or(outcome.now, |point| point.started_at);
    let whole = (outcome.now - oldest).as_seconds_f64().max(1.0);
    for (n, point) in (0..).zip(&outcome.kept) {
        let colour = colour(letter(point));
        let back = (outcome.now - point.started_at).as_seconds_f64() / whole;
        #[expect(clippy::cast_possible_truncation, reason = "at most the width of the picture")]
        let x = LEFT + (back * f64::from(right - LEFT)).round() as i32;
        let mark = Rectangle::new([(x - 1, LINE_AT - 14), (x + 1, LINE_AT + 14)], colour.filled());
        area.draw(&mark).map_err(|error| drawn(&error))?;
        let y = LIST_AT + n * ROW;
        area.draw(&Circle::new((LEFT + 5, y + 6), 4, colour.filled())).map_err(|error| drawn(&error))?;
        area.draw(&Text::new(described(policy, point), (LEFT + 18, y), text(13))).map_err(|error| drawn(&error))?;
    }
    let ends = [(outcome.now, LEFT), (oldest, right - 70)];
    for (at, x) in ends {
        let date = at.format("%Y-%m-%d").to_string();
        area.draw(&Text::new(date, (x, LINE_AT + 20), text(12))).map_err(|error| drawn(&error))?;
    }
    area.present().map_err(|error| drawn(&error))
}
