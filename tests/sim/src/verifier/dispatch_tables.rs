// SPDX-License-Identifier: MIT OR Apache-2.0

//! The dispatch tables of bindings: the functions that they contain, and the binding to
//! which a call of such a function belongs.
//!
//! # Design
//!
//! - **A peer gets the owner's own table.** No table is copied or changed, so that its
//!   layout, data, address and lifetime are as on Windows. Calls are observed at the
//!   functions instead, in which `calls` sets breakpoints.
//! - **The NPI defines a table's layout.** Each word up to the end of the object that
//!   contains the table may point to a function. It does not matter where the functions
//!   end and other data begins, because only calls from the peer count.
//! - **A table that its owner changes is read again** at the next call between modules.
//! - **The binding of a call** is one of those between the two drivers. If there are
//!   several, it is the one whose context is the first argument, by which a module
//!   recognizes its peer in most NPIs. If there is no such binding, the call is counted for
//!   the NPI, and no rule on bindings is checked for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use nmr::abi::{NPIID, STATUS_SUCCESS};
use npi_description::{self as description, NpiId};
use registrar::host::{BindingId, Call, Event, Phase, Side};

use crate::hardware::arena::{IMAGES, PAGE};
use crate::kernel::State;
use crate::loader::drivers::{DriverId, LoadState};
use crate::memory::extent::{self, Extent};
use crate::scheduling::ThreadId;
use crate::scheduling::frame::{TableEntry, described_side};

/// The most tables of a cycle: a driver that registers and deregisters without end would
/// take all memory.
const MOST_TABLES: usize = 1 << 15;

/// What a side of a binding has handed to its peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handed {
    pub(crate) binding: BindingId,
    pub(crate) npi: NPIID,
    pub(crate) owner: Side,
    /// The owner's binding context.
    pub(crate) context: usize,
    /// The address of its dispatch table, which may be 0.
    pub(crate) table: usize,
}

/// One of the two things that a module hands to its peer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Table,
    Context,
}

impl Handed {
    /// `Client's binding context of binding 3`.
    pub(crate) fn show(self, part: Part) -> String {
        let what = match part {
            Part::Table => "dispatch table",
            Part::Context => "binding context",
        };
        format!("{:?}'s {what} of binding {}", self.owner, self.binding.0)
    }
}

/// The functions of a table, each with its offset.
type Functions = BTreeMap<usize, usize>;

#[derive(Debug)]
struct Table {
    handed: Handed,
    /// The most bytes that it takes.
    size: usize,
    /// The functions that it contains or has contained.
    functions: Rc<Functions>,
    /// Those that it contained when it was read last.
    latest: Rc<Functions>,
}

/// The memory of a table when it was read last.
#[derive(Debug)]
struct Reading {
    content: Vec<u8>,
    functions: Rc<Functions>,
}

/// All dispatch tables of a cycle.
#[derive(Debug, Default)]
pub(crate) struct DispatchTables {
    tables: Vec<Table>,
    /// The tables that contain each function.
    by_function: BTreeMap<usize, BTreeSet<usize>>,
    /// By the address of the table.
    readings: BTreeMap<usize, Reading>,
    /// The tables in memory that drivers can change.
    changeable: Vec<usize>,
    /// The callbacks of NMR that are under way, each with its thread.
    callbacks: Vec<(ThreadId, usize)>,
}

/// Remembers what a module hands to its peer. Returns the functions that are new, or
/// `None` if a cycle has had too many tables.
pub(crate) fn hand_over(state: &mut State, handed: Handed) -> Option<Vec<usize>> {
    let extent = extent::around(state, handed.table);
    let size = most_bytes(handed);
    let functions = extent.as_ref();
    let functions = functions.map(|extent| read(state, handed, extent, size));
    let functions = functions.unwrap_or_default();
    let tables = &mut state.verifier.dispatch_tables;
    let number = tables.tables.len();
    if number == MOST_TABLES {
        return None;
    }
    if extent.is_some_and(|extent| extent.writable) {
        tables.changeable.push(number);
    }
    let new = tables.index(number, &functions);
    tables.tables.push(Table {
        handed,
        size,
        latest: Rc::clone(&functions),
        functions,
    });
    Some(new)
}

/// Reads the tables again that their owners have changed. Returns the functions that
/// are new.
pub(crate) fn refresh(state: &mut State) -> Vec<usize> {
    let mut new = Vec::new();
    for index in 0..state.verifier.dispatch_tables.changeable.len() {
        let number = state.verifier.dispatch_tables.changeable[index];
        let Table { handed, size, .. } = state.verifier.dispatch_tables.tables[number];
        let Some(extent) = extent::around(state, handed.table) else {
            continue;
        };
        let functions = read(state, handed, &extent, size);
        let tables = &mut state.verifier.dispatch_tables;
        if !Rc::ptr_eq(&functions, &tables.tables[number].latest) {
            new.extend(tables.index(number, &functions));
            let table = &mut tables.tables[number];
            Rc::make_mut(&mut table.functions).extend(functions.iter());
            table.latest = functions;
        }
    }
    new
}

/// The functions of a table; the same list as long as the table does not change.
fn read(state: &mut State, handed: Handed, extent: &Extent, size: usize) -> Rc<Functions> {
    let readings = &state.verifier.dispatch_tables.readings;
    if let Some(last) = readings.get(&handed.table)
        && extent.look_at(handed.table, size, |content| last.content == content)
    {
        return Rc::clone(&last.functions);
    }
    let content = extent.read(handed.table, size);
    let functions = Rc::new(functions_in(state, &content));
    let reading = Reading {
        content,
        functions: Rc::clone(&functions),
    };
    let readings = &mut state.verifier.dispatch_tables.readings;
    readings.insert(handed.table, reading);
    functions
}

/// The most bytes that a table takes.
fn most_bytes(handed: Handed) -> usize {
    /// The most that is read of a table whose NPI is not described.
    const MOST: usize = PAGE;

    let described = description::find(NpiId(handed.npi.to_u128()));
    described.map_or(MOST, |npi| {
        let table = npi.table(described_side(handed.owner));
        table.map_or(0, |table| table.size)
    })
}

/// The functions that words of `content` lead to, aligned or not.
fn functions_in(state: &State, content: &[u8]) -> Functions {
    let mut functions = Functions::new();
    for (offset, word) in content.windows(size_of::<usize>()).enumerate() {
        let word = usize::from_le_bytes(word.try_into().expect("a window has its size"));
        if IMAGES.contains(&word) && is_function(state, word) {
            functions.entry(word).or_insert(offset);
        }
    }
    functions
}

fn is_function(state: &State, address: usize) -> bool {
    let Some(site) = state.loader.drivers.site(address) else {
        return false;
    };
    let driver = &state.loader.drivers[site.driver];
    let begins = |offset| driver.image.begins_function(offset);
    driver.life != LoadState::Gone && site.offset.is_some_and(begins)
}

/// Follows what happens in the registrar: callbacks, and the ends of bindings.
pub(crate) fn follow(state: &mut State, event: &Event) {
    if !event.call.is_callback() {
        return;
    }
    let thread = state.scheduling.current_id();
    let tables = &mut state.verifier.dispatch_tables;
    let Phase::Leave(status) = event.phase else {
        tables.callbacks.push((thread, event.code));
        return;
    };
    let mut all = tables.callbacks.iter();
    if let Some(last) = all.rposition(|&(of, _)| of == thread) {
        tables.callbacks.remove(last);
    }
    let (Some(binding), side) = (event.binding, event.side) else {
        return;
    };
    match event.call {
        Call::CleanupCallback => tables.end(binding, side),
        Call::AttachCallback if status != STATUS_SUCCESS => tables.end(binding, side.peer()),
        _ => {}
    }
}

impl DispatchTables {
    /// A table is not read again: nobody is entitled to it any more.
    fn end(&mut self, binding: BindingId, owner: Side) {
        self.changeable.retain(|&number| {
            let handed = self.tables[number].handed;
            handed.binding != binding || handed.owner != owner
        });
    }

    /// Adds functions of a table. Returns those that no table had before.
    fn index(&mut self, number: usize, functions: &Functions) -> Vec<usize> {
        let mut new = Vec::new();
        for &function in functions.keys() {
            let tables = self.by_function.entry(function).or_default();
            if tables.is_empty() {
                new.push(function);
            }
            tables.insert(number);
        }
        new
    }

    /// The callback of NMR that a thread is in, if any.
    pub(crate) fn callback_on(&self, thread: ThreadId) -> Option<usize> {
        let mut all = self.callbacks.iter().rev();
        all.find(|&&(of, _)| of == thread).map(|&(_, code)| code)
    }

    /// Returns `true` if a table of this binding has functions.
    pub(crate) fn has_functions(&self, binding: BindingId) -> bool {
        let mut tables = self.tables.iter().rev();
        tables.any(|table| table.handed.binding == binding && !table.functions.is_empty())
    }

    /// Returns `true` if one entry of one NPI's tables leads to `function`.
    pub(crate) fn is_one_entry(&self, function: usize) -> bool {
        let bytes = function.to_le_bytes();
        let numbers = self.by_function.get(&function).into_iter().flatten();
        let entries = numbers.flat_map(|&number| {
            let handed = self.tables[number].handed;
            let content = self.readings.get(&handed.table).map(|it| &it.content);
            let words = content
                .into_iter()
                .flat_map(|it| it.chunks_exact(bytes.len()));
            let found = words.enumerate().filter(move |(_, word)| *word == bytes);
            found.map(move |(place, _)| (handed.npi.to_u128(), handed.owner, place))
        });
        entries.collect::<BTreeSet<_>>().len() == 1
    }

    /// The tables that contain this word, each with its offset there; the table that was
    /// handed over last is the first.
    pub(crate) fn entries_with(&self, word: usize) -> impl Iterator<Item = (Handed, usize)> {
        let bytes = word.to_le_bytes();
        let offset = move |table: &Table| {
            let content = &self.readings.get(&table.handed.table)?.content;
            let words = content.chunks_exact(size_of::<usize>());
            let place = words.into_iter().position(|word| word == bytes)?;
            Some((table.handed, place * size_of::<usize>()))
        };
        let tables = self.tables.iter().rev().filter(move |_| word != 0);
        tables.filter_map(offset)
    }

    /// The table that was handed over last of those that have functions at `address` or
    /// behind it.
    pub(crate) fn at(&self, address: usize) -> Option<Handed> {
        let contains = |table: &&Table| {
            let end = table.functions.values().max();
            let offset = address.checked_sub(table.handed.table);
            offset.is_some_and(|offset| Some(&offset) <= end)
        };
        self.tables
            .iter()
            .rev()
            .find(contains)
            .map(|table| table.handed)
    }

    /// Forgets the contexts in memory that is used again.
    pub(crate) fn forget_contexts(&mut self, memory: &Range<usize>) {
        /// No context: a driver's may be null.
        const FORGOTTEN: usize = usize::MAX;

        for table in &mut self.tables {
            if memory.contains(&table.handed.context) {
                table.handed.context = FORGOTTEN;
            }
        }
    }

    /// What was handed over last of that which lies in `memory`.
    pub(crate) fn within(&self, memory: &Range<usize>) -> Option<(Handed, Part)> {
        let found = |table: &Table| {
            let handed = table.handed;
            let part = if memory.contains(&handed.table) {
                Part::Table
            } else if memory.contains(&handed.context) {
                Part::Context
            } else {
                return None;
            };
            Some((handed, part))
        };
        self.tables.iter().rev().find_map(found)
    }
}

/// What was handed over of the tables that a call may have gone through, in this order.
#[derive(Default)]
struct Candidates {
    last: Option<Handed>,
    /// How many are of bindings through which the caller may call, and the first of them.
    live: usize,
    first_live: Option<Handed>,
}

impl Candidates {
    fn add(&mut self, handed: Handed, is_live: bool) {
        self.last = Some(handed);
        if is_live {
            self.live += 1;
            self.first_live.get_or_insert(handed);
        }
    }
}

/// The entry through which `caller` has called a function with this first argument;
/// `None` if no table of a peer of `caller` contains the function. A caller that is
/// only `assumed` must pass the owner's binding context.
pub(crate) fn entry(
    state: &State,
    function: usize,
    caller: DriverId,
    first: usize,
    assumed: bool,
) -> Option<TableEntry> {
    let DispatchTables {
        tables,
        by_function,
        ..
    } = &state.verifier.dispatch_tables;
    let calls = &state.verifier.binding_calls;
    let driver_of = |code| state.loader.drivers.site(code).map(|site| site.driver);
    let end_driver = |handed: Handed, side| driver_of(calls.code(handed.binding, side));
    let numbers = by_function.get(&function)?;
    let of_peer = || {
        let tables = numbers.iter().map(|&number| &tables[number]);
        tables.filter(|it| end_driver(it.handed, it.handed.owner.peer()) == Some(caller))
    };
    let (mut any, mut with_context) = (Candidates::default(), Candidates::default());
    for Table { handed, .. } in of_peer() {
        let is_live = calls.is_live(handed.binding, handed.owner.peer());
        any.add(*handed, is_live);
        if handed.context == first {
            with_context.add(*handed, is_live);
        }
    }
    let by_context = assumed || with_context.last.is_some();
    let found = if by_context { with_context } else { any };
    let last = found.last?;
    let one = match found.live {
        0 => Some(last),
        1 => found.first_live,
        _ => None,
    };
    let handed = one.unwrap_or(last);
    let table = of_peer().find(|it| {
        it.handed.binding == handed.binding && (!by_context || it.handed.context == first)
    })?;
    // A module may call its own function through its peer's table: that is not judged.
    let within =
        driver_of(function) == Some(caller) && end_driver(handed, handed.owner) != Some(caller);
    let mut entry = TableEntry::new(
        one.filter(|_| !within).map(|handed| handed.binding),
        handed.npi,
        handed.owner,
        table.functions[&function],
    );
    entry.astray = !by_context && !within;
    Some(entry)
}
