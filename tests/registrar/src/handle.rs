// SPDX-License-Identifier: MIT OR Apache-2.0

//! Handles: values that name a slot of a table, never an address.
//!
//! A handle carries what it names, whose side it is on and which use of its
//! slot it belongs to. So a wrong one is told apart without being followed:
//!
//! ```text
//! high half          low half, but 5 bits   2 bits   3 bits
//! use of the slot    slot                   kind     0b101, which no pointer ends in
//! ```

use core::ffi::c_void;
use core::fmt;
use core::ptr;

use nmr::abi::HANDLE;

use crate::host::Side;
use crate::slab::{Key, StaleKey};

const MARK: usize = 0b101;
const MARK_BITS: u32 = 3;
const KIND_BITS: u32 = 2;
const SLOT_SHIFT: u32 = MARK_BITS + KIND_BITS;
const USE_SHIFT: u32 = usize::BITS / 2;

/// How many slots a handle can name.
pub(crate) const SLOTS: u32 = 1 << (USE_SHIFT - SLOT_SHIFT);
/// The uses of a slot that a handle can tell apart: one less than it has bits
/// for, which leaves a number for a slot that is used up.
pub(crate) const USES: u32 = (u32::MAX >> (32 - (usize::BITS - USE_SHIFT))) - 1;

/// What a handle names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A registration.
    Registration,
    /// One side's end of a binding.
    Binding,
}

/// What a handle names, and on which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandleKind {
    pub(crate) named: Named,
    pub(crate) side: Side,
}

impl fmt::Display for HandleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.named, self.side) {
            (Named::Registration, Side::Client) => "a client's registration handle",
            (Named::Registration, Side::Provider) => "a provider's registration handle",
            (Named::Binding, Side::Client) => "a client's binding handle",
            (Named::Binding, Side::Provider) => "a provider's binding handle",
        })
    }
}

/// Why a value is not the handle that a function wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misuse {
    /// It is NULL.
    Null,
    /// This NMR never gave it out.
    NotAHandle,
    /// What it named is gone.
    Stale,
    /// It stands for a registration that failed.
    Failed,
    /// What it named was gone when `NmrDeregister...` answered `STATUS_SUCCESS`.
    Finished,
    /// It names something else.
    Other(HandleKind),
}

impl From<StaleKey> for Misuse {
    fn from(misfit: StaleKey) -> Self {
        match misfit {
            StaleKey::Future => Self::NotAHandle,
            StaleKey::Past => Self::Stale,
        }
    }
}

/// Where nothing ever is: the first use of a slot is number 1.
const DUD: Key = Key { slot: 0, turn: 0 };

/// What a failed registration on `side` may leave for a handle.
pub(crate) fn dud(side: Side) -> HANDLE {
    let named = Named::Registration;
    encode(HandleKind { named, side }, DUD)
}

/// The handle of `kind` for the thing at `key`.
#[inline]
pub(crate) fn encode(kind: HandleKind, key: Key) -> HANDLE {
    let kind = match (kind.named, kind.side) {
        (Named::Registration, Side::Client) => 0,
        (Named::Registration, Side::Provider) => 1,
        (Named::Binding, Side::Client) => 2,
        (Named::Binding, Side::Provider) => 3,
    };
    let value = (key.turn as usize) << USE_SHIFT
        | (key.slot as usize) << SLOT_SHIFT
        | kind << MARK_BITS
        | MARK;
    ptr::without_provenance_mut::<c_void>(value)
}

/// What `handle` says of itself.
#[inline]
pub(crate) fn decode(handle: HANDLE) -> Result<(HandleKind, Key), Misuse> {
    let value = handle.addr();
    if value == 0 {
        return Err(Misuse::Null);
    }
    if value & ((1 << MARK_BITS) - 1) != MARK {
        return Err(Misuse::NotAHandle);
    }
    let (named, side) = match value >> MARK_BITS & ((1 << KIND_BITS) - 1) {
        0 => (Named::Registration, Side::Client),
        1 => (Named::Registration, Side::Provider),
        2 => (Named::Binding, Side::Client),
        _ => (Named::Binding, Side::Provider),
    };
    #[expect(clippy::cast_possible_truncation, reason = "each half fits 32 bits")]
    let key = Key {
        slot: (value >> SLOT_SHIFT) as u32 & (SLOTS - 1),
        turn: (value >> USE_SHIFT) as u32,
    };
    if key == DUD {
        return Err(Misuse::Failed);
    }
    Ok((HandleKind { named, side }, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_says_what_it_names() {
        for named in [Named::Registration, Named::Binding] {
            for side in [Side::Client, Side::Provider] {
                let kind = HandleKind { named, side };
                for key in [
                    Key { slot: 0, turn: 1 },
                    Key {
                        slot: SLOTS - 1,
                        turn: USES,
                    },
                ] {
                    assert_eq!(decode(encode(kind, key)), Ok((kind, key)));
                }
            }
        }
    }

    #[test]
    fn null_and_pointers_are_no_handles() {
        assert_eq!(decode(ptr::null_mut()), Err(Misuse::Null));
        assert_eq!(decode(dud(Side::Client)), Err(Misuse::Failed));
        let mut word = 0_u64;
        assert_eq!(decode((&raw mut word).cast()), Err(Misuse::NotAHandle));
    }
}
