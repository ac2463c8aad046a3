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
    memory: Range<usize>,
    /// `true` if drivers can change it.
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

impl Extent {
    /// The end of the object.
    pub(crate) const fn end(&self) -> usize {
        self.memory.end
    }

    /// The memory from `start` on, up to `length` bytes, as far as it belongs to the
    /// object. No driver must have run since [`around`] found the object.
    pub(crate) fn read(&self, start: usize, length: usize) -> Vec<u8> {
        self.look_at(start, length, <[u8]>::to_vec)
    }

    /// Lets `look` see the memory that [`read`](Self::read) copies.
    pub(crate) fn look_at<R>(
        &self,
        start: usize,
        length: usize,
        look: impl FnOnce(&[u8]) -> R,
    ) -> R {
        assert!(self.memory.contains(&start), "the object contains it");
        let length = length.min(self.memory.end - start);
        // SAFETY: the range lies in the object, which `around` has found to be readable;
        // that changes only when a driver runs or an IRQL changes. The reference is gone
        // before either happens.
        look(unsafe { std::slice::from_raw_parts(start as *const u8, length) })
    }
}
