// SPDX-License-Identifier: MIT OR Apache-2.0

//! Internet addresses as text.

use std::net::Ipv4Addr;

use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::hardware::irql::HIGH_LEVEL;

// No document limits the IRQL.
exports! {
    "RtlIpv4AddressToStringA" <= HIGH_LEVEL => narrow: usize;
    "RtlIpv4AddressToStringW" <= HIGH_LEVEL => wide: usize;
}

/// Writes the text of an address and a terminating zero. Returns the address of the zero.
fn write<T: Copy + From<u8>>(address: usize, to: usize) -> usize {
    let text = Ipv4Addr::from(get::<[u8; 4]>(address)).to_string();
    let units = text.bytes().chain([0]);
    for (index, unit) in units.enumerate() {
        set(to + index * size_of::<T>(), T::from(unit));
    }
    to + text.len() * size_of::<T>()
}

unsafe extern "win64" fn narrow(address: usize, to: usize) -> usize {
    write::<u8>(address, to)
}

unsafe extern "win64" fn wide(address: usize, to: usize) -> usize {
    write::<u16>(address, to)
}
