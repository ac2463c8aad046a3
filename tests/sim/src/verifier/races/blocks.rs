// SPDX-License-Identifier: MIT OR Apache-2.0

//! Accesses by functions of the kernel that read and write blocks of memory for drivers, such
//! as `memcpy`: to the search for races, the driver makes them where it calls.

use hashbrown::HashMap;

use super::recorder;
use super::shadow::{self, Present};
use crate::hardware::accesses::AccessKind;
use crate::kernel::{State, with};
use crate::scheduling::clocks::Sync;

/// The number of the first call that makes accesses: those of instructions are less.
const FIRST: u32 = 1 << 31;

/// The calls of a cycle that make accesses.
#[derive(Debug, Default)]
pub(super) struct Calls {
    homes: Vec<usize>,
    numbers: HashMap<usize, u32>,
}

impl Calls {
    /// The number of the call at `home`.
    fn number(&mut self, home: usize) -> Option<u32> {
        if let Some(&known) = self.numbers.get(&home) {
            return Some(known);
        }
        let number = FIRST.checked_add(u32::try_from(self.homes.len()).ok()?)?;
        self.homes.push(home);
        self.numbers.insert(home, number);
        Some(number)
    }

    /// The address of the call with this number, or `None` for an instruction.
    pub(super) fn home(&self, number: u32) -> Option<usize> {
        Some(self.homes[number.checked_sub(FIRST)? as usize])
    }
}

/// The function that the driver has called is about to read this memory.
pub(crate) fn read(start: *const u8, size: usize) {
    access(start.addr(), size, AccessKind::Load);
}

/// The function that the driver has called is about to write this memory.
pub(crate) fn write(start: *const u8, size: usize) {
    access(start.addr(), size, AccessKind::Store);
}

/// The function that the driver has called is about to change these words of a list, as the
/// holder of the spin lock at `lock`.
pub(crate) fn change(words: &[*const usize], lock: usize) {
    with(|state| {
        state.scheduling.acquire(Sync::Object(lock));
        for word in words {
            record(state, word.addr(), size_of::<usize>(), AccessKind::Modify);
        }
        state.scheduling.release(Sync::Object(lock));
    });
}

fn access(address: usize, size: usize, kind: AccessKind) {
    with(|state| record(state, address, size, kind));
}

fn record(state: &mut State, address: usize, size: usize, kind: AccessKind) -> Option<()> {
    if !state.verifier.races.enabled || size == 0 || !shadow::is_recorded(address) {
        return None;
    }
    // Within the call: what follows it may be another line or function.
    let home = state
        .scheduling
        .current()
        .frames
        .last()?
        .home
        .checked_sub(1)?;
    let races = &mut state.verifier.races;
    let present = Present {
        address,
        size,
        kind,
        is_repeated: false,
        serial: races.passed,
        point: races.calls.number(home)?,
    };
    recorder::record_access(state, &present, None);
    Some(())
}
