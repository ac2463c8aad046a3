// SPDX-License-Identifier: MIT OR Apache-2.0

//! Straight runs of instructions that can be moved together: from the first access to
//! memory of a basic block to the last, and to the branch that ends the block if there is no
//! room for a jump otherwise.

use std::collections::BTreeSet;

use driver_image::DriverImage;
use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess};

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
    /// `true` if there is room for a jump in its place.
    pub(super) has_room: bool,
    pub(super) steps: Vec<Step>,
    /// The branch that ends it.
    pub(super) branch: Option<Instruction>,
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
    /// A run may end with it.
    branches: bool,
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
                let is_free = !kept.contains(&offset) && !functions.in_prologue(offset);
                let moves = instruction.flow_control() == FlowControl::Next
                    && !is_replaced(instruction)
                    && !instruction.is_privileged()
                    && !instruction.has_segment_prefix()
                    && is_free;
                let is_branch =
                    instruction.is_jcc_short_or_near() || instruction.is_jmp_short_or_near();
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
                    branches: is_branch && is_free,
                }
            })
            .collect();
        let mut runs = Vec::new();
        let mut start = 0;
        while start < items.len() {
            let end = straight(&items, start);
            if items[start].moves {
                runs.extend(Run::of(&items[start..end], &items[end..], &mut factory));
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
    /// The run of a straight piece of code, which `behind` follows.
    fn of(
        items: &[Item<'_>],
        behind: &[Item<'_>],
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
        let length = length(first, last);
        let end = items[last].instruction.next_ip();
        let ends = |next: &&Item<'_>| {
            let follows = last + 1 == items.len() && next.instruction.ip() == end;
            length < JUMP && next.branches && next.joins && follows
        };
        let branch = behind.first().filter(ends).map(|it| *it.instruction);
        let end = branch.map_or(end, |it| it.next_ip());
        let length = length + branch.map_or(0, |it| it.len());
        // Where code overlaps, another instruction begins in the middle of this one.
        let mut others = items[last + 1..]
            .iter()
            .chain(behind)
            .map(|it| it.instruction);
        let next = others.find(|it| branch.is_none_or(|branch| it.ip() != branch.ip()));
        let is_whole = next.is_none_or(|next| next.ip() >= end);
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
            has_room: is_whole && length >= JUMP,
            steps,
            branch,
        })
    }
}

/// A store to where the run has loaded from is a modification, whatever it stores: an item is
/// added to a list so, too. Compilers do it in three instructions.
fn mark_updates(all: &[&Instruction], steps: &mut [Step], factory: &mut InstructionInfoFactory) {
    for store in 1..all.len() {
        let [access] = steps[store].accesses[..] else {
            continue;
        };
        if access.kind != AccessKind::Store || all[store].mnemonic() != Mnemonic::Mov {
            continue;
        }
        let moves_on = |step: usize| {
            let used = factory.info(all[step]).used_registers();
            let reads = |access| matches!(access, OpAccess::Read | OpAccess::CondRead);
            let mut written = used.iter().filter(|it| !reads(it.access()));
            written.any(|it| access.depends_on(it.register()))
        };
        let moved = (0..store).rev().position(moves_on);
        let first = store - moved.unwrap_or(store);
        let mut is_update = false;
        for step in &mut steps[first..store] {
            let loads = step.accesses.iter_mut();
            for load in loads.filter(|it| it.is_at(&access)) {
                if matches!(load.kind, AccessKind::Load | AccessKind::Fetch) {
                    load.kind = AccessKind::Fetch;
                    is_update = true;
                }
            }
        }
        if is_update {
            steps[store].accesses[0].kind = AccessKind::Modify;
        }
    }
}

fn offset_of(instruction: &Instruction) -> usize {
    usize::try_from(instruction.ip()).expect("it is an offset")
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::*;

    /// The run that begins with the code, all of which lies in one basic block.
    fn run(code: &[u8]) -> Run {
        let mut factory = InstructionInfoFactory::new();
        let decoder = Decoder::with_ip(64, code, 0x1000, DecoderOptions::NONE);
        let code: Vec<_> = decoder.into_iter().collect();
        let item = |instruction| Item {
            instruction,
            accesses: Access::all(instruction, false, &mut factory),
            joins: true,
            moves: instruction.flow_control() == FlowControl::Next,
            branches: instruction.is_jcc_short_or_near(),
        };
        let items: Vec<_> = code.iter().map(item).collect();
        let end = straight(&items, 0);
        let mut factory = InstructionInfoFactory::new();
        Run::of(&items[..end], &items[end..], &mut factory).expect("it accesses memory")
    }

    fn kinds(code: &[u8]) -> Vec<AccessKind> {
        let run = run(code);
        let all = run.steps.iter().flat_map(|step| &step.accesses);
        all.map(|access| access.kind).collect()
    }

    #[test]
    fn a_load_and_a_store_of_the_same_word_are_an_update() {
        use AccessKind::{Fetch, Load, Modify, Store};
        // mov rax, [rsi]; mov [rdx], rax; mov rax, [rsi]; mov [rax + 8], rdx; mov [rsi], rdx
        let insert = [
            0x48, 0x8B, 0x06, 0x48, 0x89, 0x02, 0x48, 0x8B, 0x06, 0x48, 0x89, 0x50, 0x08, 0x48,
            0x89, 0x16,
        ];
        assert_eq!(kinds(&insert), [Fetch, Store, Fetch, Store, Modify]);
        // mov rsi, [rsi]; mov [rsi], rdx: another word
        let next = [0x48, 0x8B, 0x36, 0x48, 0x89, 0x16];
        assert_eq!(kinds(&next), [Load, Store]);
    }

    #[test]
    fn a_branch_makes_room() {
        // cmp dword ptr [rsi], 1; jne; ret
        let short = run(&[0x83, 0x3E, 0x01, 0x75, 0x10, 0xC3]);
        assert!(short.has_room && short.branch.is_some());
        // mov rsi, [rax]; test rsi, rsi; je; ret
        let enough = run(&[0x48, 0x8B, 0x30, 0x48, 0x85, 0xF6, 0x74, 0x10, 0xC3]);
        assert!(enough.has_room && enough.branch.is_none());
        // mov eax, [rsi]; call
        let none = run(&[0x8B, 0x06, 0xE8, 0, 0, 0, 0]);
        assert!(!none.has_room && none.branch.is_none());
    }
}
