// SPDX-License-Identifier: MIT OR Apache-2.0

//! Links of documents: a relative one leads to a file or heading of the workspace, any
//! other is an `https` address. Nothing is fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use pulldown_cmark::{Event, Tag, TagEnd};

use super::code::{events, line};
use super::{Complaint, Document};

pub(super) fn broken(document: &Document) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for (event, place) in events(&document.text) {
        let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else {
            continue;
        };
        if let Some(reason) = wrong(document, &dest_url)? {
            let at = document.at(line(&document.text, place.start));
            complaints.push(format!("{at}: {dest_url}: {reason}"));
        }
    }
    Ok(complaints)
}

/// The reason why a link is wrong.
fn wrong(document: &Document, link: &str) -> Result<Option<&'static str>> {
    if let Some((scheme, address)) = link.split_once("://") {
        return Ok(wrong_address(scheme, address));
    }
    // A path of Rust, which rustdoc resolves.
    if link.contains("::") {
        return Ok(None);
    }
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    if path.starts_with('/') {
        return Ok(Some("name the file from this document's folder"));
    }
    let target = if path.is_empty() {
        document.path.clone()
    } else {
        let folder = document.path.parent().unwrap_or_else(|| Path::new(""));
        let Some(target) = normalised(&folder.join(path)) else {
            return Ok(Some("it leads out of the repository"));
        };
        target
    };
    let file = document.root.join(&target);
    if !file.exists() {
        return Ok(Some("there is no such file"));
    }
    if heading.is_empty() {
        return Ok(None);
    }
    if target.extension().is_none_or(|it| it != "md") {
        return Ok(Some("only headings of Markdown files can be linked"));
    }
    let text = fs::read_to_string(&file)
        .with_context(|| format!("{} cannot be read", target.display()))?;
    Ok((!anchors(&text).contains(heading)).then_some("there is no such heading"))
}

fn wrong_address(scheme: &str, address: &str) -> Option<&'static str> {
    let host = address.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme != "https" {
        Some("use https")
    } else if !host.contains('.') || host.contains(|it: char| !it.is_ascii_graphic()) {
        Some("it has no host")
    } else if address.contains(char::is_whitespace) || address.ends_with(['.', ',', ')']) {
        Some("it ends with what does not belong to it, or has a space")
    } else {
        None
    }
}

/// The path without `.` and `..`, unless it leads out of the workspace.
fn normalised(path: &Path) -> Option<PathBuf> {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => result.push(name),
            Component::ParentDir => {
                if !result.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(result)
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut heading: Option<String> = None;
    for (event, _) in events(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap_or_default());
                let again = seen.entry(anchor.clone()).or_default();
                anchors.insert(match *again {
                    0 => anchor,
                    again => format!("{anchor}-{again}"),
                });
                *again += 1;
            }
            _ => {}
        }
    }
    anchors
}

fn anchor(heading: &str) -> String {
    let kept = |it: &char| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_');
    let lower = heading.trim().to_lowercase();
    lower
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The complaints about `text` as `docs/a.md`, beside `docs/b.md` with headings.
    fn complaints(text: &str) -> Vec<String> {
        let root = tempfile::tempdir().expect("a directory");
        let docs = root.path().join("docs");
        fs::create_dir(&docs).expect("made");
        fs::write(docs.join("a.md"), text).expect("written");
        fs::write(docs.join("b.md"), "# It's `x` - y\n\n## Two\n\n## Two\n").expect("written");
        let document = Document::read(root.path(), Path::new("docs/a.md")).expect("read");
        broken(&document).expect("checked")
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "# Here\n\n[a](b.md) [b](b.md#its-x---y) [c](../docs/b.md#two-1) [d](#here)\n\
                    [`D`](crate::D) <https://example.org/a> [e](https://example.org)\n\
                    `[no](link.md)`\n";
        assert_eq!(complaints(text), [""; 0]);
    }

    #[test]
    fn each_other_link_is_named_with_its_line() {
        for (link, reason) in [
            ("c.md", "no such file"),
            ("b.md#three", "no such heading"),
            ("#b", "no such heading"),
            ("../../b.md", "out of the repository"),
            ("/docs/b.md", "from this document's folder"),
            ("http://example.org", "use https"),
            ("https://example", "no host"),
            ("https://example.org/a.", "does not belong"),
        ] {
            let found = complaints(&format!("# A\n\ntext\n[x]({link})\n"));
            assert_eq!(found.len(), 1, "{link}: {found:?}");
            assert!(found[0].starts_with("docs/a.md:4: "), "{found:?}");
            assert!(found[0].contains(reason), "{found:?}");
        }
    }

    #[test]
    fn pictures_and_links_by_reference_are_checked() {
        assert_eq!(
            complaints("![p](p.png)\n\n[x][r]\n\n[r]: gone.md\n").len(),
            2
        );
    }
}
