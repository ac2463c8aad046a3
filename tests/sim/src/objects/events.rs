// SPDX-License-Identifier: MIT OR Apache-2.0

//! The names of events that drivers find by them.
//!
//! A name lasts as long as its event. Names are compared with regard to case, unless
//! `OBJ_CASE_INSENSITIVE` is asked for.

use crate::loader::drivers::Site;
use crate::objects::names::fold;

/// The directories of the object manager in which drivers create events.
const DIRECTORIES: [&str; 3] = ["", r"\BaseNamedObjects", r"\KernelObjects"];

/// An event that has a name.
#[derive(Clone, Debug)]
pub(crate) struct NamedEvent {
    pub(crate) name: String,
    pub(crate) address: usize,
    /// The code that created it.
    pub(crate) by: Option<Site>,
}

/// The address of an event that is signalled when a request is complete, and stays until then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion(pub(crate) usize);

/// The events of a cycle that have names.
#[derive(Debug, Default)]
pub(crate) struct Events(Vec<NamedEvent>);

impl Events {
    /// The event with this name.
    pub(crate) fn find(&self, name: &str, ignores_case: bool) -> Option<&NamedEvent> {
        let is = |it: &&NamedEvent| it.name == name || ignores_case && fold(&it.name) == fold(name);
        self.0.iter().find(is)
    }

    /// The name of the event at this address.
    pub(crate) fn name(&self, address: usize) -> Option<&str> {
        let event = self.0.iter().find(|it| it.address == address)?;
        Some(&event.name)
    }

    pub(crate) fn add(&mut self, event: NamedEvent) {
        self.0.push(event);
    }

    /// The event at this address is no more.
    pub(in crate::objects) fn forget(&mut self, address: usize) {
        self.0.retain(|it| it.address != address);
    }
}

/// Returns `true` if a name lies in a directory in which events can be.
pub(crate) fn has_directory(name: &str) -> bool {
    let directory = name.rsplit_once('\\').map(|(directory, _)| directory);
    let is = |known: &&str| directory.is_some_and(|it| fold(it) == fold(known));
    DIRECTORIES.iter().any(is)
}
