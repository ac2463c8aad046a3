// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reads the bytes of a `TraceLogging` event from front to back.

/// What is wrong with an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("its {what} has {has} bytes and says that it has {says}")]
    Size {
        what: &'static str,
        has: usize,
        says: u16,
    },
    #[error("its {0} ends too early")]
    Early(&'static str),
    #[error("its {0} ends within a name")]
    Name(&'static str),
    #[error("its data ends within the field {0}")]
    Field(String),
    #[error("the field {field} has the type {kind}, which TraceLogging does not have")]
    Type { field: String, kind: u8 },
    #[error("its structures lie too deep in each other")]
    Deep,
    #[error("its data has {0} byte{s} more than its fields", s = if *.0 == 1 { "" } else { "s" })]
    More(usize),
}

/// Bytes that are read from front to back.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// Bytes that begin with their number.
    pub(super) fn sized(bytes: &'a [u8], what: &'static str) -> Result<Self, Malformed> {
        let mut reader = Self::new(bytes, what);
        let says = reader.number()?;
        if usize::from(says) != bytes.len() {
            let has = bytes.len();
            return Err(Malformed::Size { what, has, says });
        }
        Ok(reader)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let split = self.rest.split_at_checked(count);
        let (taken, rest) = split.ok_or(Malformed::Early(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], Malformed> {
        let bytes = self.take(SIZE)?;
        Ok(bytes.try_into().expect("the length is that of the array"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    /// A number of 16 bits.
    pub(super) fn number(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// The units of `SIZE` bytes before one that is zero, which is skipped.
    pub(super) fn until_zero<const SIZE: usize>(&mut self) -> Result<&'a [u8], Malformed> {
        let mut ends = self.rest.chunks_exact(SIZE);
        let units = ends.position(|unit| unit.iter().all(|&byte| byte == 0));
        let taken = self.take(units.ok_or(Malformed::Early(self.what))? * SIZE)?;
        self.take(SIZE)?;
        Ok(taken)
    }

    /// A name, up to its zero.
    pub(super) fn name(&mut self) -> Result<String, Malformed> {
        let what = self.what;
        let name = self.until_zero::<1>();
        let name = name.map_err(|_| Malformed::Name(what))?;
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    /// Checks that everything has been read.
    pub(super) const fn finish(self) -> Result<(), Malformed> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(Malformed::More(more)),
        }
    }
}
