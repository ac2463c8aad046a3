// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pool, lookaside lists, pageable code, and copying and comparing memory.

pub(crate) mod access;
pub(crate) mod intrinsics;
pub(crate) mod lookaside;
pub(crate) mod paging;
pub(crate) mod pool;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    intrinsics::EXPORTS,
    lookaside::EXPORTS,
    paging::EXPORTS,
    pool::EXPORTS,
];
