// SPDX-License-Identifier: MIT OR Apache-2.0

//! Objects that drivers create and the kernel keeps: handles, names, registry keys,
//! access control lists, deferred routines.

pub(crate) mod deferred;
pub(crate) mod handles;
pub(crate) mod kernel_objects;
pub(crate) mod names;
pub(crate) mod registry;
pub(crate) mod sddl;
pub(crate) mod security;
