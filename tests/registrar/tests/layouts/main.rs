// SPDX-License-Identifier: MIT OR Apache-2.0

//! `nmr` with NPIs of other layouts than Echo's, against the registrar, on threads.
//!
//! | module | the shape of | tables begin with | what else is different |
//! |---|---|---|---|
//! | `wsk` | Winsock Kernel | `USHORT Version; USHORT Reserved` | the client's table may be null; characteristics of the provider only; one provider |
//! | `ebpf` | eBPF extensions | `uint16_t version; size_t size` | data beside functions; characteristics of two types; the provider calls first |
//! | `xdp` | XDP | `UINT32 Revision; UINT32 Size` | no provider's table; `Number` and `ModuleId` must match; raw characteristics; contexts may be null |
//! | `plain` | an NPI with nothing but an id | functions | no characteristics, no client's table |
//!
//! Each has two modules written with `nmr`, and meets [`foreign`] ones that are not:
//! accepted, refused, called, detached with a call in flight, unloaded.

// On Windows the layer binds to the system's own NETIO.SYS.
#![cfg(not(windows))]

#[path = "../alone/mod.rs"]
mod alone;
mod ebpf;
mod foreign;
mod life;
mod plain;
mod wsk;
mod xdp;

use alone::Nmr;
