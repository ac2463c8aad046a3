// SPDX-License-Identifier: MIT OR Apache-2.0

//! Generic tables: `RTL_GENERIC_TABLE`, and `RTL_AVL_TABLE`, which does not change while it is
//! read.
//!
//! The elements lie in the driver's memory, from its own routines, with the links of a tree in
//! front of each, as the kit's headers declare them. So a driver that frees one behind the
//! table's back faults in the next function that follows a link.
//!
//! Both kinds are splay trees here; of a balanced one no look-up changes a link.

mod balanced;
mod elements;
mod functions;
mod layout;
mod sharing;
mod splay;
mod tree;

pub(super) use balanced::EXPORTS as BALANCED;
pub(super) use splay::EXPORTS as SPLAY;
