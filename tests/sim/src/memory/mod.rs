// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pool and pageable memory.

pub(crate) mod pageable;
pub(crate) mod pool;
