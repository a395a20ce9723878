//! What was found, as text and as Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::chart;
use crate::load::{self, Contestant, Plan, Sample, Verb};

/// How many callers the picture of a table is about.
const PICTURED: usize = 64;

/// A part of the page.
pub struct Section {
    pub title: &'static str,
    /// What stands under the title.
    pub markdown: String,
    /// A picture of it, in SVG.
    pub chart: Option<String>,
}

/// Contestants at work: ratios against the first of them.
pub struct Table {
    title: &'static str,
    /// What a reader must know of how it was measured.
    note: String,
    /// What each piece of work is called, how many callers did it, and its rows.
    entries: Vec<(&'static str, usize, Vec<Row>)>,
}

/// A contestant's name and its samples, in the order of the rounds.
type Row = (&'static str, Vec<Sample>);

impl Table {
    pub fn new(title: &'static str, note: impl Into<String>) -> Self {
        println!("{title}");
        Self {
            title,
            note: note.into(),
            entries: Vec::new(),
        }
    }

    /// Has all contestants do the same work, with so many callers and with so many.
    pub async fn measure(
        &mut self,
        plan: Plan,
        (work, verb): (&'static str, Verb),
        callers: &[usize],
        contestants: &[Contestant],
    ) {
        for &callers in callers {
            let samples = load::compete(contestants, verb, callers, plan).await;
            let names = contestants.iter().map(|contestant| contestant.name);
            let rows: Vec<Row> = names.zip(samples).collect();
            println!("  {work}, callers: {callers}");
            for [name, rate, ratio, p50, p99] in cells(&rows) {
                println!("    {name:<48} {rate:>10}/s {ratio:>6}  p50 {p50:>8}  p99 {p99:>8}");
            }
            self.entries.push((work, callers, rows));
        }
    }

    pub fn section(&self) -> Section {
        let mut markdown = format!(
            "{}\n\n| | callers | | calls/s | ratio | p50 | p99 |\n|---|--:|---|--:|--:|--:|--:|\n",
            self.note
        );
        for (work, callers, rows) in &self.entries {
            let mut lead = format!("{work} | {callers}");
            for cells in cells(rows) {
                writeln!(markdown, "| {lead} | {} |", cells.join(" | "))
                    .expect("a String takes all");
                " | ".clone_into(&mut lead);
            }
        }
        Section {
            title: self.title,
            markdown,
            chart: self.chart(),
        }
    }

    fn chart(&self) -> Option<String> {
        let bar = |(name, samples): &Row| (*name, rate(samples));
        let entries = self.entries.iter();
        let pictured = entries.filter(|(_, callers, _)| *callers == PICTURED);
        let groups: Vec<_> = pictured
            .map(|(work, callers, rows)| {
                let title = format!("{}: {work}, {callers} callers", self.title);
                (title, rows.iter().map(bar).collect())
            })
            .collect();
        (!groups.is_empty()).then(|| chart::svg(&groups))
    }
}

/// Single figures of what is no competition.
pub struct Facts {
    title: &'static str,
    note: &'static str,
    rows: Vec<[String; 3]>,
}

impl Facts {
    pub fn new(title: &'static str, note: &'static str) -> Self {
        println!("{title}");
        let rows = Vec::new();
        Self { title, note, rows }
    }

    /// What was measured, of whom, and what came out.
    pub fn push(&mut self, what: &str, whose: &str, figure: String) {
        println!("  {what:<56} {whose:<24} {figure}");
        self.rows.push([what.to_owned(), whose.to_owned(), figure]);
    }

    pub fn section(&self) -> Section {
        let mut markdown = format!("{}\n\n| | | |\n|---|---|--:|\n", self.note);
        for row in &self.rows {
            writeln!(markdown, "| {} |", row.join(" | ")).expect("a String takes all");
        }
        Section {
            title: self.title,
            markdown,
            chart: None,
        }
    }
}

/// The medians of each row. A ratio is the median of each round's own.
fn cells(rows: &[Row]) -> Vec<[String; 5]> {
    let Some((_, base)) = rows.first() else {
        return Vec::new();
    };
    let cells = |(name, samples): &Row| {
        let ratios = samples.iter().zip(base);
        let ratios = ratios.map(|(sample, base)| sample.per_second / base.per_second);
        [
            (*name).to_owned(),
            count(rate(samples)),
            format!("{:.2}", median(ratios)),
            time(samples.iter().map(|sample| sample.p50)),
            time(samples.iter().map(|sample| sample.p99)),
        ]
    };
    rows.iter().map(cells).collect()
}

/// The median of calls in a second.
fn rate(samples: &[Sample]) -> f64 {
    median(samples.iter().map(|sample| sample.per_second))
}

/// A whole number with its thousands apart.
fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The median with three digits or so.
fn time(durations: impl Iterator<Item = Duration>) -> String {
    let micros = median(durations.map(|duration| duration.as_secs_f64() * 1e6));
    match micros {
        ..10.0 => format!("{micros:.2} µs"),
        ..1000.0 => format!("{micros:.0} µs"),
        ..10_000.0 => format!("{:.2} ms", micros / 1000.0),
        _ => format!("{:.0} ms", micros / 1000.0),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
