// SPDX-License-Identifier: MIT OR Apache-2.0

//! Variables of the kernel image that drivers import.

use std::collections::BTreeMap;

use crate::kernel::State;
use crate::memory::well_known;

/// The variables that were asked for, by name.
pub(crate) type Variables = BTreeMap<&'static str, usize>;

const TAG: u32 = u32::from_le_bytes(*b"Vari");
const WORD: usize = size_of::<usize>();

/// The address of the variable `name`. It points to a second one, which points
/// to an object: drivers read types through both, a process through the first. `SeExports`
/// points to a structure.
pub(crate) fn variable(state: &mut State, name: &'static str) -> usize {
    if let Some(&at) = state.memory.variables.get(name) {
        return at;
    }
    let size = if name == "SeExports" {
        WORD + well_known::structure(0).len()
    } else {
        3 * WORD
    };
    let pool = &mut state.memory.pool;
    let at = pool.allocate(size, TAG, true, None);
    let at = at.expect("a cycle needs few variables");
    // SAFETY: it was just allocated for this.
    unsafe { (at as *mut [usize; 2]).write([at + WORD, at + 2 * WORD]) };
    if name == "SeExports" {
        let structure = well_known::structure(at + WORD);
        let place = (at + WORD) as *mut u8;
        // SAFETY: it was allocated with room for the structure.
        unsafe { place.copy_from(structure.as_ptr(), structure.len()) };
    }
    state.memory.variables.insert(name, at);
    at
}

/// What the variable of this name points to.
pub(crate) fn object_type(state: &mut State, name: &'static str) -> usize {
    variable(state, name) + 2 * WORD
}
