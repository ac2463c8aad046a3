// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reads driver images, for the build, which checks them, and for the simulated kernel,
//! which maps them.
//!
//! # Design
//!
//! Reading refuses a file that no loader could map: every number in a [`DriverImage`]
//! has been checked against the sizes of the file and of the image, so that users may index
//! without further checks. [`DriverImage::check`] then reports what Windows would reject.
//!
//! # Limits
//!
//! x86-64 only, no delayed imports, and nothing of the image is executed or changed.
//! Signatures are not checked.

mod checksum;
mod defect;
mod error;
mod headers;
mod imports;
mod relocations;
mod sections;
mod version;

use std::fs;
use std::io;
use std::path::Path;

pub use defect::Defect;
pub use error::{Fault, ImageError};
pub use imports::{Import, Symbol};
pub use sections::Section;
pub use version::Version;

use headers::Headers;

/// A native x86-64 PE image that a kernel could map.
///
/// # Invariants
///
/// - Sections are in ascending order, do not overlap, start behind the headers
///   and end within [`size_of_image`](Self::size_of_image).
/// - Every `file` range lies within [`bytes`](Self::bytes) and is no longer than
///   its section.
/// - The entry point lies in an executable section; each import slot and each
///   relocation covers 8 bytes of one section.
#[derive(Clone, Debug)]
pub struct DriverImage {
    name: String,
    bytes: Vec<u8>,
    headers: Headers,
    sections: Vec<Section>,
    imports: Vec<Import>,
    relocations: Vec<u32>,
}

impl DriverImage {
    /// Reads the image at `path`.
    ///
    /// # Errors
    ///
    /// Any [`Fault`], with the path.
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        let shown = path.display().to_string();
        let bytes = match read_file(path) {
            Ok(bytes) => bytes,
            Err(error) => return Err(ImageError::new(shown, Fault::Unreadable(error))),
        };
        let name = path
            .file_name()
            .map_or_else(|| shown.clone(), |name| name.to_string_lossy().into_owned());
        Self::dissect(name, bytes).map_err(|fault| ImageError::new(shown, fault))
    }

    /// The image `name` whose file has these bytes.
    ///
    /// # Errors
    ///
    /// Any [`Fault`] but [`Fault::Unreadable`], with the name.
    pub fn parse(name: &str, bytes: Vec<u8>) -> Result<Self, ImageError> {
        Self::dissect(name.to_owned(), bytes).map_err(|fault| ImageError::new(name, fault))
    }

    fn dissect(name: String, bytes: Vec<u8>) -> Result<Self, Fault> {
        let (headers, table) = headers::read(&bytes)?;
        let sections = sections::read(&bytes, &headers, &table)?;
        headers::check_entry_point(&headers, &sections)?;
        let imports = imports::read(&bytes, &headers, &sections)?;
        let relocations = relocations::read(&bytes, &headers, &sections)?;
        Ok(Self {
            name,
            bytes,
            headers,
            sections,
            imports,
            relocations,
        })
    }

    /// The file's name without its directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The address that the image was linked for.
    #[must_use]
    pub fn image_base(&self) -> u64 {
        self.headers.image_base
    }

    /// The bytes of address space that the image takes, whole pages.
    #[must_use]
    pub fn size_of_image(&self) -> u32 {
        self.headers.size_of_image
    }

    /// The bytes at the start of the file that are mapped at the image's base.
    #[must_use]
    pub fn size_of_headers(&self) -> u32 {
        self.headers.header_size
    }

    /// The entry point, relative to the base.
    #[must_use]
    pub fn entry_point(&self) -> u32 {
        self.headers.entry_point
    }

    /// The sections, in ascending order.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// What the image wants of others, in the order of its import table.
    #[must_use]
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// Where, relative to the base, the image holds 64-bit addresses that move
    /// with it.
    #[must_use]
    pub fn relocations(&self) -> &[u32] {
        &self.relocations
    }

    /// The file's content from `address`, relative to the base, to the end of
    /// what its section has in the file.
    #[must_use]
    pub fn content(&self, address: u32) -> Option<&[u8]> {
        sections::content(&self.bytes, &self.sections, address)
    }

    /// The exception directory, which says for each function how its frame is
    /// unwound: an array of `RUNTIME_FUNCTION`, empty if there is none.
    #[must_use]
    pub fn functions(&self) -> &[u8] {
        let directory = self.headers.functions;
        let content = self.content(directory.address);
        let size = usize::try_from(directory.size).ok();
        content
            .zip(size)
            .and_then(|(content, size)| content.get(..size))
            .unwrap_or_default()
    }

    /// The checksum that the headers claim; 0 if neither linker nor signer has set it.
    #[must_use]
    pub fn claimed_checksum(&self) -> u32 {
        self.headers.checksum
    }

    /// The checksum that the file has.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        checksum::of(&self.bytes, self.headers.checksum_place.clone())
    }

    /// The file with its checksum in the headers.
    #[must_use]
    pub fn with_checksum(mut self) -> Vec<u8> {
        let checksum = self.checksum().to_le_bytes();
        self.bytes[self.headers.checksum_place].copy_from_slice(&checksum);
        self.bytes
    }

    /// What the version resource says, if there is one.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        version::read(&self.bytes, &self.headers, &self.sections)
    }

    /// The names of the security properties that the headers claim, such as
    /// `NX_COMPAT`.
    #[must_use]
    pub fn claimed_characteristics(&self) -> Vec<&'static str> {
        defect::claimed(&self.headers)
    }

    /// What Windows, or this project, would object to; empty for a good image.
    #[must_use]
    pub fn check(&self) -> Vec<Defect> {
        defect::find(self)
    }
}

/// The content of a file, which may be as large as an image can be.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    /// The most bytes.
    const MOST: u64 = 1 << 30;
    let found = fs::metadata(path)?;
    if found.is_file() && found.len() > MOST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    if !found.is_file() && !found.is_dir() {
        return Err(io::Error::other("it is no regular file"));
    }
    fs::read(path)
}
