// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pool and pageable memory.

pub(crate) mod extent;
pub(crate) mod pageable;
mod placement;
pub(crate) mod pool;
mod room;
pub(crate) mod variables;

use rand::rngs::ChaCha8Rng;

use pageable::Pageable;
use placement::Placement;
use pool::Pool;
use variables::Variables;

/// The memory of a cycle.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) pool: Pool,
    pub(crate) pageable: Pageable,
    variables: Variables,
}

impl Memory {
    /// No memory is in use; `random` is the source of what the documents promise nothing
    /// about.
    pub(crate) fn new(random: ChaCha8Rng) -> Self {
        Self {
            pool: Pool::new(Placement::new(random)),
            pageable: Pageable::default(),
            variables: Variables::new(),
        }
    }
}
