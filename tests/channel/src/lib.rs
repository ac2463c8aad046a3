// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a user-mode program and the tests' own drivers say to each other.
//!
//! Two devices, each with a few buffered requests: the watch, which is
//! `netio.sys` telling what happens in the registrar, and the loader, which
//! loads and unloads drivers on threads of its own.
//!
//! # Limits
//!
//! Both ends run on the same machine: integers are in its byte order.

#![no_std]

pub mod loader;
mod request;
pub mod watch;
