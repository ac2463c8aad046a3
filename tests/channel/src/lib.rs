// SPDX-License-Identifier: MIT OR Apache-2.0

//! The requests between a user-mode program and the drivers of the tests.
//!
//! Two devices, each with a few buffered requests: the event device of `netio.sys`,
//! which returns events of the registrar, and the loader, which loads and unloads
//! drivers on threads of its own.
//!
//! # Limits
//!
//! Both ends run on the same machine: integers are in its byte order.

#![no_std]

pub mod events;
pub mod loader;
mod request;
