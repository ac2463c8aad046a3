// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small volume in memory, `C:`, that a cycle begins with empty directories of Windows.

use std::collections::BTreeMap;

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

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Node {
    Directory,
    File(Vec<u8>),
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
}

/// The volume and what is open on it.
#[derive(Debug, Default)]
pub(crate) struct FileSystem {
    nodes: BTreeMap<String, Node>,
    open: BTreeMap<usize, OpenFile>,
    opened: usize,
}

impl FileSystem {
    /// What is at a path.
    pub(crate) fn node(&self, path: &str) -> Option<&Node> {
        let built_in = || BUILT_IN.contains(&path).then_some(&Node::Directory);
        self.nodes.get(path).or_else(built_in)
    }

    /// The content of the file at a path.
    pub(crate) fn content(&mut self, path: &str) -> Option<&mut Vec<u8>> {
        match self.nodes.get_mut(path)? {
            Node::File(content) => Some(content),
            Node::Directory => None,
        }
    }

    /// Returns `true` if a path is that of a directory with a place for this one.
    pub(crate) fn has_parent(&self, path: &str) -> bool {
        let parent = path.rsplit_once('\\').map_or("", |(parent, _)| parent);
        matches!(self.node(parent), Some(Node::Directory))
    }

    pub(crate) fn add(&mut self, path: &str, node: Node) {
        self.nodes.insert(path.to_owned(), node);
    }

    /// Moves what is at a path. Returns `false` if it cannot be moved.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(node) = self.nodes.remove(from) else {
            return false;
        };
        self.nodes.insert(to.to_owned(), node);
        for file in self.open.values_mut().filter(|file| file.path == from) {
            to.clone_into(&mut file.path);
        }
        true
    }

    /// Returns `true` if what is at a path can be taken away.
    pub(crate) fn may_go(&self, path: &str) -> bool {
        let below = format!("{path}\\");
        let is_empty = !self.nodes.keys().any(|other| other.starts_with(&below));
        is_empty && self.nodes.contains_key(path)
    }

    /// Takes away what is at a path. Returns `false` if it has to stay.
    pub(crate) fn remove(&mut self, path: &str) -> bool {
        self.may_go(path) && self.nodes.remove(path).is_some()
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
            self.remove(&file.path);
        } else if file.is_deleted {
            let others = self.open.values_mut().filter(|it| it.path == file.path);
            others.for_each(|it| it.is_deleted = true);
        }
    }
}
