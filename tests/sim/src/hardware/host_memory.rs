// SPDX-License-Identifier: MIT OR Apache-2.0

//! The memory of the program itself, whose addresses differ from run to run: they have no
//! place in findings.

use std::fs;
use std::ops::Range;

use crate::hardware::arena;

/// What stands for such an address in a text.
const NAME: &str = "(memory of the simulated kernel itself)";

/// The memory of the program when this was made.
#[derive(Debug)]
pub(crate) struct HostMemory(Vec<Range<usize>>);

impl HostMemory {
    pub(crate) fn now() -> Self {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let ranges = maps.lines().filter_map(range);
        Self(
            ranges
                .filter(|range| !arena::contains(range.start))
                .collect(),
        )
    }

    /// Returns `true` if an address is in this memory, or just beside it.
    pub(crate) fn contains(&self, address: usize) -> bool {
        /// More than a structure takes.
        const BESIDE: usize = 1 << 20;
        self.0.iter().any(|range| {
            let around = range.start.saturating_sub(BESIDE)..range.end.saturating_add(BESIDE);
            around.contains(&address)
        })
    }

    /// Replaces the addresses in a text that are in this memory.
    pub(crate) fn hide(&self, text: String) -> String {
        if !text.contains("0x") {
            return text;
        }
        let mut parts = text.split("0x");
        let mut hidden = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_hexdigit());
            let (digits, rest) = part.split_at(end.unwrap_or(part.len()));
            match usize::from_str_radix(digits, 16) {
                Ok(address) if self.contains(address) => hidden += NAME,
                _ => hidden.extend(["0x", digits]),
            }
            hidden += rest;
        }
        hidden
    }
}

/// The addresses that a line of `/proc/self/maps` is about.
fn range(line: &str) -> Option<Range<usize>> {
    let (start, rest) = line.split_once('-')?;
    let (end, _) = rest.split_once(' ')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some(number(start)?..number(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_program_are_hidden() {
        let variable = Box::new(0_u8);
        let address = (&raw const *variable).addr();
        let memory = HostMemory::now();
        let text = format!("jumped to {address:#x} at 0x1234, 0x, 0xZZ");
        let expected = format!("jumped to {NAME} at 0x1234, 0x, 0xZZ");
        assert_eq!(memory.hide(text), expected);
    }
}
