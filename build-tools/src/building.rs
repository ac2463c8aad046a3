// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds the images and programs: the drivers, the programs that run with them on
//! Windows and Wine, and the test programs of this host.
//!
//! A function here returns `None` if compiling fails; cargo has then printed the reason.
//! The caller must have ensured the prerequisites.

pub(crate) mod c_driver;
mod cargo_settings;
pub(crate) mod carried;
pub(crate) mod driver_packages;
mod driver_settings;
pub(crate) mod drivers;
pub(crate) mod host_program;
pub(crate) mod image_report;
pub(crate) mod interop;
pub(crate) mod linker;
pub(crate) mod peers;
pub(crate) mod unused_patch;
pub(crate) mod windows_program;
pub(crate) mod wine_prefix;
mod work;
