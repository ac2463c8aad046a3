// SPDX-License-Identifier: MIT OR Apache-2.0

//! The description of a driver image: size, sections and imports.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use driver_image::{DriverImage, Section};

/// Line width of the list of imports.
const WIDTH: usize = 100;

/// Describes the image in a file: size, sections, and imports by exporter.
pub(crate) fn read(path: &Path) -> Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(describe(&name, &DriverImage::read(path)?))
}

fn describe(name: &str, image: &DriverImage) -> String {
    let mut lines = vec![format!(
        "{name}: {} bytes, {} in memory, {} relocations, {} imports",
        image.bytes().len(),
        image.size_of_image(),
        image.relocations().len(),
        image.imports().len()
    )];
    lines.extend(image.sections().iter().map(section));
    let mut exporters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for import in image.imports() {
        exporters
            .entry(import.dll.to_ascii_lowercase())
            .or_default()
            .push(import.symbol.to_string());
    }
    for (exporter, mut symbols) in exporters {
        symbols.sort_unstable();
        lines.push(format!("  {exporter}:"));
        lines.extend(wrap(&symbols, "    "));
    }
    lines.join("\n")
}

fn section(section: &Section) -> String {
    let letter = |set, letter| if set { letter } else { '-' };
    format!(
        "  {:8} {:#07x} {:6} bytes  {}{}{}  {}",
        section.name,
        section.address,
        section.size,
        letter(section.readable, 'r'),
        letter(section.writable, 'w'),
        letter(section.executable, 'x'),
        match (section.discardable, section.paged) {
            (true, _) => "discardable",
            (false, true) => "pageable",
            (false, false) => "resident",
        }
    )
}

/// Breaks words into lines of at most [`WIDTH`] characters, each with this indent.
pub(crate) fn wrap(words: &[impl AsRef<str>], indent: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        let word = word.as_ref();
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_wrap_at_the_width() {
        let long = "x".repeat(WIDTH);
        assert_eq!(
            wrap(&["a", "b", long.as_str(), "c"], "    "),
            [
                "    a b".to_owned(),
                format!("    {long}"),
                "    c".to_owned()
            ]
        );
    }
}
