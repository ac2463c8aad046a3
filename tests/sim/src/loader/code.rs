// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which bytes of an image are instructions.
//!
//! Executable sections contain more than code: compilers put the tables of `switch` statements
//! after the functions that use them, and linkers merge constants into the sections. Changing
//! such a byte would break the driver, so that doubtful bytes are not taken for code:
//!
//! 1. From the entry point and each function with unwinding tables, instructions are followed
//!    to their branch targets.
//! 2. The rest of a function with unwinding tables, such as the cases of a `switch`, is decoded
//!    up to the first place that the code reads as data. The tables of `switch` statements are
//!    not read; the cases are found without them.
//! 3. An address in relocated data or in a `lea` instruction is that of a function without
//!    unwinding tables if it is aligned as compilers align functions, and everything up to a
//!    return can be code.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::Range;

use driver_image::DriverImage;
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use pe_unwind_info::x86_64::FunctionTableEntries;

use super::functions;

/// The instructions of an image, in the order of their addresses, which are offsets in
/// the image.
pub(crate) fn instructions(file: &DriverImage) -> Vec<Instruction> {
    let mut functions = functions(file);
    functions.sort_unstable_by_key(|function| function.start);
    let mut code = Code::new(file, functions.clone());
    let entry = file.entry_point();
    code.todo.push(entry);
    code.todo.extend(functions.iter().map(|range| range.start));
    code.follow();
    for function in &functions {
        code.read(function);
        code.follow();
    }
    code.led_to.extend(relocated(file));
    while !code.led_to.is_empty() {
        let mut led_to = mem::take(&mut code.led_to);
        led_to.retain(|&target| code.may_begin_function(target));
        code.todo.append(&mut led_to);
        code.follow();
    }
    code.found.into_values().collect()
}

/// The places that other code or data leads to, in ascending order: where these
/// instructions branch, and what they or relocated pointers have the address of.
pub(crate) fn targets(file: &DriverImage, code: &[Instruction]) -> Vec<u32> {
    let from_code = code.iter().filter_map(|instruction| {
        let target = match instruction.mnemonic() {
            Mnemonic::Lea if instruction.is_ip_rel_memory_operand() => {
                instruction.memory_displacement64()
            }
            _ => instruction.near_branch_target(),
        };
        u32::try_from(target).ok()
    });
    let mut all: Vec<_> = from_code.chain(relocated(file)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The functions that the image has unwinding tables for.
fn functions(file: &DriverImage) -> Vec<Range<u32>> {
    let table = FunctionTableEntries::parse(file.functions());
    let all = table.functions().unwrap_or_default().iter();
    all.map(|function| function.begin_address.get()..function.end_address.get())
        .collect()
}

/// What the pointers in its data lead to.
fn relocated(file: &DriverImage) -> impl Iterator<Item = u32> {
    file.relocations().iter().filter_map(|&slot| {
        let bytes = file.content(slot)?.get(..8)?;
        let value = u64::from_le_bytes(bytes.try_into().ok()?);
        u32::try_from(value.checked_sub(file.image_base())?).ok()
    })
}

/// The code of an image, as far as it was followed.
struct Code<'a> {
    file: &'a DriverImage,
    /// Those with unwinding tables, in ascending order.
    functions: Vec<Range<u32>>,
    found: BTreeMap<u32, Instruction>,
    /// Places that the code reads.
    data: BTreeSet<u32>,
    /// Addresses of code that has not been decoded yet.
    todo: Vec<u32>,
    /// The targets of `lea` instructions outside the functions with unwinding tables.
    led_to: Vec<u32>,
}

impl<'a> Code<'a> {
    const fn new(file: &'a DriverImage, functions: Vec<Range<u32>>) -> Self {
        Self {
            file,
            functions,
            found: BTreeMap::new(),
            data: BTreeSet::new(),
            todo: Vec::new(),
            led_to: Vec::new(),
        }
    }

    fn is_executable(&self, address: u32) -> bool {
        let mut sections = self.file.sections().iter();
        sections.any(|section| section.executable && section.covers(address, 1))
    }

    fn decode(&self, address: u32) -> Option<Instruction> {
        let content = self.file.content(address)?;
        let mut decoder = Decoder::with_ip(64, content, address.into(), DecoderOptions::NONE);
        Some(decoder.decode()).filter(|instruction| !instruction.is_invalid())
    }

    /// Follows code from all places in the list.
    fn follow(&mut self) {
        while let Some(mut address) = self.todo.pop() {
            while self.is_executable(address)
                && !self.found.contains_key(&address)
                && !self.data.contains(&address)
            {
                let Some(instruction) = self.decode(address) else {
                    break;
                };
                self.add(address, &instruction);
                if !goes_on(&instruction) {
                    break;
                }
                address = next(&instruction);
            }
        }
    }

    /// Reads what of a function was not followed, until what it reads as data.
    fn read(&mut self, function: &Range<u32>) {
        let mut address = function.start;
        while address < function.end && !self.data.contains(&address) {
            let instruction = match self.found.get(&address) {
                Some(&known) => known,
                None => match self.decode(address) {
                    Some(new) if self.is_executable(address) => {
                        self.add(address, &new);
                        new
                    }
                    _ => return,
                },
            };
            address = next(&instruction);
        }
    }

    fn add(&mut self, address: u32, instruction: &Instruction) {
        self.found.insert(address, *instruction);
        if instruction.near_branch_target() != 0 {
            self.todo
                .extend(u32::try_from(instruction.near_branch_target()));
        }
        let reads = (0..instruction.op_count())
            .any(|operand| instruction.op_kind(operand) == OpKind::Memory);
        let Ok(target) = u32::try_from(instruction.memory_displacement64()) else {
            return;
        };
        if !reads || !self.is_executable(target) {
            return;
        }
        let is_address = instruction.is_ip_rel_memory_operand();
        let is_table = instruction.memory_index() != Register::None;
        match instruction.mnemonic() {
            Mnemonic::Lea if is_address => self.lead(instruction, target),
            _ if is_address || is_table => {
                self.data.insert(target);
            }
            _ => {}
        }
    }
}

impl Code<'_> {
    /// Records the `target` of a `lea`.
    fn lead(&mut self, lea: &Instruction, target: u32) {
        match self.function(target) {
            None if self.follows_pointer(lea) => {
                self.data.insert(target);
            }
            None => self.led_to.push(target),
            // The tables of a `switch` and constants lie there, too.
            Some(function) if function.start != target && !self.found.contains_key(&target) => {
                self.data.insert(target);
            }
            Some(_) => {}
        }
    }

    /// Returns `true` if one of the next instructions accesses memory through the address of a
    /// `lea`, which is then not an address of code.
    fn follows_pointer(&self, lea: &Instruction) -> bool {
        const NEXT: usize = 8;
        let pointer = lea.op0_register();
        let content = self.file.content(next(lea)).unwrap_or_default();
        let decoder = Decoder::with_ip(64, content, lea.next_ip(), DecoderOptions::NONE);
        for instruction in decoder.into_iter().take(NEXT) {
            if instruction.memory_base() == pointer && instruction.mnemonic() != Mnemonic::Lea {
                return true;
            }
            // From there on the register may be another pointer.
            let is_written = instruction.op0_kind() == OpKind::Register
                && instruction.op0_register().full_register() == pointer;
            let goes_on = matches!(
                instruction.flow_control(),
                FlowControl::Next | FlowControl::ConditionalBranch
            );
            if is_written || !goes_on {
                return false;
            }
        }
        false
    }

    /// Returns `true` if a function without unwinding tables may begin at `address`.
    fn may_begin_function(&self, address: u32) -> bool {
        /// The alignment of functions by compilers.
        const ALIGNMENT: u32 = 16;
        address.is_multiple_of(ALIGNMENT)
            && !self.data.contains(&address)
            && !self.found.contains_key(&address)
            && self.function(address).is_none()
            && functions::begins_at(self.file, address)
    }

    /// The function with the code at `address`, if it has unwinding tables.
    fn function(&self, address: u32) -> Option<Range<u32>> {
        let next = self.functions.partition_point(|it| it.start <= address);
        let function = self.functions.get(next.checked_sub(1)?)?;
        function.contains(&address).then(|| function.clone())
    }
}

fn next(instruction: &Instruction) -> u32 {
    u32::try_from(instruction.next_ip()).expect("it is an offset in an image")
}

/// Returns `true` if the instruction behind it is executed, too, or may be.
fn goes_on(instruction: &Instruction) -> bool {
    !matches!(
        instruction.flow_control(),
        FlowControl::UnconditionalBranch
            | FlowControl::IndirectBranch
            | FlowControl::Return
            | FlowControl::Exception
    ) && instruction.mnemonic() != Mnemonic::Int3
}
