// SPDX-License-Identifier: MIT OR Apache-2.0

//! The COFF symbol table, which the linkers of gcc and LLVM write to images that are not
//! stripped: names of functions, without lines, and of variables.

use object::read::pe::PeFile64;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use super::variables::{Variable, Variables};

/// A function; offsets are relative to the image's base.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Function {
    start: u32,
    /// The first byte that is certainly not part of it.
    end: u32,
    name: String,
}

/// The functions and the variables of an image in ascending order.
#[derive(Debug, Default)]
pub(super) struct SymbolTable {
    functions: Vec<Function>,
    variables: Variables,
}

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
        let data = image.symbols().filter(|it| it.kind() != SymbolKind::Text);
        let variables = data.filter_map(|symbol| {
            symbol.section_index()?;
            let is_named = |name: &&str| !name.starts_with('.');
            let name = symbol.name().ok().filter(is_named)?;
            // The size that the table has is always zero.
            Some(Variable {
                start: offset(symbol.address())?,
                name: name.to_owned(),
                size: None,
            })
        });
        Self {
            functions,
            variables: Variables::new(variables.collect()),
        }
    }

    /// Returns `true` if it names no function.
    pub(super) const fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// The variable at `offset`, and how far behind its start that is.
    pub(super) fn variable(&self, offset: u32) -> Option<(String, u32)> {
        self.variables.at(offset)
    }

    /// The function at `offset`.
    pub(super) fn name(&self, offset: u32) -> Option<String> {
        let next = self
            .functions
            .partition_point(|function| function.start <= offset);
        let function = self.functions.get(next.checked_sub(1)?)?;
        (offset < function.end).then(|| function.name.clone())
    }
}
