// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the file of an image says, for its description.

use std::collections::BTreeMap;

use object::read::pe::{ExportTarget, PeFile64};
use object::{Object, ObjectSection};
use scenarios::{ImageFacts, SectionFacts};

use crate::loader::image::{self, Image};

impl Image {
    /// What its file says.
    pub(crate) fn facts(&self) -> ImageFacts {
        let file = self.file();
        let mut imports = BTreeMap::<String, Vec<String>>::new();
        for import in file.imports() {
            if !self.missing().contains(import) {
                let exporter = import.dll.to_ascii_lowercase();
                let names = imports.entry(exporter).or_default();
                names.push(import.symbol.to_string());
            }
        }
        for names in imports.values_mut() {
            names.sort_unstable();
            names.dedup();
        }
        let parsed = PeFile64::parse(file.bytes()).ok();
        let names = parsed.as_ref().map(section_names).unwrap_or_default();
        let sections = file.sections().iter().zip(names);
        let sections = sections.map(|(section, name)| SectionFacts {
            name,
            address: section.address,
            size: section.size,
            readable: section.readable,
            writable: section.writable,
            executable: section.executable,
            pageable: image::is_pageable(section),
            discardable: image::is_discardable(section),
        });
        let pdb = parsed.as_ref().and_then(|it| it.pdb_info().ok()?);
        ImageFacts {
            file_size: file.bytes().len(),
            size_of_image: file.size_of_image(),
            image_base: file.image_base(),
            entry_point: file.entry_point(),
            characteristics: file
                .claimed_characteristics()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            pdb: pdb.map(|pdb| shown(pdb.path())),
            has_symbols: self.has_symbols(),
            sections: sections.collect(),
            imports,
            missing_imports: self.missing_imports(),
            exports: parsed.as_ref().map(exports).unwrap_or_default(),
        }
    }
}

/// The names of the sections; those of mingw have the longer ones in a table.
fn section_names(file: &PeFile64<'_>) -> Vec<String> {
    let sections = file.sections();
    let names = sections.map(|section| section.name_bytes().map(shown).unwrap_or_default());
    names.collect()
}

/// The names that an image exports; one that has a number only is shown as that.
fn exports(file: &PeFile64<'_>) -> Vec<String> {
    let Ok(Some(table)) = file.export_table() else {
        return Vec::new();
    };
    let exports = table.exports().unwrap_or_default();
    // A number without an address is not in use.
    let used = exports.iter().filter(|export| match export.target {
        ExportTarget::Address(address) => address != 0,
        _ => true,
    });
    let names = used.map(|export| match export.name {
        Some(name) => shown(name),
        None => format!("ordinal {}", export.ordinal),
    });
    names.collect()
}

/// A text of the file, without what a terminal would take for a command.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().filter(|it| !it.is_control()).collect()
}
