// SPDX-License-Identifier: MIT OR Apache-2.0

//! Types by their names, and their layout in C for x64.

use std::collections::BTreeMap;

use crate::{Structure, Type};

/// The size of a pointer.
pub(crate) const POINTER: usize = 8;

/// The longest array: a mistyped length must not make a structure that fits nowhere.
const LONGEST: usize = 1 << 16;

/// The most brackets of an array of arrays: each is a step of recursion.
const DEEPEST: usize = 8;

impl Type {
    /// The type that `text` names.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix('*') {
            let name = rest.trim_start().strip_prefix("const ");
            let structure = name.unwrap_or(rest).trim().to_owned();
            if !is_word(&structure) {
                return Err(format!(
                    "`{text}` points to no structure: write `*NAME` or `*const NAME`"
                ));
            }
            return Ok(Self::Lent {
                structure,
                constant: name.is_some(),
            });
        }
        if text.matches('[').count() > DEEPEST {
            return Err(format!(
                "an array has more than {DEEPEST} dimensions: leave some out"
            ));
        }
        if let Some(inner) = text.strip_prefix('[') {
            return Self::array(inner).ok_or_else(|| {
                format!(
                    "`{text}` is no array: write `[u8; 64]`, with 1 to {LONGEST} elements that are no \
                     function"
                )
            });
        }
        Ok(match text {
            "u8" => Self::Unsigned(1),
            "u16" => Self::Unsigned(2),
            "u32" => Self::Unsigned(4),
            "u64" => Self::Unsigned(8),
            "i8" => Self::Signed(1),
            "i16" => Self::Signed(2),
            "i32" => Self::Signed(4),
            "i64" => Self::Signed(8),
            "bool" => Self::Bool,
            "status" => Self::Status,
            "guid" => Self::Guid,
            "pointer" => Self::Pointer,
            "function" => Self::Function,
            _ if is_word(text) => Self::Structure(text.to_owned()),
            _ => {
                return Err(format!(
                    "`{text}` is no type: use u8 to u64, i8 to i64, bool, status, guid, pointer, \
                     function, [TYPE; N], or the name of a structure"
                ));
            }
        })
    }

    /// The array of which `inner` is all but the first bracket.
    fn array(inner: &str) -> Option<Self> {
        let (element, length) = inner.strip_suffix(']')?.rsplit_once(';')?;
        let element = Self::parse(element.trim()).ok()?;
        let digits = length.trim();
        let is_number = digits.bytes().all(|it| it.is_ascii_digit());
        let length = digits.parse().ok().filter(|_| is_number)?;
        let fits = (1..=LONGEST).contains(&length) && element != Self::Function;
        fits.then(|| Self::Array(Box::new(element), length))
    }

    /// The structure that is inside it, if there is one.
    pub(crate) fn inside(&self) -> Option<&str> {
        match self {
            Self::Structure(name) => Some(name),
            Self::Array(element, _) => element.inside(),
            _ => None,
        }
    }

    /// The structure that it names.
    pub(crate) fn named(&self) -> Option<&str> {
        match self {
            Self::Lent { structure, .. } => Some(structure),
            Self::Array(element, _) => element.named(),
            _ => self.inside(),
        }
    }

    /// Its size and alignment in bytes; `None` if a structure is not there.
    pub(crate) fn layout(&self, known: &BTreeMap<&str, &Structure>) -> Option<(usize, usize)> {
        Some(match self {
            Self::Unsigned(size) | Self::Signed(size) => (*size, *size),
            Self::Bool => (1, 1),
            Self::Status => (4, 4),
            Self::Guid => (16, 4),
            Self::Pointer | Self::Lent { .. } | Self::Function => (POINTER, POINTER),
            Self::Array(element, length) => {
                let (size, align) = element.layout(known)?;
                (size.checked_mul(*length)?, align)
            }
            Self::Structure(name) => {
                let structure = known.get(name.as_str())?;
                (structure.size, structure.align)
            }
        })
    }

    /// The lowest and highest number that it holds, if it holds one.
    #[must_use]
    pub fn bounds(&self) -> Option<(i64, i64)> {
        match self {
            Self::Unsigned(8) | Self::Signed(8) | Self::Pointer => Some((i64::MIN, i64::MAX)),
            Self::Unsigned(size) => Some((0, (1 << (8 * size)) - 1)),
            Self::Signed(size) => Some((-(1 << (8 * size - 1)), (1 << (8 * size - 1)) - 1)),
            // As people write one: 0xC0000001.
            Self::Status => Some((i32::MIN.into(), u32::MAX.into())),
            Self::Bool => Some((0, 1)),
            _ => None,
        }
    }
}

/// Returns `true` for what C and Rust take as a name.
pub(crate) fn is_word(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
