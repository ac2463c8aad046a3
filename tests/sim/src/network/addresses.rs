// SPDX-License-Identifier: MIT OR Apache-2.0

//! Transport addresses of IPv4 and IPv6.

use std::net::{Ipv4Addr, Ipv6Addr};

/// `AF_INET` and `AF_INET6`.
const IPV4: u16 = 2;
const IPV6: u16 = 23;

/// A `SOCKADDR_IN` or `SOCKADDR_IN6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    bytes: [u8; 28],
    length: usize,
}

/// The number of bytes of an address of this family; `None` if there is no such transport.
pub(crate) const fn length(family: u16) -> Option<usize> {
    match family {
        IPV4 => Some(16),
        IPV6 => Some(28),
        _ => None,
    }
}

impl Address {
    /// The loopback address of a family with this port, in host order.
    pub(crate) fn loopback(family: u16, port: u16) -> Self {
        let mut bytes = [0; 28];
        bytes[..2].copy_from_slice(&family.to_le_bytes());
        if family == IPV4 {
            bytes[4..8].copy_from_slice(&[127, 0, 0, 1]);
        } else {
            bytes[23] = 1;
        }
        let length = length(family).unwrap_or(16);
        Self { bytes, length }.with_port(port)
    }

    /// Reads an address; `None` if it is of no family that there is.
    ///
    /// # Safety
    ///
    /// `at` is a `SOCKADDR` with the length that its family has.
    pub(crate) unsafe fn read(at: usize) -> Option<Self> {
        // SAFETY: a `SOCKADDR` begins with its family, by this function's contract.
        let family = unsafe { (at as *const u16).read_unaligned() };
        let length = length(family)?;
        let mut bytes = [0; 28];
        // SAFETY: it has this length, by this function's contract.
        unsafe { (at as *const u8).copy_to(bytes.as_mut_ptr(), length) };
        Some(Self { bytes, length })
    }

    /// Writes the address.
    ///
    /// # Safety
    ///
    /// There is room for an address of this family.
    pub(crate) unsafe fn write(&self, at: usize) {
        // SAFETY: there is room, by this function's contract.
        unsafe { (at as *mut u8).copy_from(self.bytes.as_ptr(), self.length) };
    }

    pub(crate) const fn family(&self) -> u16 {
        u16::from_le_bytes([self.bytes[0], self.bytes[1]])
    }

    /// The port in host order.
    pub(crate) const fn port(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    /// The host in numbers.
    pub(crate) fn host(&self) -> String {
        if self.family() == IPV4 {
            let [a, b, c, d] = [4, 5, 6, 7].map(|at| self.bytes[at]);
            return Ipv4Addr::new(a, b, c, d).to_string();
        }
        let mut host = [0; 16];
        host.copy_from_slice(&self.bytes[8..24]);
        Ipv6Addr::from(host).to_string()
    }

    /// The same host with another port.
    pub(crate) fn with_port(mut self, port: u16) -> Self {
        self.bytes[2..4].copy_from_slice(&port.to_be_bytes());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for family in [IPV4, IPV6] {
            let address = Address::loopback(family, 4660);
            let mut memory = [0_u8; 28];
            let at = memory.as_mut_ptr().addr();
            // SAFETY: the memory has room for an address of either family.
            unsafe { address.write(at) };
            assert_eq!(memory[2..4], [0x12, 0x34]);
            // SAFETY: an address was just written there.
            let read = unsafe { Address::read(at) };
            assert_eq!(read, Some(address));
            assert_eq!((address.family(), address.port()), (family, 4660));
            let host = if family == IPV4 { "127.0.0.1" } else { "::1" };
            assert_eq!(address.host(), host);
        }
    }
}
