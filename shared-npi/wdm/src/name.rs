// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of kernel objects, among them those with the name of the driver's service.
//!
//! If the device has the name of its service, two services can run the same image side by
//! side.

use nmr::abi::struct_size;
use nmr::{NtStatus, Result};

/// The maximum length of a name, in UTF-16 units.
const LONGEST: usize = 96;

/// A name of at most 96 UTF-16 units, stored inline.
///
/// # Invariants
///
/// At most `LONGEST` units are in use. A name of which all bytes are zero is empty.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Name {
    units: [u16; LONGEST],
    used: u16,
}

impl Name {
    /// The empty name. Any IRQL.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            units: [0; LONGEST],
            used: 0,
        }
    }

    /// Creates the name `text`. Any IRQL.
    ///
    /// # Errors
    ///
    /// `STATUS_NAME_TOO_LONG` if it has more than 96 units.
    pub fn new(text: &str) -> Result<Self> {
        let mut name = Self::empty();
        name.append(text.encode_utf16())?;
        Ok(name)
    }

    /// Creates a name from the directory `prefix`, which ends in a backslash, and the name of
    /// the service, which is the last component of its registry path `path`. Any IRQL.
    ///
    /// # Errors
    ///
    /// `STATUS_NAME_TOO_LONG` if the result has more than 96 units.
    pub fn of_service(prefix: &str, path: &[u16]) -> Result<Self> {
        const BACKSLASH: u16 = b'\\' as u16;
        let service = path.rsplit(|&unit| unit == BACKSLASH).next();
        let mut name = Self::new(prefix)?;
        name.append(service.unwrap_or_default().iter().copied())?;
        Ok(name)
    }

    /// The units of the name. Any IRQL.
    #[must_use]
    pub fn units(&self) -> &[u16] {
        self.units.get(..usize::from(self.used)).unwrap_or_default()
    }

    /// Returns `true` if the name has no units. Any IRQL.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Appends `units`, or as many of them as fit.
    fn append(&mut self, units: impl Iterator<Item = u16>) -> Result {
        let mut free = self.units.iter_mut().skip(usize::from(self.used));
        for unit in units {
            *free.next().ok_or(NtStatus::NAME_TOO_LONG)? = unit;
            self.used += 1;
        }
        Ok(())
    }

    /// The length of the name in bytes. Any IRQL.
    #[must_use]
    pub const fn bytes(&self) -> u16 {
        self.used * struct_size::<u16>()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::{LONGEST, Name};
    use nmr::NtStatus;

    fn text(name: &Name) -> String {
        String::from_utf16(name.units()).expect("it was text")
    }

    fn path(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn a_name_holds_its_text() {
        let name = Name::new("Thréads").expect("it is short");
        assert_eq!(text(&name), "Thréads");
        assert_eq!(name.bytes(), 14);
        assert!(Name::empty().is_empty());
        assert!(!name.is_empty());
    }

    #[test]
    fn a_name_after_the_service_ends_in_the_last_component_of_the_path() {
        let registry = path(r"\Registry\Machine\System\CurrentControlSet\Services\echo1");
        let name = Name::of_service(r"\Device\", &registry).expect("it is short");
        assert_eq!(text(&name), r"\Device\echo1");
        let name = Name::of_service(r"\Device\", &path("echo")).expect("it is short");
        assert_eq!(text(&name), r"\Device\echo");
        let name = Name::of_service(r"\Device\", &[]).expect("it is short");
        assert_eq!(text(&name), r"\Device\");
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused() {
        let longest = "x".repeat(LONGEST);
        assert_eq!(
            Name::new(&longest).map(|name| name.units().len()),
            Ok(LONGEST)
        );
        let longer = "x".repeat(LONGEST + 1);
        assert_eq!(Name::new(&longer).err(), Some(NtStatus::NAME_TOO_LONG));
        let service = path(&"x".repeat(LONGEST - 1));
        let name = Name::of_service(r"\\", &service);
        assert_eq!(name.err(), Some(NtStatus::NAME_TOO_LONG));
    }
}
