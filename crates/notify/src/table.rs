//! A table in plain text. Columns are set apart by two spaces or more, so it can be read in a proportional font, too.

/// Renders `rows` under `header`, the first column to the left and all others to the right.
pub fn render(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|name| name.len())).max().unwrap_or_default()
    };
    let line = |cells: &[String]| {
        let padded = cells.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join("  ")
    };
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    std::iter::once(&header).chain(rows).map(|row| line(row)).collect::<Vec<_>>().join("\n")
}
