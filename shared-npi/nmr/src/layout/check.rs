// SPDX-License-Identifier: MIT OR Apache-2.0

//! The check of a peer's structure, as data: where its size and version are, and which are
//! accepted.

/// The unsigned integer in a structure that has its version or size.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    offset: usize,
    width: Width,
}

#[derive(Clone, Copy, Debug)]
enum Width {
    U16,
    U32,
    Usize,
}

impl Field {
    /// A `u16` at `offset`.
    #[must_use]
    pub const fn u16(offset: usize) -> Self {
        Self {
            offset,
            width: Width::U16,
        }
    }

    /// A `u32` at `offset`.
    #[must_use]
    pub const fn u32(offset: usize) -> Self {
        Self {
            offset,
            width: Width::U32,
        }
    }

    /// A `size_t` at `offset`.
    #[must_use]
    pub const fn usize(offset: usize) -> Self {
        Self {
            offset,
            width: Width::Usize,
        }
    }

    /// The size of the field in bytes.
    const fn size(self) -> usize {
        match self.width {
            Width::U16 => size_of::<u16>(),
            Width::U32 => size_of::<u32>(),
            Width::Usize => size_of::<usize>(),
        }
    }

    /// Returns `true` if the field is inside one of `fields`, each an offset and a size.
    const fn is_within(self, mut fields: &[(usize, usize)]) -> bool {
        while let [(offset, size), rest @ ..] = fields {
            if *offset <= self.offset && self.offset + self.size() <= *offset + *size {
                return true;
            }
            fields = rest;
        }
        false
    }

    /// Reads the field of the structure at `base`.
    ///
    /// # Safety
    ///
    /// The field lies in initialised integers of a readable structure.
    const unsafe fn read(self, base: *const u8) -> u64 {
        // SAFETY: by this function's contract the offset is inside the structure.
        let place = unsafe { base.add(self.offset) };
        match self.width {
            // SAFETY: by this function's contract an integer is there.
            Width::U16 => (unsafe { place.cast::<u16>().read_unaligned() }) as u64,
            // SAFETY: by this function's contract an integer is there.
            Width::U32 => (unsafe { place.cast::<u32>().read_unaligned() }) as u64,
            // SAFETY: by this function's contract an integer is there.
            Width::Usize => (unsafe { place.cast::<usize>().read_unaligned() }) as u64,
        }
    }
}

/// The check of a peer's structure before a reference to it is made.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    pub(super) size: Option<Field>,
    version: Option<Field>,
    lowest: u64,
    highest: u64,
}

impl Check {
    /// Checks nothing but the pointer: the identity of the NPI implies the layout.
    pub const NONE: Self = Self {
        size: None,
        version: None,
        lowest: 0,
        highest: u64::MAX,
    };

    /// Checks a [`Header`](crate::header::Header) at the beginning: a `u16` size, at least
    /// that of the type, and a `u16` version, at least 1.
    pub const SIZE_FIRST: Self =
        Self::NONE
            .size(Field::u16(0))
            .version(Field::u16(2), 1, u16::MAX as u64);

    /// Checks a `u16` version at the beginning, from `lowest` to `highest`, and no size. Each
    /// accepted version has all the fields of the type.
    #[must_use]
    pub const fn version_first(lowest: u16, highest: u16) -> Self {
        Self::NONE.version(Field::u16(0), lowest as u64, highest as u64)
    }

    /// Checks a `u16` version at the beginning, from `lowest` to `highest`, and after it,
    /// aligned, a `size_t` size, at least that of the type.
    #[must_use]
    pub const fn version_and_size(lowest: u16, highest: u16) -> Self {
        Self::version_first(lowest, highest).size(Field::usize(size_of::<usize>()))
    }

    /// Adds a check that the size in `field` is at least that of the type.
    #[must_use]
    pub const fn size(mut self, field: Field) -> Self {
        self.size = Some(field);
        self
    }

    /// Adds a check that the version in `field` is from `lowest` to `highest`.
    #[must_use]
    pub const fn version(mut self, field: Field, lowest: u64, highest: u64) -> Self {
        self.version = Some(field);
        self.lowest = lowest;
        self.highest = highest;
        self
    }

    /// Panics at compile time if a checked number is not inside one of the `fields` of the
    /// structure, each an offset and a size: padding between them is not initialised.
    #[doc(hidden)]
    pub const fn assert_within(self, fields: &[(usize, usize)]) {
        if let Some(field) = self.size {
            assert!(field.is_within(fields), "the size is in a field");
        }
        if let Some(field) = self.version {
            assert!(field.is_within(fields), "the version is in a field");
        }
    }

    /// Returns the size that the structure at `base` states, or `None` if its version is not
    /// accepted.
    ///
    /// # Safety
    ///
    /// The fields of the check are initialised integers of a readable structure.
    pub(super) const unsafe fn announced(self, base: *const u8) -> Option<u64> {
        if let Some(field) = self.version {
            // SAFETY: by this function's contract.
            let version = unsafe { field.read(base) };
            if version < self.lowest || version > self.highest {
                return None;
            }
        }
        match self.size {
            // SAFETY: by this function's contract.
            Some(field) => Some(unsafe { field.read(base) }),
            None => Some(u64::MAX),
        }
    }
}
