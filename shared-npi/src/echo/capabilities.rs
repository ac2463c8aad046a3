// SPDX-License-Identifier: MIT OR Apache-2.0

//! Capabilities of a module of the Echo NPI beyond the minimum.

use nmr::layout::AnyBits;

bitflags::bitflags! {
    /// Abilities beyond `submit` and `complete`, which everyone has.
    ///
    /// A binding has those that both sides offer. Bits unknown to the reader
    /// are ignored when offered, and refuse the attach when required.
    #[repr(transparent)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Capabilities: u32 {
        /// `cancel`: the provider has it, the client may call it.
        const CANCEL = 1 << 0;
        /// `query_statistics`: the provider has it, the client may call it.
        const STATISTICS = 1 << 1;
        /// `notify`: the client has it, the provider may call it.
        const NOTIFY = 1 << 2;

        // Bits of a later version: kept, so that they can be told apart from
        // bits that are missing.
        const _ = !0;
    }
}

// SAFETY: a transparent `u32`, of which all bits are admitted.
unsafe impl AnyBits for Capabilities {}

impl Capabilities {
    /// All that this version defines.
    pub const KNOWN: Self = Self::CANCEL.union(Self::STATISTICS).union(Self::NOTIFY);
}
