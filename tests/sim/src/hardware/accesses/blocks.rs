// SPDX-License-Identifier: MIT OR Apache-2.0

//! Straight runs of instructions that can be moved together: from the first access to
//! memory of a basic block to the last.

use std::collections::BTreeSet;

use driver_image::DriverImage;
use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind};

use super::functions::Functions;
use super::operand::{Access, AccessKind};
use crate::hardware::breakpoints::{JUMP, Moved};
use crate::hardware::replaced::is_replaced;

/// An instruction of a run.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) moved: Moved,
    /// What it accesses.
    pub(super) accesses: Vec<Access>,
}

/// A run, which is executed elsewhere.
#[derive(Debug)]
pub(super) struct Run {
    /// The offset of its first instruction in the image.
    pub(super) offset: usize,
    /// Whether there is room for a jump in its place.
    pub(super) has_room: bool,
    pub(super) steps: Vec<Step>,
}

/// The runs of an image.
#[derive(Debug, Default)]
pub(crate) struct Blocks(pub(super) Vec<Run>);

/// What an instruction is to the runs around it.
struct Item<'a> {
    instruction: &'a Instruction,
    accesses: Vec<Access>,
    /// A run may go on with it.
    joins: bool,
    /// A run may contain it.
    moves: bool,
}

impl Blocks {
    /// The runs among all instructions of an image. None contains an instruction at one of
    /// the offsets `kept`.
    pub(crate) fn of(file: &DriverImage, code: &[Instruction], kept: &BTreeSet<usize>) -> Self {
        let functions = Functions::of(file, code);
        let writable = |offset: usize| {
            let mut sections = file.sections().iter();
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            sections.any(|section| section.writable && section.covers(offset, 1))
        };
        let mut factory = InstructionInfoFactory::new();
        let items: Vec<_> = code
            .iter()
            .map(|instruction| {
                let offset = offset_of(instruction);
                let moves = instruction.flow_control() == FlowControl::Next
                    && !is_replaced(instruction)
                    && !instruction.is_privileged()
                    && !instruction.has_segment_prefix()
                    && !kept.contains(&offset)
                    && !functions.in_prologue(offset);
                let mut accesses = Vec::new();
                if moves {
                    let is_framed = functions.is_framed(offset);
                    accesses = Access::all(instruction, is_framed, &mut factory);
                    accesses.retain(|access| access.fixed().is_none_or(writable));
                }
                Item {
                    instruction,
                    accesses,
                    joins: functions.is_straight(offset),
                    moves,
                }
            })
            .collect();
        let mut runs = Vec::new();
        let mut start = 0;
        while start < items.len() {
            let end = straight(&items, start);
            if items[start].moves {
                runs.extend(Run::of(&items[start..end], items.get(end), &mut factory));
            }
            start = end;
        }
        Self(runs)
    }
}

/// The end of the straight piece of code that begins with the item at `start`.
fn straight(items: &[Item<'_>], start: usize) -> usize {
    let pairs = items[start..].windows(2);
    let goes_on = |pair: &[Item<'_>]| {
        let [before, item] = pair else { return false };
        before.moves
            && item.moves
            && item.joins
            && before.instruction.next_ip() == item.instruction.ip()
    };
    start + 1 + pairs.take_while(|pair| goes_on(pair)).count()
}

impl Run {
    /// The run of a straight piece of code, which `next` follows.
    fn of(
        items: &[Item<'_>],
        next: Option<&Item<'_>>,
        factory: &mut InstructionInfoFactory,
    ) -> Option<Self> {
        let has_access = |item: &Item<'_>| !item.accesses.is_empty();
        let mut first = items.iter().position(has_access)?;
        let mut last = items.iter().rposition(has_access)?;
        let length = |first: usize, last: usize| {
            let (first, last) = (items[first].instruction, items[last].instruction);
            usize::try_from(last.next_ip() - first.ip()).expect("it is short")
        };
        while length(first, last) < JUMP && last + 1 < items.len() {
            last += 1;
        }
        while length(first, last) < JUMP && first > 0 {
            first -= 1;
        }
        let end = items[last].instruction.next_ip();
        // Where code overlaps, another instruction begins in the middle of this one.
        let is_whole = next.is_none_or(|next| next.instruction.ip() >= end);
        let mut steps = Vec::new();
        for item in &items[first..=last] {
            steps.push(Step {
                moved: Moved::of(item.instruction)?,
                accesses: item.accesses.clone(),
            });
        }
        let instructions: Vec<_> = items[first..=last]
            .iter()
            .map(|it| it.instruction)
            .collect();
        mark_updates(&instructions, &mut steps, factory);
        Some(Self {
            offset: offset_of(items[first].instruction),
            has_room: is_whole && length(first, last) >= JUMP,
            steps,
        })
    }
}

/// A store of what was made of a value that the run has loaded from the same place is a
/// modification: compilers do it in three instructions, too.
fn mark_updates(all: &[&Instruction], steps: &mut [Step], factory: &mut InstructionInfoFactory) {
    for store in 1..all.len() {
        let [access] = steps[store].accesses[..] else {
            continue;
        };
        let is_store = access.kind == AccessKind::Store
            && all[store].mnemonic() == Mnemonic::Mov
            && all[store].op1_kind() == OpKind::Register;
        if is_store && let Some(load) = updated(all, steps, store, &access, factory) {
            steps[store].accesses[0].kind = AccessKind::Modify;
            for access in &mut steps[load].accesses {
                access.kind = AccessKind::Fetch;
            }
        }
    }
}

/// The step that has loaded what the step `store` stores again, changed.
fn updated(
    all: &[&Instruction],
    steps: &[Step],
    store: usize,
    access: &Access,
    factory: &mut InstructionInfoFactory,
) -> Option<usize> {
    let loads = |step: &Step| {
        let mut accesses = step.accesses.iter();
        accesses.any(|it| it.kind == AccessKind::Load && it.is_at(access))
    };
    let load = steps[..store].iter().rposition(loads)?;
    let mut derived = BTreeSet::from([all[load].op0_register().full_register()]);
    for instruction in &all[load + 1..store] {
        let used = factory.info(instruction).used_registers();
        let reads = |access: OpAccess| !matches!(access, OpAccess::Write | OpAccess::CondWrite);
        let writes = |access: OpAccess| !matches!(access, OpAccess::Read | OpAccess::CondRead);
        let from_it = used
            .iter()
            .any(|it| reads(it.access()) && derived.contains(&it.register().full_register()));
        for it in used.iter().filter(|it| writes(it.access())) {
            let register = it.register().full_register();
            if access.depends_on(register) {
                return None;
            }
            if from_it {
                derived.insert(register);
            } else {
                derived.remove(&register);
            }
        }
    }
    let stored = all[store].op1_register().full_register();
    derived.contains(&stored).then_some(load)
}

fn offset_of(instruction: &Instruction) -> usize {
    usize::try_from(instruction.ip()).expect("it is an offset")
}
