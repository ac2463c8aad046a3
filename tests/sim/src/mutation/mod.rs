// SPDX-License-Identifier: MIT OR Apache-2.0

//! Generated defects, which test the checks: each mutant of an image has one instruction of
//! the driver's own code changed, as a mistake in the source might change it.
//!
//! Instructions are changed instead of sources: this works for drivers in any language,
//! needs no compiler, and each instruction has a known line. An instruction is replaced with
//! one of the same length, so that nothing else in the image moves.

mod arguments;
mod changes;

use std::collections::BTreeMap;

use iced_x86::{FlowControl, Instruction, OpKind};
use scenarios::Mutant;

use crate::loader::code;
use crate::loader::image::Image;
use changes::Change;

/// All mutants of an image, in the order of their offsets. An image without debug
/// information has none: what is its own code and what a library's cannot be told.
pub(crate) fn mutants(image: &Image) -> Vec<Mutant> {
    let code = code::instructions(image.file());
    let targets = targets(&code);
    let mut mutants = Vec::new();
    for (index, instruction) in code.iter().enumerate() {
        let offset = offset(instruction);
        let Some(place) = image.own_place(offset) else {
            continue;
        };
        let bytes = content(image, instruction);
        let mut changes = changes::of(instruction, bytes);
        changes.extend(arguments::exchanged(&code[..=index], &targets, |it| {
            content(image, it)
        }));
        for change in changes {
            let Change {
                mutation,
                at,
                bytes,
                subject,
            } = change;
            let Some(position) = position(image, at) else {
                continue;
            };
            mutants.push(Mutant {
                offset,
                mutation,
                subject: subject.unwrap_or_else(|| callee(image, instruction)),
                place: place.clone(),
                position,
                bytes,
            });
        }
    }
    mutants
}

fn offset(instruction: &Instruction) -> u32 {
    u32::try_from(instruction.ip()).expect("it is an offset in an image")
}

/// The bytes of an instruction.
fn content<'a>(image: &'a Image, instruction: &Instruction) -> &'a [u8] {
    let content = image.file().content(offset(instruction));
    &content.expect("it was read from there")[..instruction.len()]
}

/// Where in the file the byte at an offset of the image is.
fn position(image: &Image, offset: u32) -> Option<usize> {
    let mut sections = image.file().sections().iter();
    let section = sections.find(|section| section.covers(offset, 1))?;
    Some(section.file.start + (offset - section.address) as usize)
}

/// How many branches lead to each place.
fn targets(code: &[Instruction]) -> BTreeMap<u64, usize> {
    let mut targets = BTreeMap::new();
    for instruction in code {
        if instruction.near_branch_target() != 0 {
            *targets.entry(instruction.near_branch_target()).or_default() += 1;
        }
    }
    targets
}

/// The name of the function that an instruction calls.
fn callee(image: &Image, call: &Instruction) -> String {
    let function = if call.is_ip_rel_memory_operand() {
        image
            .import_at(call.ip_rel_memory_address())
            .map(str::to_owned)
    } else if call.op_count() > 0 && call.op0_kind() == OpKind::NearBranch64 {
        let target = u32::try_from(call.near_branch_target()).ok();
        let place = target.and_then(|target| image.places(target).pop());
        place.map(|place| place.function)
    } else {
        None
    };
    function.map_or_else(
        || "a function of a table".to_owned(),
        |name| format!("`{name}`"),
    )
}

/// Returns `true` if the instruction calls a function, or leaves its own for one.
fn is_call(instruction: &Instruction) -> bool {
    match instruction.flow_control() {
        FlowControl::Call | FlowControl::IndirectCall => true,
        FlowControl::IndirectBranch => instruction.is_ip_rel_memory_operand(),
        _ => false,
    }
}

/// Returns `true` if what the instruction calls returns to the instruction behind it.
fn returns_here(instruction: &Instruction) -> bool {
    instruction.flow_control() != FlowControl::IndirectBranch
}
