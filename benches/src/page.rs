//! The page that is kept.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use crate::load::Plan;
use crate::report::Section;

/// Writes all sections as one page of Markdown, and their charts into a folder that is called as the page.
pub fn write(file: &Path, machine: &str, plan: Plan, sections: &[Section]) -> io::Result<()> {
    let folder = file.with_extension("");
    fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
    let mut page = head(machine, plan);
    for section in sections {
        write!(page, "\n## {}\n\n", section.title).expect("a String takes all");
        if let Some(chart) = &section.chart {
            let name = section.title.to_lowercase().replace(' ', "-") + ".svg";
            let picture = folder.join(&name);
            fs::write(&picture, chart).map_err(|error| at(&picture, &error))?;
            let beside = folder.file_name().unwrap_or_default().display();
            writeln!(page, "![{}]({beside}/{name})\n", section.title).expect("a String takes all");
        }
        page.push_str(&section.markdown);
    }
    fs::write(file, page).map_err(|error| at(file, &error))
}

fn head(machine: &str, plan: Plan) -> String {
    format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench --rounds {} --millis {} --output docs/benchmarks.md`; [`benches`](../benches) says what is\n\
         measured and how. Only the ratios within one table count, each against the first row with as many callers; the\n\
         figures belong to the machine: {machine}\n",
        plan.rounds,
        plan.window.as_millis()
    )
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
