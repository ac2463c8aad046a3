// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pool and pageable memory.

pub(crate) mod extent;
pub(crate) mod pageable;
pub(crate) mod pool;
pub(crate) mod variables;

use pageable::Pageable;
use pool::Pool;
use variables::Variables;

/// The memory of a cycle.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) pool: Pool,
    pub(crate) pageable: Pageable,
    variables: Variables,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            pool: Pool::new(),
            pageable: Pageable::default(),
            variables: Variables::new(),
        }
    }
}
