// SPDX-License-Identifier: MIT OR Apache-2.0

//! What drivers import, one file for each area of the kernel.
//!
//! Each function does what its documentation says, for what drivers of this
//! kind use of it. Its IRQL limit stands in its table and is checked before it
//! is called; what it finds out about the caller ends the cycle as a finding.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/ddi/>

mod bugcheck;
pub(crate) mod data;
mod debug;
mod etw;
pub(crate) mod execution;
pub(crate) mod io;
mod keys;
mod memory;
mod netio;
mod objects;
mod queries;
mod sync;
mod system;

use crate::hardware::irql::{DISPATCH_LEVEL, HIGH_LEVEL, Irql};
use crate::wdf;

/// A function that drivers can import.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) name: &'static str,
    /// The highest IRQL at which it may be called.
    pub(crate) max_irql: Irql,
    /// How many bytes of `rax` its result has; the others are no promise.
    result: usize,
    /// Null for a variable.
    code: *const (),
}

impl Export {
    /// A function that no image exports, or not by a table of this module.
    pub(crate) const fn function(
        name: &'static str,
        max_irql: Irql,
        result: usize,
        code: *const (),
    ) -> Self {
        Self {
            name,
            max_irql,
            result,
            code,
        }
    }

    const fn variable(name: &'static str) -> Self {
        Self {
            name,
            max_irql: HIGH_LEVEL,
            result: 0,
            code: std::ptr::null(),
        }
    }

    /// Whether drivers import its address to read what is there.
    pub(crate) const fn is_variable(&self) -> bool {
        self.code.is_null()
    }

    pub(crate) fn address(&self) -> usize {
        self.code.addr()
    }

    /// The image that exports it.
    pub(crate) fn module(&self) -> &'static str {
        let has = |exports: &[Self]| exports.iter().any(|export| export.name == self.name);
        if has(netio::EXPORTS) {
            "netio.sys"
        } else if has(wdf::loader::EXPORTS) {
            "wdfldr.sys"
        } else if wdf::has(self.name) {
            "wdf01000.sys"
        } else {
            "ntoskrnl.exe"
        }
    }

    /// What of `rax` is its result.
    pub(crate) fn result(&self, rax: u64) -> u64 {
        match self.result {
            0 => 0,
            bytes => rax & (u64::MAX >> (64 - 8 * bytes)),
        }
    }
}

/// What a driver's dispatch table holds where it has put nothing: nobody can
/// import it.
pub(crate) const INVALID_REQUEST: &Export = &Export::function(
    "IopInvalidDeviceRequest",
    DISPATCH_LEVEL,
    size_of::<i32>(),
    io::irps::invalid_request as *const (),
);

/// A table of exports: `"Name" <= IRQL => function: result`.
macro_rules! exports {
    ($($name:literal <= $irql:expr => $function:ident: $result:ty;)*) => {
        pub(crate) const EXPORTS: &[$crate::exports::Export] = &[$(
            $crate::exports::Export::function(
                $name,
                $irql,
                size_of::<$result>(),
                $function as *const (),
            ),
        )*];
    };
}
pub(crate) use exports;

const NTOSKRNL: &[&[&[Export]]] = &[
    data::TABLES,
    execution::TABLES,
    io::TABLES,
    memory::TABLES,
    sync::TABLES,
    &[
        bugcheck::EXPORTS,
        debug::EXPORTS,
        etw::EXPORTS,
        keys::EXPORTS,
        objects::EXPORTS,
        queries::EXPORTS,
        system::EXPORTS,
        system::VARIABLES,
    ],
];

/// The function `name` of the image `dll`.
pub(crate) fn find(dll: &str, name: &str) -> Option<&'static Export> {
    let tables: &[&[&[Export]]] = match dll.to_ascii_lowercase().as_str() {
        "ntoskrnl.exe" | "hal.dll" => NTOSKRNL,
        "netio.sys" => &[&[netio::EXPORTS]],
        "wdfldr.sys" => &[&[wdf::loader::EXPORTS]],
        _ => return None,
    };
    tables
        .iter()
        .copied()
        .flatten()
        .copied()
        .flatten()
        .find(|export| export.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_is_exported_twice() {
        let names: Vec<_> = NTOSKRNL
            .iter()
            .copied()
            .flatten()
            .copied()
            .flatten()
            .map(|e| e.name)
            .collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len());
    }

    #[test]
    fn images_export_their_own() {
        assert!(find("NETIO.SYS", "NmrRegisterClient").is_some());
        assert!(find("netio.sys", "KeSetEvent").is_none());
        assert!(find("ntoskrnl.exe", "KeSetEvent").is_some());
        assert!(find("ntoskrnl.exe", "NmrRegisterClient").is_none());
        assert!(find("other.sys", "KeSetEvent").is_none());
    }
}
