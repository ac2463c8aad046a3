// SPDX-License-Identifier: MIT OR Apache-2.0

//! The lines of source around a place, if the file is on this host.

use std::fs;
use std::path::Path;

use maud::{Markup, html};
use scenarios::Place;

/// Lines shown before and after the one that is meant.
const AROUND: usize = 2;
/// Longer files are no sources.
const LARGEST: u64 = 4 << 20;
/// A longer line is cut.
const WIDEST: usize = 160;
/// The files that are shown.
const SOURCES: [&str; 11] = [
    "asm", "c", "cc", "cpp", "cxx", "h", "hpp", "hxx", "inc", "inl", "rs",
];

/// The lines around a place; `None` if its file cannot be read. A relative path belongs
/// to `root`.
pub(super) fn around(place: &Place, root: &Path) -> Option<Markup> {
    let line = usize::try_from(place.line?).ok()?;
    let path = root.join(place.file.as_ref()?);
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    let is_small = fs::metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= LARGEST);
    if !SOURCES.contains(&extension.as_str()) || !is_small {
        return None;
    }
    let text = String::from_utf8_lossy(&fs::read(&path).ok()?).into_owned();
    let lines: Vec<_> = text.lines().collect();
    if line == 0 || line > lines.len() {
        return None;
    }
    let first = line.saturating_sub(AROUND).max(1);
    let last = (line + AROUND).min(lines.len());
    let shown = &lines[first - 1..last];
    let indented = shown.iter().filter(|it| !it.trim().is_empty());
    let indent = indented.map(|it| it.len() - it.trim_start().len()).min();
    let indent = indent.unwrap_or_default();
    let numbered = (first..).zip(shown);
    let width = last.to_string().len();
    Some(html! {
        pre.source tabindex="0" {
            code {
                @for (number, text) in numbered {
                    @let text = text.get(indent..).unwrap_or_default();
                    @let text: String = text.chars().take(WIDEST).collect();
                    @let text = format!("{number:>width$}  {text}\n");
                    @if number == line { mark { (text) } } @else { (text) }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str, line: u32) -> Place {
        Place {
            function: "f".to_owned(),
            file: Some(file.to_owned()),
            line: Some(line),
        }
    }

    #[test]
    fn a_few_lines_are_shown_and_the_one_that_is_meant_is_marked() {
        let root = tempfile::tempdir().expect("a directory");
        let lines: Vec<_> = (1..=20).map(|line| format!("    a < {line};")).collect();
        fs::write(root.path().join("client.c"), lines.join("\n")).expect("written");
        let shown = |line| Some(around(&place("client.c", line), root.path())?.into_string());
        let text = shown(10).expect("lines");
        assert!(text.contains("<mark>10  a &lt; 10;\n</mark>"), "{text}");
        assert!(
            text.contains(" 8  a &lt; 8;") && text.contains("12  a &lt; 12;"),
            "{text}"
        );
        assert!(!text.contains("13  a"), "{text}");
        assert!(shown(1).expect("lines").contains("<mark>1  a"));
        assert!(shown(20).expect("lines").contains("<mark>20  a"));
        assert_eq!(shown(21), None);
        assert_eq!(shown(0), None);
    }

    #[test]
    fn only_sources_are_shown() {
        let root = tempfile::tempdir().expect("a directory");
        fs::write(root.path().join("key.pem"), "secret\n").expect("written");
        assert!(around(&place("key.pem", 1), root.path()).is_none());
        assert!(around(&place("missing.c", 1), root.path()).is_none());
    }
}
