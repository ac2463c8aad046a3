// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pool and pageable memory.

pub(crate) mod aliases;
mod crowd;
pub(crate) mod extent;
pub(crate) mod pageable;
pub(crate) mod placement;
pub(crate) mod pool;
mod room;
pub(crate) mod variables;
mod well_known;

use rand::rngs::ChaCha8Rng;

use aliases::Aliases;
use pageable::Pageable;
use placement::Placement;
use pool::Pool;
use variables::Variables;

/// The memory of a cycle.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) pool: Pool,
    pub(crate) pageable: Pageable,
    pub(crate) aliases: Aliases,
    variables: Variables,
}

impl Memory {
    /// No memory is in use; `random` is the source of what the documents promise nothing
    /// about.
    pub(crate) fn new(random: ChaCha8Rng) -> Self {
        Self {
            pool: Pool::new(Placement::new(random)),
            pageable: Pageable::default(),
            aliases: Aliases::default(),
            variables: Variables::new(),
        }
    }
}
