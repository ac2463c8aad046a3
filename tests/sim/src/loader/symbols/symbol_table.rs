// SPDX-License-Identifier: MIT OR Apache-2.0

//! The COFF symbol table, which gcc's and LLVM's linkers leave in images that they
//! do not strip: names of functions, without lines.

use object::read::pe::PeFile64;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

/// A function; offsets are relative to the image's base.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Function {
    start: u32,
    /// The first byte that is certainly not part of it.
    end: u32,
    name: String,
}

/// The functions of an image in ascending order.
#[derive(Debug, Default)]
pub(super) struct SymbolTable(Vec<Function>);

impl SymbolTable {
    /// That of an image, which may be empty. `end` is where the function that begins
    /// at an offset ends, if its unwind information says so.
    pub(super) fn of(image: &PeFile64<'_>, end: impl Fn(u32) -> Option<u32>) -> Self {
        let base = image.relative_address_base();
        let offset = |address: u64| u32::try_from(address.checked_sub(base)?).ok();
        let functions = image.symbols().filter_map(|symbol| {
            let section = image.section_by_index(symbol.section_index()?).ok()?;
            let start = offset(symbol.address())?;
            let section_end = offset(section.address().checked_add(section.size())?)?;
            let is_function = symbol.kind() == SymbolKind::Text && start < section_end;
            is_function.then_some(Function {
                start,
                end: end(start).unwrap_or(section_end),
                name: symbol.name().ok()?.to_owned(),
            })
        });
        let mut functions: Vec<_> = functions.collect();
        functions.sort();
        Self(functions)
    }

    /// Returns `true` if it names no function.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The function at `offset`.
    pub(super) fn name(&self, offset: u32) -> Option<String> {
        let next = self.0.partition_point(|function| function.start <= offset);
        let function = self.0.get(next.checked_sub(1)?)?;
        (offset < function.end).then(|| function.name.clone())
    }
}
