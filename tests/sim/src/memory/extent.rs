// SPDX-License-Identifier: MIT OR Apache-2.0

//! The extent of the object that contains an address: a section of an image, a block of
//! pool, a stack. The simulated kernel reads a driver's memory no further than that.

use std::ops::Range;

use crate::hardware::arena::{Access, POOL};
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::State;
use crate::loader::drivers::LoadState;
use crate::memory::pool::Hold;

/// An object in memory that can be read now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) memory: Range<usize>,
    /// Whether drivers can change it.
    pub(crate) writable: bool,
}

/// The extent of the object that contains `address`, if the object can be read at the
/// IRQL of the current thread.
pub(crate) fn around(state: &State, address: usize) -> Option<Extent> {
    let hidden = state.scheduling.current().irql >= DISPATCH_LEVEL
        && state.memory.pageable.contains(address);
    if hidden {
        return None;
    }
    if let Some(site) = state.loader.drivers.site(address) {
        let driver = &state.loader.drivers[site.driver];
        let here = driver.life != LoadState::Gone;
        let (memory, access) = here.then(|| driver.image.section_at(driver.base, address))??;
        let writable = matches!(access, Access::ReadWrite | Access::Everything);
        return (access != Access::None).then_some(Extent { memory, writable });
    }
    if POOL.contains(&address) {
        let block = state.memory.pool.near(address)?;
        let memory = block.start..block.start + block.size;
        let contains = block.hold == Hold::InUse && memory.contains(&address);
        return contains.then_some(Extent {
            memory,
            writable: true,
        });
    }
    let memory = state.scheduling.stacks().around(address)?;
    Some(Extent {
        memory,
        writable: true,
    })
}

/// The content of memory that [`around`] has found.
pub(crate) fn read(memory: &Range<usize>) -> Vec<u8> {
    // SAFETY: the caller has the range from `around`, which has checked that it is
    // readable now. No driver runs until the reference is gone.
    unsafe { std::slice::from_raw_parts(memory.start as *const u8, memory.len()) }.to_vec()
}
