//! What survives, as an SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use contract::JobPolicy;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Outcome;
use crate::calendar::{date, described, letter};

const WIDTH: u32 = 980;
/// What a mark stands for, by its letter.
const LEGEND: [(char, &str); 6] =
    [('y', "yearly"), ('m', "monthly"), ('w', "weekly"), ('d', "daily"), ('h', "hourly"), ('l', "last, within, floor")];
const LEFT: i32 = 30;
const ROW: i32 = 18;
const LINE_AT: i32 = 90;
const LIST_AT: i32 = 175;
/// Points in one column of the list.
const ROWS: i32 = 40;
const COLUMN: i32 = 470;

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
    let shown = &outcome.kept[..outcome.kept.len().min(2 * usize::try_from(ROWS)?)];
    let rows = i32::try_from(shown.len())?.min(ROWS) + i32::from(shown.len() < outcome.kept.len());
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
            date(policy, gap.from),
            date(policy, gap.to)
        );
        area.draw(&Text::new(gap, (LEFT, 42), text(14))).map_err(|error| drawn(&error))?;
    }
    let right = i32::try_from(WIDTH)? - LEFT;
    area.draw(&PathElement::new([(LEFT, LINE_AT), (right, LINE_AT)], BLACK.mix(0.4))).map_err(|error| drawn(&error))?;
    // The farther back, the closer together: the last days are what there is most of.
    let oldest = outcome.kept.last().map_or(outcome.now, |point| point.started_at);
    let hours = |at: chrono::DateTime<chrono::Utc>| (outcome.now - at).as_seconds_f64() / 3_600.0;
    let scale = |hours: f64| (1.0 + hours.max(0.0)).ln();
    let whole = scale(hours(oldest)).max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_possible_truncation, reason = "at most the width of the picture")]
    let x_of = |back: f64| LEFT + (scale(back) / whole * f64::from(right - LEFT)).round() as i32;
    // The rarer over the more frequent: drawn last.
    let order = |letter: char| LEGEND.iter().rev().position(|(known, _)| *known == letter).unwrap_or(0);
    let mut marks: Vec<_> = outcome.kept.iter().collect();
    marks.sort_by_key(|point| order(letter(point)));
    for point in marks {
        let x = x_of(hours(point.started_at));
        let mark = Rectangle::new([(x - 1, LINE_AT - 14), (x + 1, LINE_AT + 14)], colour(letter(point)).filled());
        area.draw(&mark).map_err(|error| drawn(&error))?;
    }
    let ticks = [
        (0.0, "now"),
        (24.0, "1 d"),
        (168.0, "1 w"),
        (720.0, "30 d"),
        (2_160.0, "90 d"),
        (8_760.0, "1 y"),
        (26_280.0, "3 y"),
        (61_320.0, "7 y"),
    ];
    for (back, name) in ticks.into_iter().filter(|(back, _)| *back <= hours(oldest)) {
        let label = text(12).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(name, (x_of(back), LINE_AT + 20), label)).map_err(|error| drawn(&error))?;
    }
    let mut x = LEFT;
    for (letter, name) in LEGEND {
        area.draw(&Circle::new((x + 5, LINE_AT + 54), 4, colour(letter).filled())).map_err(|error| drawn(&error))?;
        area.draw(&Text::new(name, (x + 14, LINE_AT + 48), text(12))).map_err(|error| drawn(&error))?;
        x += 90;
    }
    for (n, point) in (0..).zip(shown) {
        let (x, y) = (LEFT + n / ROWS * COLUMN, LIST_AT + n % ROWS * ROW);
        area.draw(&Circle::new((x + 5, y + 6), 4, colour(letter(point)).filled())).map_err(|error| drawn(&error))?;
        let line = described(policy, point).replacen("  ", " · ", 1);
        area.draw(&Text::new(line, (x + 18, y), text(13))).map_err(|error| drawn(&error))?;
    }
    if shown.len() < outcome.kept.len() {
        let more = format!("and {} more", outcome.kept.len() - shown.len());
        area.draw(&Text::new(more, (LEFT + 18, LIST_AT + ROWS * ROW), text(13))).map_err(|error| drawn(&error))?;
    }
    area.present().map_err(|error| drawn(&error))
}
