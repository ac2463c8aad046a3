// SPDX-License-Identifier: MIT OR Apache-2.0

//! The names of the object manager: named devices, and the symbolic links by
//! which programs find them.
//!
//! Names are compared without regard to case. `\DosDevices` is another name of
//! `\??`, where a program's `\\.\Name` is looked for.

use std::collections::BTreeMap;

use crate::loader::drivers::{DriverId, Site};

/// `text` as the registry and the object manager compare it.
pub(crate) fn fold(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// What a name stands for.
#[derive(Debug)]
enum Target {
    /// The device object at this address.
    Device(usize),
    /// This other name.
    Link(String),
}

#[derive(Debug)]
struct Name {
    /// As its maker spelled it.
    spelling: String,
    target: Target,
    by: Site,
}

/// A name that a driver asked for when another one had it.
#[derive(Debug)]
pub(crate) struct Collision {
    pub(crate) name: String,
    pub(crate) owner: DriverId,
}

/// All names of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: BTreeMap<String, Name>,
    /// The last name that another driver had when a driver asked for it.
    collisions: BTreeMap<DriverId, Collision>,
}

fn canonical(path: &str) -> String {
    let path = fold(path);
    match path.strip_prefix(r"\dosdevices\") {
        Some(rest) => format!(r"\??\{rest}"),
        None => path,
    }
}

impl Names {
    /// Returns `true` if something has the name that a driver asks for.
    pub(crate) fn is_taken(&mut self, path: &str, by: Option<DriverId>) -> bool {
        let Some(name) = self.names.get(&canonical(path)) else {
            return false;
        };
        let owner = name.by.driver;
        if let Some(by) = by {
            self.collide(by, path.to_owned(), owner);
        }
        true
    }

    /// A driver has asked for what the driver `owner` has.
    pub(crate) fn collide(&mut self, by: DriverId, name: String, owner: DriverId) {
        if by != owner {
            self.collisions.insert(by, Collision { name, owner });
        }
    }

    /// The last name that another driver had when this one asked for it.
    pub(crate) fn collision(&self, driver: DriverId) -> Option<&Collision> {
        self.collisions.get(&driver)
    }

    /// Names a device.
    pub(crate) fn add_device(&mut self, path: &str, device: usize, by: Site) {
        let name = Name {
            spelling: path.to_owned(),
            target: Target::Device(device),
            by,
        };
        self.names.insert(canonical(path), name);
    }

    /// Makes a symbolic link. Returns `false` if something has its name.
    pub(crate) fn add_link(&mut self, path: &str, to: &str, by: Site) -> bool {
        let free = !self.is_taken(path, Some(by.driver));
        if free {
            let name = Name {
                spelling: path.to_owned(),
                target: Target::Link(to.to_owned()),
                by,
            };
            self.names.insert(canonical(path), name);
        }
        free
    }

    /// Who has made the symbolic link with this name, if there is one.
    pub(crate) fn link_maker(&self, path: &str) -> Option<Site> {
        let name = self.names.get(&canonical(path))?;
        matches!(name.target, Target::Link(_)).then_some(name.by)
    }

    /// Takes a symbolic link away. Returns `false` if there is none of this
    /// name.
    pub(crate) fn remove_link(&mut self, path: &str) -> bool {
        let path = canonical(path);
        let is_link = self
            .names
            .get(&path)
            .is_some_and(|name| matches!(name.target, Target::Link(_)));
        is_link && self.names.remove(&path).is_some()
    }

    /// Takes away what a device is called.
    pub(crate) fn remove_device(&mut self, device: usize) {
        self.names.retain(|_, name| !name.is(device));
    }

    /// The device with this name, or that a link with this name leads to.
    pub(crate) fn device(&self, path: &str) -> Option<usize> {
        self.device_of(&canonical(path))
    }

    /// The same for a name as it is compared.
    fn device_of(&self, name: &str) -> Option<usize> {
        match &self.names.get(name)?.target {
            Target::Device(device) => Some(*device),
            Target::Link(to) => match self.names.get(&canonical(to))?.target {
                Target::Device(device) => Some(device),
                Target::Link(_) => None,
            },
        }
    }

    /// The names by which each device that a driver made can be opened: its own,
    /// and those of the links to it.
    pub(crate) fn of(&self, driver: DriverId) -> Vec<Vec<String>> {
        let devices = self.names.values().filter(|name| name.by.driver == driver);
        let devices = devices.filter_map(|name| match name.target {
            Target::Device(device) => Some(device),
            Target::Link(_) => None,
        });
        let all = |device| {
            let paths = self.names.keys();
            let to_it = paths.filter(move |path| self.device_of(path) == Some(device));
            to_it.cloned().collect()
        };
        devices.map(all).collect()
    }

    /// The names of all devices.
    pub(crate) fn devices(&self) -> Vec<String> {
        let devices = self.names.values();
        let devices = devices.filter(|name| matches!(name.target, Target::Device(_)));
        devices.map(|name| name.spelling.clone()).collect()
    }

    /// All symbolic links, each with its target.
    pub(crate) fn links(&self) -> Vec<(String, String)> {
        let links = self.names.values().filter_map(|name| match &name.target {
            Target::Link(to) => Some((name.spelling.clone(), to.clone())),
            Target::Device(_) => None,
        });
        links.collect()
    }

    /// The name of a device, as its driver spelled it.
    pub(crate) fn of_device(&self, device: usize) -> Option<&str> {
        let mut names = self.names.values();
        let name = names.find(|name| name.is(device))?;
        Some(&name.spelling)
    }

    /// The place in a driver that created a named device.
    pub(crate) fn maker(&self, device: usize) -> Option<Site> {
        let mut names = self.names.values();
        names.find(|name| name.is(device)).map(|name| name.by)
    }

    /// A name that a driver has created and not deleted, and the place that
    /// created it.
    pub(crate) fn left_by(&self, driver: DriverId) -> Option<(&str, Site)> {
        let mut names = self.names.iter();
        let (path, name) = names.find(|(_, name)| name.by.driver == driver)?;
        Some((path, name.by))
    }
}

impl Name {
    fn is(&self, device: usize) -> bool {
        matches!(self.target, Target::Device(at) if at == device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: Site = Site {
        driver: DriverId(1),
        offset: None,
    };
    const DEVICE: usize = 0x1000;

    #[test]
    fn a_device_is_found_by_its_name_and_by_a_link() {
        let mut names = Names::default();
        names.add_device(r"\Device\Echo", DEVICE, BY);
        assert!(names.add_link(r"\DosDevices\Echo", r"\Device\Echo", BY));
        for path in [r"\device\ECHO", r"\??\echo", r"\DosDevices\Echo"] {
            assert_eq!(names.device(path), Some(DEVICE), "{path}");
        }
        assert_eq!(names.of(DriverId(1)), [[r"\??\echo", r"\device\echo"]]);
        assert_eq!(names.of(DriverId(2)), [[""; 0]; 0]);
        assert_eq!(names.devices(), [r"\Device\Echo"]);
        assert_eq!(names.of_device(DEVICE), Some(r"\Device\Echo"));
        let link = (r"\DosDevices\Echo", r"\Device\Echo");
        assert_eq!(names.links(), [(link.0.to_owned(), link.1.to_owned())]);
    }

    #[test]
    fn a_name_is_given_once() {
        let mut names = Names::default();
        assert!(names.add_link(r"\??\Echo", r"\Device\One", BY));
        assert!(!names.add_link(r"\DosDevices\echo", r"\Device\Two", BY));
        assert!(names.remove_link(r"\DosDevices\Echo"));
        assert!(!names.remove_link(r"\DosDevices\Echo"));
    }

    #[test]
    fn a_link_outlives_its_device_and_leads_nowhere() {
        let mut names = Names::default();
        names.add_device(r"\Device\Echo", DEVICE, BY);
        names.add_link(r"\??\Echo", r"\Device\Echo", BY);
        assert!(!names.remove_link(r"\Device\Echo"));
        names.remove_device(DEVICE);
        assert_eq!(names.device(r"\??\Echo"), None);
        assert_eq!(names.left_by(DriverId(1)), Some((r"\??\echo", BY)));
    }
}
