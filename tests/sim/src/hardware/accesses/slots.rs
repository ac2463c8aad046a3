// SPDX-License-Identifier: MIT OR Apache-2.0

//! The code outside images in which runs of instructions are executed, with calls of the
//! recorder.

use std::cell::RefCell;

use hashbrown::HashMap;

use super::blocks::{Blocks, Run};
use super::operand::Access;
use crate::hardware::arena::{self, RECORDERS};
use crate::hardware::breakpoints::{jump, moved_branch};

/// The code that every call of the recorder passes:
///
/// ```text
/// jmp [rip]
/// stub
/// ```
const TRAMPOLINE: usize = 14;
/// `int3`.
const INT3: u8 = 0xCC;

/// An access that is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessPoint {
    pub(crate) access: Access,
    /// Where its image is.
    pub(crate) base: usize,
    /// The address of the instruction.
    pub(crate) home: usize,
}

/// Code that was written, and whose it is.
#[derive(Clone, Copy, Debug)]
struct Mark {
    slot: usize,
    home: usize,
}

/// The code of a cycle.
#[derive(Debug, Default)]
struct Written {
    /// The end of what is in use.
    end: usize,
    /// In ascending order of the slots.
    marks: Vec<Mark>,
    /// The number of accesses.
    numbers: u32,
    /// Where breakpoints lead to, by their addresses.
    targets: HashMap<usize, usize>,
}

thread_local! {
    static WRITTEN: RefCell<Written> = RefCell::default();
}

/// Forgets the code of the cycle before.
pub(crate) fn clear() {
    WRITTEN.set(Written::default());
}

/// Moves the runs of the image at `base`, whose writable memory is `memory`. Each access
/// calls `stub` with its number, as long as there is room for code, and is added to `points`.
pub(crate) fn plant(
    blocks: &Blocks,
    base: usize,
    memory: &mut [u8],
    stub: usize,
    points: &mut Vec<AccessPoint>,
) {
    WRITTEN.with_borrow_mut(|written| {
        if written.end == 0 {
            let mut code = vec![0xFF, 0x25, 0, 0, 0, 0];
            code.extend((stub as u64).to_le_bytes());
            debug_assert_eq!(code.len(), TRAMPOLINE);
            arena::write_code(RECORDERS.start, &code);
            written.end = RECORDERS.start + TRAMPOLINE;
        }
        let mut code = Vec::new();
        let begin = written.end;
        for run in &blocks.0 {
            let slot = begin + code.len();
            // No run is as long as a page.
            if slot + arena::PAGE > RECORDERS.end {
                break;
            }
            written.put(run, base, begin, &mut code, points);
            let home = base + run.offset;
            written.targets.insert(home, slot);
            if run.has_room {
                let jump = jump(home, slot);
                memory[run.offset..][..jump.len()].copy_from_slice(&jump);
            } else {
                memory[run.offset] = INT3;
            }
        }
        arena::write_code(begin, &code);
        written.end += code.len();
    });
}

impl Written {
    /// Adds the code of a run to `code`, which begins at address `start`.
    fn put(
        &mut self,
        run: &Run,
        base: usize,
        start: usize,
        code: &mut Vec<u8>,
        points: &mut Vec<AccessPoint>,
    ) {
        let mut next = base + run.offset;
        for step in &run.steps {
            let home = base + step.moved.home();
            self.marks.push(Mark {
                slot: start + code.len(),
                home,
            });
            for access in &step.accesses {
                // push rax; mov eax, number; call trampoline; pop rax
                code.extend([0x50, 0xB8]);
                code.extend(self.numbers.to_le_bytes());
                self.numbers += 1;
                points.push(AccessPoint {
                    access: *access,
                    base,
                    home,
                });
                let at = start + code.len();
                let mut call = jump(at, RECORDERS.start);
                call[0] = 0xE8;
                code.extend(call);
                code.push(0x58);
            }
            step.moved.put_alone(base, code, start);
            next = base + step.moved.next();
        }
        if let Some(branch) = run.branch {
            let slot = start + code.len();
            self.marks.push(Mark { slot, home: next });
            code.extend(moved_branch(branch, base, slot));
            return;
        }
        let at = start + code.len();
        self.marks.push(Mark {
            slot: at,
            home: next,
        });
        code.extend(jump(at, next));
    }
}

/// Where the thread continues that has met the breakpoint at `address`.
pub(crate) fn target_of(address: usize) -> Option<usize> {
    WRITTEN.with_borrow(|written| written.targets.get(&address).copied())
}

/// The place in an image for a place in the code of a run.
pub(crate) fn home_of(address: usize) -> usize {
    if !RECORDERS.contains(&address) {
        return address;
    }
    WRITTEN.with_borrow(|written| {
        let behind = written.marks.partition_point(|mark| mark.slot <= address);
        let mark = behind.checked_sub(1).map(|index| written.marks[index]);
        mark.map_or(address, |mark| mark.home)
    })
}

/// Where a thread continues whose next instruction is at `home`: a run has it, perhaps.
pub(crate) fn continuation(home: usize) -> usize {
    WRITTEN.with_borrow(|written| {
        let mut marks = written.marks.iter();
        let mark = marks.find(|mark| mark.home == home);
        mark.map_or(home, |mark| mark.slot)
    })
}
