// SPDX-License-Identifier: MIT OR Apache-2.0

//! The entry points of an image's functions, as far as its code shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use driver_image::DriverImage;
use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, Register};
use pe_unwind_info::x86_64::FunctionTableEntries;

/// The most cases of a `switch` that are read.
const MOST_CASES: usize = 4096;

/// A function, or a part of one, with unwinding tables.
struct Function {
    range: Range<u32>,
    /// The end of its prologue.
    prologue: u32,
    /// `rbp` leads to its frame.
    is_framed: bool,
    /// It may be entered where no branch leads: it handles exceptions, or a jump in it is
    /// not understood.
    is_obscure: bool,
}

/// The functions of an image.
pub(super) struct Functions {
    /// In the order of their addresses.
    all: Vec<Function>,
    /// Where code is entered other than from the instruction before.
    leaders: BTreeSet<usize>,
    /// A jump outside the functions with tables is not understood.
    others_are_obscure: bool,
}

impl Functions {
    pub(super) fn of(file: &DriverImage, code: &[Instruction]) -> Self {
        let mut functions = Self {
            all: with_tables(file),
            leaders: leaders(file, code),
            others_are_obscure: false,
        };
        for index in 0..functions.all.len() {
            let range = functions.all[index].range.clone();
            let begin = code.partition_point(|it| it.ip() < range.start.into());
            let end = code.partition_point(|it| it.ip() < range.end.into());
            let body = code.get(begin..end).unwrap_or_default();
            let jumps = body.iter().filter(|it| is_computed_jump(it)).count();
            let tables = if jumps == 0 {
                Vec::new()
            } else {
                tables(file, code, body)
            };
            let function = &mut functions.all[index];
            function.is_framed = body.iter().any(makes_frame);
            function.is_obscure |= tables.len() < jumps;
            functions.leaders.extend(tables.into_iter().flatten());
        }
        let mut jumps = code.iter().filter(|it| is_computed_jump(it));
        functions.others_are_obscure = jumps.any(|it| functions.at(offset(it.ip())).is_none());
        functions
    }

    fn at(&self, offset: usize) -> Option<&Function> {
        let offset = u32::try_from(offset).ok()?;
        let behind = self.all.partition_point(|it| it.range.start <= offset);
        let function = &self.all[behind.checked_sub(1)?];
        function.range.contains(&offset).then_some(function)
    }

    /// Returns `true` if the instruction at `offset` is in a prologue.
    pub(super) fn in_prologue(&self, offset: usize) -> bool {
        self.at(offset)
            .is_some_and(|function| offset < function.prologue as usize)
    }

    /// Returns `true` if `rbp` leads to the function's own frame at `offset`.
    pub(super) fn is_framed(&self, offset: usize) -> bool {
        self.at(offset).is_some_and(|function| function.is_framed)
    }

    /// Returns `true` if the instruction at `offset` is entered from the one before it
    /// only.
    pub(super) fn is_straight(&self, offset: usize) -> bool {
        let function = self.at(offset);
        let is_obscure = function.map_or(self.others_are_obscure, |it| it.is_obscure);
        !is_obscure && !self.leaders.contains(&offset)
    }
}

fn with_tables(file: &DriverImage) -> Vec<Function> {
    /// `UNW_FLAG_EHANDLER` and `UNW_FLAG_UHANDLER`, behind the version's three bits.
    const HANDLERS: u8 = 0x3 << 3;

    let table = FunctionTableEntries::parse(file.functions());
    let all = table.functions().unwrap_or_default().iter();
    let mut all: Vec<_> = all
        .map(|function| {
            let information = file.content(function.unwind_info_address.get());
            let byte = |at: usize| information.and_then(|bytes| bytes.get(at).copied());
            let range = function.begin_address.get()..function.end_address.get();
            Function {
                prologue: range.start + u32::from(byte(1).unwrap_or_default()),
                range,
                is_framed: false,
                is_obscure: byte(0).is_none_or(|flags| flags & HANDLERS != 0),
            }
        })
        .collect();
    all.sort_by_key(|function| function.range.start);
    all
}

/// The offsets to which branches and addresses in code and data lead.
fn leaders(file: &DriverImage, code: &[Instruction]) -> BTreeSet<usize> {
    let mut leaders = BTreeSet::new();
    for instruction in code {
        if instruction.near_branch_target() != 0 {
            leaders.insert(offset(instruction.near_branch_target()));
        }
        if is_address(instruction) {
            leaders.insert(offset(instruction.memory_displacement64()));
        }
    }
    leaders.extend(file.relocations().iter().filter_map(|&slot| {
        let bytes = file.content(slot)?.get(..8)?;
        let value = u64::from_le_bytes(bytes.try_into().ok()?);
        usize::try_from(value.checked_sub(file.image_base())?).ok()
    }));
    leaders
}

/// Returns `true` for a `lea` with a fixed address.
fn is_address(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Lea && instruction.is_ip_rel_memory_operand()
}

/// Returns `true` for `lea rbp, [rsp + n]` and `mov rbp, rsp`.
fn makes_frame(instruction: &Instruction) -> bool {
    let from_stack = match instruction.mnemonic() {
        Mnemonic::Lea => instruction.memory_base() == Register::RSP,
        Mnemonic::Mov => {
            instruction.op1_kind() == OpKind::Register
                && instruction.op1_register() == Register::RSP
        }
        _ => false,
    };
    from_stack && instruction.op0_register() == Register::RBP
}

/// Returns `true` for the jump of a `switch`.
fn is_computed_jump(instruction: &Instruction) -> bool {
    instruction.flow_control() == FlowControl::IndirectBranch
        && (instruction.op0_kind() == OpKind::Register
            || instruction.memory_index() != Register::None)
}

/// Returns the cases of the `switch` statements in a function's `body`, from their tables of
/// distances from the table or of offsets in the image. Data after a table may be taken for a part
/// of it.
fn tables(file: &DriverImage, code: &[Instruction], body: &[Instruction]) -> Vec<Vec<usize>> {
    let mut found = BTreeMap::new();
    for instruction in body {
        let (table, origin) = if is_address(instruction) {
            let table = instruction.memory_displacement64();
            (table, table)
        } else if instruction.memory_index() != Register::None
            && instruction.memory_size().size() == size_of::<u32>()
        {
            (instruction.memory_displacement64(), 0)
        } else {
            continue;
        };
        let entries = u32::try_from(table).ok().and_then(|it| file.content(it));
        let entries = entries.unwrap_or_default().chunks_exact(size_of::<i32>());
        let targets = entries.take(MOST_CASES).map(|bytes| {
            let distance = i32::from_le_bytes(bytes.try_into().expect("four bytes"));
            origin.wrapping_add_signed(distance.into())
        });
        let is_code = |target: &u64| code.binary_search_by_key(target, Instruction::ip).is_ok();
        let cases: Vec<_> = targets.take_while(is_code).map(offset).collect();
        if !cases.is_empty() {
            found.insert(table, cases);
        }
    }
    found.into_values().collect()
}

fn offset(address: u64) -> usize {
    usize::try_from(address).unwrap_or(usize::MAX)
}
