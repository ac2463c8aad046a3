// SPDX-License-Identifier: MIT OR Apache-2.0

//! The output of [`LIST_BINDINGS`](super::LIST_BINDINGS).

use super::VERSION;
use super::buffer::Buffer;
use nmr::abi::GUID;
use nmr::header::{Header, Plain};
use nmr::layout::Check;
use nmr::{Binding, Module, ModuleId, Npi, Role};
use nmr::{NtStatus, Result};

nmr::c_struct! {
    /// The head of the list, which the entries follow.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct BindingList: Check::SIZE_FIRST {
        /// Size and version of this structure, without the entries.
        pub header: Header,
        /// The number of bindings in use.
        pub total: u32,
        /// The number of entries that follow.
        pub returned: u32,
    }
}

/// One binding.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingEntry {
    /// The NPI.
    pub npi: GUID,
    /// The GUID of the peer module, or zeros if its module id is not a GUID.
    pub peer: GUID,
    /// The role of this driver.
    pub role: ListedAs,
}

/// The role of a driver in a binding.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedAs(pub u32);

impl ListedAs {
    /// The driver is the client.
    pub const CLIENT: Self = Self(1);
    /// The driver is the provider.
    pub const PROVIDER: Self = Self(2);
}

const _: () = {
    assert!(size_of::<BindingList>() == 16);
    assert!(size_of::<BindingEntry>() == 36);
};

// SAFETY: `repr(C)`; its size is asserted to be that of its fields: 8 + 4 + 4.
unsafe impl Plain for BindingList {}
// SAFETY: `repr(C)`; its size is asserted to be that of its fields: 16 + 16 + 4.
unsafe impl Plain for BindingEntry {}

impl BindingEntry {
    /// Creates the entry of a binding. Any IRQL.
    #[must_use]
    pub fn of<M: Module>(binding: &Binding<M>) -> Self {
        Self {
            npi: <M::Npi as Npi>::ID,
            peer: binding
                .peer_id()
                .and_then(ModuleId::guid)
                .unwrap_or(GUID::from_u128(0)),
            role: if M::Role::PROVIDES {
                ListedAs::PROVIDER
            } else {
                ListedAs::CLIENT
            },
        }
    }
}

/// Writes the list of the bindings that `visit` reports, and returns the status and
/// the number of bytes written.
///
/// # Errors
///
/// `STATUS_BUFFER_TOO_SMALL` if the head does not fit.
pub(super) fn write(
    buffer: &mut Buffer<'_>,
    visit: impl FnOnce(&mut dyn FnMut(BindingEntry)),
) -> Result<(NtStatus, usize)> {
    let mut head = BindingList {
        header: Header::of::<BindingList>(VERSION),
        total: 0,
        returned: 0,
    };
    let mut end = buffer.answer(head)?;
    visit(&mut |entry| {
        head.total = head.total.saturating_add(1);
        // All entries have the same size: if one does not fit, none after it does.
        if let Some(next) = buffer.write(end, entry) {
            end = next;
            head.returned = head.returned.saturating_add(1);
        }
    });
    buffer.answer(head)?;
    let status = if head.returned < head.total {
        NtStatus::BUFFER_OVERFLOW
    } else {
        NtStatus::SUCCESS
    };
    Ok((status, end))
}
