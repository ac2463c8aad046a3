// SPDX-License-Identifier: MIT OR Apache-2.0

//! Errors: why a kernel could not map a file, one line each, with the remedy.

use std::io;

/// A file that is not a usable driver image.
#[derive(Debug, thiserror::Error)]
#[error("{file} {fault}")]
pub struct ImageError {
    /// The file, as the caller named it.
    pub file: String,
    /// What is wrong with it. No source of this error, whose text contains it already.
    pub fault: Fault,
}

impl ImageError {
    pub(crate) fn new(file: impl Into<String>, fault: Fault) -> Self {
        Self {
            file: file.into(),
            fault,
        }
    }
}

/// What is wrong with a file; reads on from the file's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The system would not read it.
    #[error("cannot be read ({0}): name a driver image")]
    Unreadable(io::Error),
    /// It has no content at all.
    #[error("is empty: build it again")]
    Empty,
    /// Something that its headers promise lies beyond its end.
    #[error("is truncated, its {0} reaches beyond the end: build or copy it again")]
    Truncated(String),
    /// It is something else.
    #[error("is not a PE image: name a Windows driver (.sys)")]
    NotPe,
    /// It is a PE32, not a PE32+.
    #[error("is a 32-bit image: build it for x86_64-pc-windows-msvc")]
    ThirtyTwoBit,
    /// It is for another processor.
    #[error("is for machine {0:#06x}, not AMD64 (0x8664): build it for x86_64-pc-windows-msvc")]
    Machine(u16),
    /// It is a program or a library of user mode.
    #[error("has subsystem {0}, not native (1): link it with /SUBSYSTEM:NATIVE /DRIVER")]
    Subsystem(u16),
    /// It does not say where it begins.
    #[error("has no entry point in an executable section: link it with /ENTRY:DriverEntry")]
    NoEntryPoint,
    /// It can run at one address only.
    #[error("has no relocations: link it without /FIXED")]
    Fixed,
    /// Its parts do not fit together.
    #[error("has a malformed layout, {0}: link it again")]
    Layout(String),
    /// Its import table makes no sense.
    #[error("has a malformed import table, {0}: link it again")]
    Imports(String),
    /// The kernel does not load on demand.
    #[error("delays imports until they are used: link it without /DELAYLOAD")]
    DelayImport,
    /// Its relocation table makes no sense.
    #[error("has malformed relocations, {0}: link it again")]
    Relocations(String),
}
