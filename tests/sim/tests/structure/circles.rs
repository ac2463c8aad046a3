// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finds circles among the parts of a crate: its folders, and the files beside
//! them.
//!
//! A part uses another one if a file of it has a path that begins with `crate::`
//! and the other's name, or with another prefix that [`Parts`] is told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// The parts of a crate, and which others each one uses.
#[derive(Debug)]
pub(crate) struct Parts(BTreeMap<String, BTreeSet<String>>);

impl Parts {
    /// Reads the parts below `source`, the crate's `src`, but for those in `roots`:
    /// files that bring all others together. A use begins with one of `prefixes`.
    pub(crate) fn read(source: &Path, roots: &[&str], prefixes: &[&str]) -> io::Result<Self> {
        let mut texts = BTreeMap::<String, String>::new();
        for entry in fs::read_dir(source)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if !roots.contains(&&*name) {
                code(&path, texts.entry(name.into_owned()).or_default())?;
            }
        }
        let uses = |(name, text): (&String, &String)| {
            let mut used = BTreeSet::new();
            for prefix in prefixes {
                used.extend(names_after(text, prefix));
            }
            used.retain(|other| other != name && texts.contains_key(other));
            (name.clone(), used)
        };
        Ok(Self(texts.iter().map(uses).collect()))
    }

    /// Parts each of which uses the next one, the last one the first.
    pub(crate) fn circle(&self) -> Option<Vec<&str>> {
        let mut done = BTreeSet::new();
        self.0
            .keys()
            .find_map(|part| self.circle_from(part, &mut Vec::new(), &mut done))
    }

    fn circle_from<'a>(
        &'a self,
        part: &'a str,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<&'a str>> {
        if let Some(start) = path.iter().position(|before| *before == part) {
            return Some(path[start..].to_vec());
        }
        if done.contains(part) {
            return None;
        }
        path.push(part);
        let mut others = self.0[part].iter();
        let circle = others.find_map(|other| self.circle_from(other, path, done));
        path.pop();
        done.insert(part);
        circle
    }
}

/// Appends the code of a file, or of every file below a folder, without comments and
/// white space around dots.
fn code(path: &Path, text: &mut String) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            code(&entry?.path(), text)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        for line in fs::read_to_string(path)?.lines().map(str::trim) {
            if line.starts_with('.') {
                text.push_str(line);
            } else if !line.starts_with("//") {
                text.push('\n');
                text.push_str(line);
            }
        }
    }
    Ok(())
}

/// The names that follow `prefix`, or that it groups in braces.
fn names_after(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|it| it == '_' || it.is_alphanumeric()) {
            continue;
        }
        let rest = &text[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(names_in(group)),
            None => names.extend(name(rest)),
        }
    }
    names
}

/// The names that a group begins with, up to its closing brace.
fn names_in(group: &str) -> Vec<String> {
    let mut names = Vec::from_iter(name(group.trim_start()));
    let mut depth = 0_usize;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.extend(name(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> Option<String> {
    let end = text.find(|it: char| it != '_' && !it.is_alphanumeric());
    let name = &text[..end.unwrap_or(text.len())];
    (!name.is_empty()).then(|| name.to_owned())
}
