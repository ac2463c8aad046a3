// SPDX-License-Identifier: MIT OR Apache-2.0

//! The optional capabilities of an Echo module.

use nmr::layout::AnyBits;

bitflags::bitflags! {
    /// The functions that a module has besides `submit` and `complete`, which are
    /// mandatory.
    ///
    /// A binding has the capabilities that both sides offer. An unknown bit is ignored if
    /// it is offered; if it is required, the attach is refused.
    #[repr(transparent)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Capabilities: u32 {
        /// The provider has `cancel`, and the client may call it.
        const CANCEL = 1 << 0;
        /// The provider has `query_statistics`, and the client may call it.
        const STATISTICS = 1 << 1;
        /// The client has `notify`, and the provider may call it.
        const NOTIFY = 1 << 2;

        // The bits of later versions are kept, so that an unknown bit that is required is
        // seen.
        const _ = !0;
    }
}

// SAFETY: a transparent `u32`, of which all bits are admitted.
unsafe impl AnyBits for Capabilities {}

impl Capabilities {
    /// All capabilities that this version defines.
    pub const KNOWN: Self = Self::CANCEL.union(Self::STATISTICS).union(Self::NOTIFY);
}
