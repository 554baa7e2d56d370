//! The night as a picture: how long each way takes, and what EC2 refused.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::Report;

const WIDTH: u32 = 900;
const BAR: i32 = 34;
const GAP: i32 = 22;
const LEFT: i32 = 230;
const RIGHT: i32 = 250;
const TOP: i32 = 70;

/// Draws it.
pub fn draw(report: &Report, to: &Path) -> Result<()> {
    let bars = i32::try_from(report.contenders.len())?;
    let height = TOP + bars * (BAR + GAP) + 20;
    let area = SVGBackend::new(to, (WIDTH, u32::try_from(height)?)).into_drawing_area();
    let drawn = |error: &dyn std::fmt::Display| anyhow!("{}: {error}", to.display());
    area.fill(&WHITE).map_err(|error| drawn(&error))?;
    let text = |size: i32| ("sans-serif", size).into_font().color(&BLACK);
    let title = format!(
        "A night of {} regions × {} volumes, as many expired: seconds",
        report.fleet.regions, report.fleet.volumes
    );
    area.draw(&Text::new(title, (20, 20), text(20))).map_err(|error| drawn(&error))?;
    let longest = report.contenders.iter().map(|c| c.seconds).fold(1.0, f64::max);
    let room = f64::from(i32::try_from(WIDTH)? - LEFT - RIGHT);
    for (n, contender) in (0..).zip(&report.contenders) {
        let top = TOP + n * (BAR + GAP);
        #[expect(clippy::cast_possible_truncation, reason = "at most the width of the picture")]
        let width = (contender.seconds / longest * room).max(1.0) as i32;
        let colour = if n == 0 { RGBColor(0, 110, 90) } else { RGBColor(150, 150, 150) };
        let bar = Rectangle::new([(LEFT, top), (LEFT + width, top + BAR)], colour.filled());
        area.draw(&bar).map_err(|error| drawn(&error))?;
        let name = text(16).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(contender.name.clone(), (LEFT - 10, top + BAR / 2), name))
            .map_err(|error| drawn(&error))?;
        let said =
            format!("{:.0} s; {} throttled, {} failed", contender.seconds, contender.throttled, contender.failures);
        let label = text(14).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(said, (LEFT + width + 8, top + BAR / 2), label)).map_err(|error| drawn(&error))?;
    }
    area.present().map_err(|error| drawn(&error))
}
