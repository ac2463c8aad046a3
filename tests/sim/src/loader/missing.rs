// SPDX-License-Identifier: MIT OR Apache-2.0

//! Imports that nothing here provides: each leads to a page of its own, which is never
//! accessible. A driver that calls such a function, or reads such a variable, faults
//! there, and the address says which import it is.

use std::rc::Rc;

use crate::hardware::arena::{MISSING, PAGE};
use crate::loader::image::Image;

/// The images of a cycle that have missing imports, each with its first page.
#[derive(Debug, Default)]
pub(crate) struct MissingImports(Vec<(usize, Rc<Image>)>);

impl MissingImports {
    /// The address of an image's first missing import; each other one is a page further.
    pub(crate) fn add(&mut self, image: &Rc<Image>) -> usize {
        if let Some((first, _)) = self.0.iter().find(|(_, known)| Rc::ptr_eq(known, image)) {
            return *first;
        }
        let last = self.0.last();
        let first = last.map_or(MISSING.start, |(first, last)| {
            first + last.missing().len() * PAGE
        });
        let end = first + image.missing().len() * PAGE;
        assert!(end <= MISSING.end, "a cycle loads a few images");
        self.0.push((first, Rc::clone(image)));
        first
    }

    /// The missing import at `address`.
    pub(crate) fn at(&self, address: usize) -> Option<MissingImport<'_>> {
        self.0.iter().find_map(|(first, image)| {
            let index = address.checked_sub(*first)? / PAGE;
            let import = image.missing().get(index)?;
            Some(MissingImport {
                symbol: import.symbol.to_string(),
                module: import.dll.to_ascii_lowercase(),
                image,
            })
        })
    }
}

/// An import that nothing here provides.
#[derive(Debug)]
pub(crate) struct MissingImport<'a> {
    pub(crate) symbol: String,
    /// The image that exports it.
    pub(crate) module: String,
    /// The image that imports it.
    pub(crate) image: &'a Rc<Image>,
}
