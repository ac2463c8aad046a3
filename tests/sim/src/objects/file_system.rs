// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small volume in memory, `C:`, that a cycle begins with empty directories of Windows.

use std::collections::BTreeMap;

use windows_sys::Win32::Foundation::{STATUS_CANNOT_DELETE, STATUS_DIRECTORY_NOT_EMPTY};

use crate::loader::drivers::DriverId;
use crate::objects::names::fold;

/// Directories that are there from the beginning, and stay.
const BUILT_IN: [&str; 6] = [
    r"\??\c:",
    r"\??\c:\windows",
    r"\??\c:\windows\system32",
    r"\??\c:\windows\system32\drivers",
    r"\??\c:\windows\temp",
    r"\??\c:\programdata",
];

/// Other beginnings of paths, and what they stand for.
const ALIASES: [(&str, &str); 4] = [
    (r"\systemroot", r"\??\c:\windows"),
    (r"\dosdevices\", r"\??\"),
    (r"\global??\", r"\??\"),
    (r"\device\harddiskvolume1", r"\??\c:"),
];

/// A path as it is compared: from the volume, without a backslash at the end.
pub(crate) fn normal(path: &str) -> String {
    let mut path = fold(path);
    for (alias, meaning) in ALIASES {
        if let Some(rest) = path.strip_prefix(alias) {
            path = format!("{meaning}{rest}");
            break;
        }
    }
    path.trim_end_matches('\\').to_owned()
}

/// The last part of a path.
fn last_part(path: &str) -> &str {
    let path = path.trim_end_matches('\\');
    path.rsplit_once('\\').map_or(path, |(_, name)| name)
}

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Node {
    Directory,
    File(Vec<u8>),
}

/// A file or directory on the volume.
#[derive(Debug)]
struct Named {
    /// The last part of its path, as its maker spelled it.
    name: String,
    node: Node,
}

/// One of a directory's entries.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_directory: bool,
    /// How many bytes the file has.
    pub(crate) length: u64,
}

/// How far the entries of an open directory have been read.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// What their names match, as it is compared.
    pub(crate) expression: String,
    /// How many of these have been read.
    pub(crate) passed: usize,
}

/// A file or directory that is open.
#[derive(Clone, Debug)]
pub(crate) struct OpenFile {
    /// As it is compared.
    pub(crate) path: String,
    /// Where the next synchronous access begins; `None` if accesses say where.
    pub(crate) position: Option<u64>,
    /// The rights to read, to write and to delete, and those that others may have meanwhile.
    pub(crate) access: [bool; 3],
    pub(crate) shared: [bool; 3],
    /// The driver that has opened it.
    pub(crate) owner: Option<DriverId>,
    /// It goes when it is closed.
    pub(crate) is_deleted: bool,
    /// How far its entries have been read, if they have.
    pub(crate) scan: Option<Scan>,
}

/// The volume and what is open on it.
#[derive(Debug, Default)]
pub(crate) struct FileSystem {
    nodes: BTreeMap<String, Named>,
    open: BTreeMap<usize, OpenFile>,
    opened: usize,
}

impl FileSystem {
    /// What is at a path.
    pub(crate) fn node(&self, path: &str) -> Option<&Node> {
        let built_in = || BUILT_IN.contains(&path).then_some(&Node::Directory);
        let named = self.nodes.get(path).map(|named| &named.node);
        named.or_else(built_in)
    }

    /// The content of the file at a path.
    pub(crate) fn content(&mut self, path: &str) -> Option<&mut Vec<u8>> {
        match &mut self.nodes.get_mut(path)?.node {
            Node::File(content) => Some(content),
            Node::Directory => None,
        }
    }

    /// Returns `true` if a path is that of a directory with a place for this one.
    pub(crate) fn has_parent(&self, path: &str) -> bool {
        let parent = path.rsplit_once('\\').map_or("", |(parent, _)| parent);
        matches!(self.node(parent), Some(Node::Directory))
    }

    /// Adds what is to be at a path, whose last part is spelled like that of `spelling`.
    pub(crate) fn add(&mut self, path: &str, spelling: &str, node: Node) {
        let name = last_part(spelling).to_owned();
        self.nodes.insert(path.to_owned(), Named { name, node });
    }

    /// Moves what is at a path, and what is below it. Returns `false` if it cannot be moved.
    pub(crate) fn rename(&mut self, from: &str, to: &str, spelling: &str) -> bool {
        let Some(mut named) = self.nodes.remove(from) else {
            return false;
        };
        last_part(spelling).clone_into(&mut named.name);
        self.nodes.insert(to.to_owned(), named);
        let moved = |path: &str| {
            let rest = path.strip_prefix(from)?;
            (rest.is_empty() || rest.starts_with('\\')).then(|| format!("{to}{rest}"))
        };
        let paths: Vec<_> = self.nodes.keys().cloned().collect();
        for path in paths {
            if let Some(new) = moved(&path)
                && let Some(named) = self.nodes.remove(&path)
            {
                self.nodes.insert(new, named);
            }
        }
        for file in self.open.values_mut() {
            if let Some(new) = moved(&file.path) {
                file.path = new;
            }
        }
        true
    }

    /// The entries of the directory at a path, by their names. `None` if no directory is there.
    pub(crate) fn entries(&self, path: &str) -> Option<Vec<Entry>> {
        if !matches!(self.node(path)?, Node::Directory) {
            return None;
        }
        let directory = |name: &str| Entry {
            name: name.to_owned(),
            is_directory: true,
            length: 0,
        };
        let is_entry = |other: &str| {
            let parent = other.rsplit_once('\\');
            parent.is_some_and(|(parent, _)| parent == path)
        };
        let built_in = BUILT_IN.into_iter().filter(|other| is_entry(other));
        let mut all: BTreeMap<_, _> = built_in
            .map(|other| (other, directory(last_part(other))))
            .collect();
        for (other, Named { name, node }) in &self.nodes {
            if is_entry(other) {
                let length = match node {
                    Node::File(content) => Some(content.len() as u64),
                    Node::Directory => None,
                };
                let entry = Entry {
                    name: name.clone(),
                    is_directory: length.is_none(),
                    length: length.unwrap_or_default(),
                };
                all.insert(other, entry);
            }
        }
        let is_root = path == BUILT_IN[0];
        let dots = [".", ".."].into_iter().filter(|_| !is_root);
        Some(dots.map(directory).chain(all.into_values()).collect())
    }

    /// Returns the status for what cannot be taken away from a path.
    pub(crate) fn check_deletable(&self, path: &str) -> Result<(), i32> {
        let below = format!("{path}\\");
        if self.nodes.keys().any(|other| other.starts_with(&below)) {
            Err(STATUS_DIRECTORY_NOT_EMPTY)
        } else if self.nodes.contains_key(path) {
            Ok(())
        } else {
            Err(STATUS_CANNOT_DELETE)
        }
    }

    /// Takes away what is at a path, unless it has to stay.
    pub(crate) fn remove(&mut self, path: &str) -> Result<(), i32> {
        self.check_deletable(path)?;
        self.nodes.remove(path);
        Ok(())
    }

    /// What is open of a path that does not allow these rights, or that these do not allow.
    pub(crate) fn conflict(
        &self,
        path: &str,
        access: [bool; 3],
        shared: [bool; 3],
    ) -> Option<&OpenFile> {
        let allows = |shared: [bool; 3], access: [bool; 3]| {
            let mut pairs = shared.into_iter().zip(access);
            pairs.all(|(shares, wants)| shares || !wants)
        };
        let mut others = self.open.values().filter(|file| file.path == path);
        others.find(|file| !allows(file.shared, access) || !allows(shared, file.access))
    }

    /// Opens a file. Returns its number.
    pub(crate) fn open(&mut self, file: OpenFile) -> usize {
        self.opened += 1;
        self.open.insert(self.opened, file);
        self.opened
    }

    pub(crate) fn opened(&mut self, number: usize) -> Option<&mut OpenFile> {
        self.open.get_mut(&number)
    }

    /// Closes a file.
    pub(crate) fn close(&mut self, number: usize) {
        let Some(file) = self.open.remove(&number) else {
            return;
        };
        let is_last = !self.open.values().any(|other| other.path == file.path);
        if file.is_deleted && is_last {
            // What has come below it meanwhile keeps it.
            let _ = self.remove(&file.path);
        } else if file.is_deleted {
            let others = self.open.values_mut().filter(|it| it.path == file.path);
            others.for_each(|it| it.is_deleted = true);
        }
    }
}
