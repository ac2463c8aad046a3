// SPDX-License-Identifier: MIT OR Apache-2.0

//! The modules of a crate, and the paths that each imports.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::tokens::{Token, tokens};

/// The path of a module from the crate's root.
pub(crate) type ModulePath = Vec<String>;

/// All modules of a crate.
pub(crate) struct Tree {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

/// A module in a file of its own.
pub(crate) struct Module {
    /// The file, from the crate's directory.
    pub(crate) file: String,
    /// The absolute paths of the items that it names.
    pub(crate) imports: Vec<ModulePath>,
    /// The absolute paths of the items that it re-exports, by their name here.
    pub(crate) reexports: BTreeMap<String, ModulePath>,
}

impl Tree {
    /// Reads the sources below `directory`, a crate's `src`.
    pub(crate) fn read(directory: &Path) -> Self {
        let mut tree = Self {
            modules: BTreeMap::new(),
        };
        tree.read_folder(directory, &[], "");
        tree
    }

    fn read_folder(&mut self, folder: &Path, path: &[String], shown: &str) {
        let shown_folder = folder.display();
        let entries = fs::read_dir(folder).unwrap_or_else(|it| panic!("{shown_folder}: {it}"));
        for entry in entries {
            let entry = entry.expect("an entry").path();
            let name = |part: Option<&std::ffi::OsStr>| {
                part.unwrap_or_default().to_string_lossy().into_owned()
            };
            let (stem, file) = (name(entry.file_stem()), name(entry.file_name()));
            if entry.is_dir() {
                // A program of its own is another crate.
                if !(path.is_empty() && file == "bin") {
                    let path = [path, std::slice::from_ref(&file)].concat();
                    self.read_folder(&entry, &path, &format!("{shown}{file}/"));
                }
            } else if entry.extension().is_some_and(|it| it == "rs") {
                let is_parent =
                    stem == "mod" || path.is_empty() && (stem == "main" || stem == "lib");
                let mut path = path.to_vec();
                path.extend((!is_parent).then_some(stem));
                let source = fs::read_to_string(&entry).expect("text");
                let file = format!("{shown}{file}");
                let module = Module::parse(file, &path, &tokens(&source));
                self.modules.insert(path, module);
            }
        }
    }
}

impl Module {
    fn parse(file: String, path: &[String], tokens: &[Token]) -> Self {
        let mut module = Self {
            file,
            imports: Vec::new(),
            reexports: BTreeMap::new(),
        };
        // The inline modules around the token, each with the depth of its braces.
        let mut inline: Vec<(String, usize)> = Vec::new();
        let mut depth = 0;
        let mut at = 0;
        while at < tokens.len() {
            let previous = at.checked_sub(1).map(|it| tokens[it].as_str());
            match tokens[at].as_str() {
                "mod" if tokens.get(at + 2).is_some_and(|it| it == "{") => {
                    inline.push((tokens[at + 1].clone(), depth));
                }
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    inline.pop_if(|(_, outside)| *outside == depth);
                }
                "use" => {
                    let here = absolute(path, &inline);
                    let is_public = matches!(previous, Some("pub" | ")"));
                    for (name, target) in use_tree(tokens, &mut at, &here) {
                        if is_public && inline.is_empty() {
                            module.reexports.insert(name, target.clone());
                        }
                        module.imports.push(target);
                    }
                    continue;
                }
                "crate" | "self" | "super" if previous != Some("::") => {
                    let here = absolute(path, &inline);
                    if let Some(target) = path_at(tokens, &mut at, &here) {
                        module.imports.push(target);
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        module
    }
}

/// The path of the module, with the inline modules around a token.
fn absolute(path: &[String], inline: &[(String, usize)]) -> ModulePath {
    let inline = inline.iter().map(|(name, _)| name.clone());
    path.iter().cloned().chain(inline).collect()
}

/// Extends `base` by one segment of a path in the module `here`.
fn extend(base: &mut ModulePath, segment: &str, here: &[String]) {
    match segment {
        "crate" => base.clear(),
        "self" if base.is_empty() => here.clone_into(base),
        "self" => {}
        "super" => {
            if base.is_empty() {
                here.clone_into(base);
            }
            base.pop();
        }
        _ => base.push(segment.to_owned()),
    }
}

/// The path in an expression that begins at `at`, which is moved behind it.
fn path_at(tokens: &[Token], at: &mut usize, here: &[String]) -> Option<ModulePath> {
    if tokens.get(*at + 1).is_none_or(|it| it != "::") {
        return None;
    }
    let mut path = Vec::new();
    extend(&mut path, &tokens[*at], here);
    *at += 1;
    while tokens.get(*at).is_some_and(|it| it == "::") {
        *at += 1;
        let Some(segment) = tokens.get(*at).filter(|it| is_identifier(it)) else {
            break;
        };
        extend(&mut path, segment, here);
        *at += 1;
    }
    Some(path)
}

fn is_identifier(token: &str) -> bool {
    token.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

/// The names and absolute paths of a `use` item at `at`, which is moved behind it.
fn use_tree(tokens: &[Token], at: &mut usize, here: &[String]) -> Vec<(String, ModulePath)> {
    let mut found = Vec::new();
    *at += 1;
    // The bases of the groups around the token.
    let mut bases: Vec<ModulePath> = vec![Vec::new()];
    let mut path: ModulePath = Vec::new();
    let mut name = String::new();
    let mut is_local = true;
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match token.as_str() {
            "::" => {
                // `use ::name` is another crate.
                is_local &= !name.is_empty() || bases.len() > 1;
            }
            "{" => bases.push(path.clone()),
            "as" => {
                name = tokens.get(*at).cloned().unwrap_or_default();
                *at += 1;
            }
            "," | "}" | ";" => {
                if !name.is_empty() && is_local {
                    found.push((std::mem::take(&mut name), path.clone()));
                }
                name.clear();
                if token == "}" {
                    bases.pop();
                }
                path = bases.last().cloned().unwrap_or_default();
                if token == ";" {
                    break;
                }
            }
            "*" => "*".clone_into(&mut name),
            segment => {
                let first = name.is_empty() && bases.len() == 1;
                if first && !["crate", "self", "super"].contains(&segment) {
                    // A child of this module, or another crate.
                    here.clone_into(&mut path);
                }
                extend(&mut path, segment, here);
                segment.clone_into(&mut name);
            }
        }
    }
    found
}
