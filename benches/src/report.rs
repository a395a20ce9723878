//! Tables: a row for each subject, ratios against the first.

use std::fmt::Write as _;
use std::time::Duration;

use crate::load::Sample;

/// What one kind of work found: every subject's samples, in the order of the rounds.
pub struct Table {
    pub title: String,
    pub rows: Vec<(&'static str, Vec<Sample>)>,
}

impl Table {
    /// The table as text, ratios against the first row: each round's own ratio, then the median.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for [name, rate, ratio, p50, p99] in self.cells() {
            writeln!(
                text,
                "  {name:<44} {rate:>10}/s {ratio:>6} p50 {p50:>9} p99 {p99:>9}"
            )
            .expect("a String takes all");
        }
        text
    }

    fn cells(&self) -> Vec<[String; 5]> {
        let base = &self.rows[0].1;
        let cell = |(name, samples): &(&str, Vec<Sample>)| {
            let ratios = samples
                .iter()
                .zip(base)
                .map(|(ours, base)| ours.per_second / base.per_second);
            [
                (*name).to_owned(),
                format!(
                    "{:.0}",
                    median(samples.iter().map(|sample| sample.per_second))
                ),
                format!("{:.2}", median(ratios)),
                micros(samples.iter().map(|sample| sample.p50)),
                micros(samples.iter().map(|sample| sample.p99)),
            ]
        };
        self.rows.iter().map(cell).collect()
    }
}

/// All tables as one Markdown page.
pub fn markdown(tables: &[Table]) -> String {
    let mut page = "# Benchmarks\n\nWritten by `cargo xtask bench --output`. Only ratios within one table count; the \
                    absolute figures\nbelong to the machine they were measured on.\n"
        .to_owned();
    for table in tables {
        write!(
            page,
            "\n## {}\n\n| | calls/s | ratio | p50 | p99 |\n|---|---|---|---|---|\n",
            table.title
        )
        .expect("a String takes all");
        for cells in table.cells() {
            writeln!(page, "| {} |", cells.join(" | ")).expect("a String takes all");
        }
    }
    page
}

fn micros(durations: impl Iterator<Item = Duration>) -> String {
    format!(
        "{:.1} µs",
        median(durations.map(|duration| duration.as_secs_f64() * 1e6))
    )
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}
