// SPDX-License-Identifier: MIT OR Apache-2.0

//! The list of a driver's bindings.

use super::VERSION;
use super::buffer::{Buffer, Plain};
use nmr::abi::GUID;
use nmr::header::{Headed, Header};
use nmr::{Binding, Module, Npi, Role};
use nmr::{NtStatus, Result};

/// The head of the list; its entries follow it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingList {
    /// Size and version of this structure, without the entries.
    pub header: Header,
    /// How many bindings are in use.
    pub total: u32,
    /// How many entries follow.
    pub returned: u32,
}

/// One binding.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingEntry {
    /// The NPI.
    pub npi: GUID,
    /// The GUID by which the peer identifies itself, zeros if by none.
    pub peer: GUID,
    /// The role of this driver.
    pub role: ListedAs,
}

/// The role of a driver in a binding.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedAs(pub u32);

impl ListedAs {
    /// It is the client.
    pub const CLIENT: Self = Self(1);
    /// It is the provider.
    pub const PROVIDER: Self = Self(2);
}

const _: () = {
    assert!(size_of::<BindingList>() == 16);
    assert!(size_of::<BindingEntry>() == 36);
};

// SAFETY: `repr(C)`, a header first, integers after it.
unsafe impl Headed for BindingList {}
// SAFETY: `repr(C)`, and the assertions above leave no room for padding.
unsafe impl Plain for BindingList {}
// SAFETY: as above.
unsafe impl Plain for BindingEntry {}

impl BindingEntry {
    /// The entry of a binding.
    #[must_use]
    pub fn of<M: Module>(binding: &Binding<M>) -> Self {
        Self {
            npi: <M::Npi as Npi>::ID,
            peer: binding.peer_id().unwrap_or(GUID::from_u128(0)),
            role: if M::Role::PROVIDES {
                ListedAs::PROVIDER
            } else {
                ListedAs::CLIENT
            },
        }
    }
}

/// Writes the list that `visit` tells; the status and how many bytes there are.
///
/// # Errors
///
/// `STATUS_BUFFER_TOO_SMALL` where there is no room for the head.
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
        // Entries are all of one size: where one does not fit, none after it
        // does.
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
