// SPDX-License-Identifier: MIT OR Apache-2.0

//! Internet addresses as text, and back.
//!
//! Text that begins with an address and goes on with characters of one, such as `1.2.3.4.5`, is
//! refused: no document says where such an address would end.

use std::net::{Ipv4Addr, Ipv6Addr};

use windows_sys::Win32::Foundation::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::hardware::irql::HIGH_LEVEL;

// No document limits the IRQL.
exports! {
    "RtlIpv4AddressToStringA" <= HIGH_LEVEL => narrow: usize;
    "RtlIpv4AddressToStringW" <= HIGH_LEVEL => wide: usize;
    "RtlIpv4AddressToStringExA" <= HIGH_LEVEL => narrow_with_port: i32;
    "RtlIpv4AddressToStringExW" <= HIGH_LEVEL => wide_with_port: i32;
    "RtlIpv4StringToAddressA" <= HIGH_LEVEL => from_narrow: i32;
    "RtlIpv4StringToAddressW" <= HIGH_LEVEL => from_wide: i32;
    "RtlIpv4StringToAddressExA" <= HIGH_LEVEL => from_narrow_with_port: i32;
    "RtlIpv4StringToAddressExW" <= HIGH_LEVEL => from_wide_with_port: i32;
    "RtlIpv6AddressToStringA" <= HIGH_LEVEL => narrow_6: usize;
    "RtlIpv6AddressToStringW" <= HIGH_LEVEL => wide_6: usize;
    "RtlIpv6AddressToStringExA" <= HIGH_LEVEL => narrow_6_with_port: i32;
    "RtlIpv6AddressToStringExW" <= HIGH_LEVEL => wide_6_with_port: i32;
    "RtlIpv6StringToAddressA" <= HIGH_LEVEL => from_narrow_6: i32;
    "RtlIpv6StringToAddressW" <= HIGH_LEVEL => from_wide_6: i32;
    "RtlIpv6StringToAddressExA" <= HIGH_LEVEL => from_narrow_6_with_port: i32;
    "RtlIpv6StringToAddressExW" <= HIGH_LEVEL => from_wide_6_with_port: i32;
}

/// A character of a driver's text.
trait Unit: Copy + Default + From<u8> + Into<u32> {}

impl Unit for u8 {}
impl Unit for u16 {}

/// Writes text and a zero. Returns the address of the zero.
fn write<T: Unit>(text: &str, to: usize) -> usize {
    let units = text.bytes().chain([0]);
    for (index, unit) in units.enumerate() {
        set(to + index * size_of::<T>(), T::from(unit));
    }
    to + text.len() * size_of::<T>()
}

/// Writes text into a buffer of as many characters as `length` says, and how many were written.
fn write_within<T: Unit>(text: &str, to: usize, length: usize) -> i32 {
    if to == 0 || length == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let needed = u32::try_from(text.len() + 1).expect("it is short");
    if get::<u32>(length) < needed {
        return STATUS_INVALID_PARAMETER;
    }
    write::<T>(text, to);
    set(length, needed);
    STATUS_SUCCESS
}

/// Reads the characters that may belong to an address: up to the first one that no address has.
fn read<T: Unit>(text: usize) -> String {
    /// More than any address, scope and port have.
    const MOST: usize = 128;
    let units = (0..MOST).map(|index| get::<T>(text + index * size_of::<T>()).into());
    let characters = units.map_while(|unit| char::from_u32(unit).filter(char::is_ascii_graphic));
    characters.collect()
}

/// The text up to the first character that is not among those that `fits` accepts.
fn leading(text: &str, fits: impl Fn(char) -> bool) -> &str {
    let end = text.find(|character| !fits(character));
    &text[..end.unwrap_or(text.len())]
}

/// Reads a number as C writes it: hexadecimal after `0x`, octal after `0`, or decimal.
fn number(text: &str) -> Option<u64> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, base) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    // A sign is none of its digits.
    let is_number = digits.chars().all(|digit| digit.is_digit(base));
    is_number
        .then(|| u64::from_str_radix(digits, base).ok())
        .flatten()
}

/// Reads an IPv4 address at the beginning of a text. Returns it and its length.
fn parse_4(text: &str, strict: bool) -> Option<(Ipv4Addr, usize)> {
    if strict {
        let text = leading(text, |it| it.is_ascii_digit() || it == '.');
        return Some((text.parse().ok()?, text.len()));
    }
    let text = leading(text, |it| it.is_ascii_hexdigit() || ".xX".contains(it));
    let parts: Option<Vec<_>> = text.split('.').map(number).collect();
    let parts = parts?;
    let (last, first) = parts.split_last()?;
    // The last part has the bytes that the others leave.
    let bits = 32_u32.checked_sub(8 * u32::try_from(first.len()).ok()?)?;
    if bits == 0 || *last >> bits != 0 || first.iter().any(|&part| part > 0xFF) {
        return None;
    }
    let high = first.iter().fold(0, |all, part| all << 8 | part) << bits;
    let address = u32::try_from(high | last).ok()?;
    Some((Ipv4Addr::from(address), text.len()))
}

/// Reads an IPv6 address at the beginning of a text. Returns it and its length.
fn parse_6(text: &str) -> Option<(Ipv6Addr, usize)> {
    let text = leading(text, |it| it.is_ascii_hexdigit() || ":.".contains(it));
    Some((text.parse().ok()?, text.len()))
}

/// Reads a port that ends the text, in network byte order; 0 if there is no text.
fn port(text: Option<&str>) -> Option<u16> {
    let Some(text) = text else {
        return Some(0);
    };
    let port = number(text).filter(|_| !text.is_empty())?;
    Some(u16::try_from(port).ok()?.to_be())
}

/// Reads an IPv6 address with its scope and its port: `[address%scope]:port`, of which only the
/// address must be there.
fn parse_6_with_port(text: &str) -> Option<(Ipv6Addr, u32, u16)> {
    let (inside, port_text) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, rest) = rest.split_once(']')?;
            let port = match rest {
                "" => None,
                _ => Some(rest.strip_prefix(':')?),
            };
            (inside, port)
        }
        None => (text, None),
    };
    let (address, scope) = match inside.split_once('%') {
        Some((address, scope)) => (address, scope.parse().ok()?),
        None => (inside, 0),
    };
    Some((address.parse().ok()?, scope, port(port_text)?))
}

/// The text of an IPv6 address with its scope and its port, both of which are left out if 0.
fn with_port_6(address: Ipv6Addr, scope: u32, port: u16) -> String {
    let scope = match scope {
        0 => String::new(),
        _ => format!("%{scope}"),
    };
    match u16::from_be(port) {
        0 => format!("{address}{scope}"),
        port => format!("[{address}{scope}]:{port}"),
    }
}

/// The text of an IPv4 address with its port, which is left out if 0.
fn with_port_4(address: usize, port: u16) -> String {
    let address = address_4(address);
    match u16::from_be(port) {
        0 => address.to_string(),
        port => format!("{address}:{port}"),
    }
}

fn address_4(at: usize) -> Ipv4Addr {
    Ipv4Addr::from(get::<[u8; 4]>(at))
}

fn address_6(at: usize) -> Ipv6Addr {
    Ipv6Addr::from(get::<[u8; 16]>(at))
}

/// Stores what was read, and where it ends.
fn store<T: Unit, A: Copy>(
    parsed: Option<(A, usize)>,
    text: usize,
    terminator: usize,
    to: usize,
) -> i32 {
    let Some((address, length)) = parsed else {
        return STATUS_INVALID_PARAMETER;
    };
    set(to, address);
    set(terminator, text + length * size_of::<T>());
    STATUS_SUCCESS
}

/// Reads an IPv4 address that fills a text, with or without a port.
fn read_4_with_port<T: Unit>(text: usize, strict: u8, to: usize, to_port: usize) -> i32 {
    let text = read::<T>(text);
    let parsed = parse_4(&text, strict != 0).and_then(|(address, length)| {
        let port_text = match &text[length..] {
            "" => None,
            rest => Some(rest.strip_prefix(':')?),
        };
        Some((address, port(port_text)?))
    });
    let Some((address, port)) = parsed else {
        return STATUS_INVALID_PARAMETER;
    };
    set(to, address.octets());
    set(to_port, port);
    STATUS_SUCCESS
}

/// Reads an IPv6 address that fills a text, with or without a scope and a port.
fn read_6_with_port<T: Unit>(text: usize, to: usize, to_scope: usize, to_port: usize) -> i32 {
    let Some((address, scope, port)) = parse_6_with_port(&read::<T>(text)) else {
        return STATUS_INVALID_PARAMETER;
    };
    set(to, address.octets());
    set(to_scope, scope);
    set(to_port, port);
    STATUS_SUCCESS
}

unsafe extern "win64" fn narrow(address: usize, to: usize) -> usize {
    write::<u8>(&address_4(address).to_string(), to)
}

unsafe extern "win64" fn wide(address: usize, to: usize) -> usize {
    write::<u16>(&address_4(address).to_string(), to)
}

unsafe extern "win64" fn narrow_with_port(a: usize, port: u16, to: usize, length: usize) -> i32 {
    write_within::<u8>(&with_port_4(a, port), to, length)
}

unsafe extern "win64" fn wide_with_port(a: usize, port: u16, to: usize, length: usize) -> i32 {
    write_within::<u16>(&with_port_4(a, port), to, length)
}

fn read_4<T: Unit>(text: usize, strict: u8, end: usize, to: usize) -> i32 {
    let parsed = parse_4(&read::<T>(text), strict != 0);
    let parsed = parsed.map(|(address, length)| (address.octets(), length));
    store::<T, _>(parsed, text, end, to)
}

unsafe extern "win64" fn from_narrow(text: usize, strict: u8, end: usize, to: usize) -> i32 {
    read_4::<u8>(text, strict, end, to)
}

unsafe extern "win64" fn from_wide(text: usize, strict: u8, end: usize, to: usize) -> i32 {
    read_4::<u16>(text, strict, end, to)
}

unsafe extern "win64" fn from_narrow_with_port(
    text: usize,
    strict: u8,
    to: usize,
    port: usize,
) -> i32 {
    read_4_with_port::<u8>(text, strict, to, port)
}

unsafe extern "win64" fn from_wide_with_port(
    text: usize,
    strict: u8,
    to: usize,
    port: usize,
) -> i32 {
    read_4_with_port::<u16>(text, strict, to, port)
}

unsafe extern "win64" fn narrow_6(address: usize, to: usize) -> usize {
    write::<u8>(&address_6(address).to_string(), to)
}

unsafe extern "win64" fn wide_6(address: usize, to: usize) -> usize {
    write::<u16>(&address_6(address).to_string(), to)
}

unsafe extern "win64" fn narrow_6_with_port(
    address: usize,
    scope: u32,
    port: u16,
    to: usize,
    length: usize,
) -> i32 {
    write_within::<u8>(&with_port_6(address_6(address), scope, port), to, length)
}

unsafe extern "win64" fn wide_6_with_port(
    address: usize,
    scope: u32,
    port: u16,
    to: usize,
    length: usize,
) -> i32 {
    write_within::<u16>(&with_port_6(address_6(address), scope, port), to, length)
}

fn read_6<T: Unit>(text: usize, end: usize, to: usize) -> i32 {
    let parsed = parse_6(&read::<T>(text));
    let parsed = parsed.map(|(address, length)| (address.octets(), length));
    store::<T, _>(parsed, text, end, to)
}

unsafe extern "win64" fn from_narrow_6(text: usize, end: usize, to: usize) -> i32 {
    read_6::<u8>(text, end, to)
}

unsafe extern "win64" fn from_wide_6(text: usize, end: usize, to: usize) -> i32 {
    read_6::<u16>(text, end, to)
}

unsafe extern "win64" fn from_narrow_6_with_port(
    text: usize,
    to: usize,
    scope: usize,
    port: usize,
) -> i32 {
    read_6_with_port::<u8>(text, to, scope, port)
}

unsafe extern "win64" fn from_wide_6_with_port(
    text: usize,
    to: usize,
    scope: usize,
    port: usize,
) -> i32 {
    read_6_with_port::<u16>(text, to, scope, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str, strict: bool) -> Option<(String, usize)> {
        let parsed = parse_4(text, strict);
        parsed.map(|(address, length)| (address.to_string(), length))
    }

    #[test]
    fn a_strict_address_has_four_decimal_parts() {
        let end = Some(("10.0.0.255".to_owned(), 10));
        assert_eq!(v4("10.0.0.255", true), end);
        assert_eq!(v4("10.0.0.255/8", true), end);
        for wrong in [
            "",
            "10",
            "10.1",
            "1.2.3",
            "1.2.3.256",
            "1.2.3.04",
            "0x1.2.3.4",
            "a",
        ] {
            assert_eq!(v4(wrong, true), None, "{wrong}");
        }
    }

    #[test]
    fn other_addresses_have_up_to_four_parts_in_three_bases() {
        let read = |text| v4(text, false).map(|(address, _)| address);
        assert_eq!(read("0x7F.1").as_deref(), Some("127.0.0.1"));
        assert_eq!(read("017.2.3.4").as_deref(), Some("15.2.3.4"));
        assert_eq!(read("1.2.772").as_deref(), Some("1.2.3.4"));
        assert_eq!(read("4294967295").as_deref(), Some("255.255.255.255"));
        for wrong in [
            "4294967296",
            "1.256.1.1",
            "1.2.3.4.5",
            "08",
            "1..2",
            "x",
            "1.2.",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_ipv6_address_ends_before_its_scope() {
        let read = |text| parse_6(text).map(|(address, end)| (address.to_string(), end));
        assert_eq!(read("fe80::1%3"), Some(("fe80::1".to_owned(), 7)));
        assert_eq!(
            read("::ffff:1.2.3.4 "),
            Some(("::ffff:1.2.3.4".to_owned(), 14))
        );
        for wrong in ["", ":", "1::2::3", "::12345", "1:2:3:4:5:6:7:8:9", "[::1]"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn scope_and_port_are_written_and_read() {
        let localhost = Ipv6Addr::LOCALHOST;
        for (scope, port, text) in [
            (0, 0, "::1"),
            (5, 0, "::1%5"),
            (0, 80, "[::1]:80"),
            (5, 80, "[::1%5]:80"),
        ] {
            let port = u16::to_be(port);
            assert_eq!(with_port_6(localhost, scope, port), text);
            assert_eq!(parse_6_with_port(text), Some((localhost, scope, port)));
        }
        for wrong in ["[::1]80", "[::1", "::1%", "[::1]:", "[::1]:65536", "::1]"] {
            assert_eq!(parse_6_with_port(wrong), None, "{wrong}");
        }
    }
}
