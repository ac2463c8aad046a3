// SPDX-License-Identifier: MIT OR Apache-2.0

//! The processes that this one and its children have started, as Linux lists them.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Pid, Signal, getpgrp, getpid, kill_process};

/// A running process.
struct Process {
    id: i32,
    parent: i32,
    group: i32,
}

/// Sends the signal of Ctrl-C to all descendants, except those that have a process group of
/// their own: a terminal would not reach them either.
pub(super) fn interrupt() {
    let group = getpgrp().as_raw_nonzero().get();
    let processes = running();
    let mut family = BTreeSet::from([getpid().as_raw_nonzero().get()]);
    loop {
        let known = family.len();
        let children = processes.iter().filter(|it| family.contains(&it.parent));
        let children: Vec<_> = children.map(|it| it.id).collect();
        family.extend(children);
        if family.len() == known {
            break;
        }
    }
    let own = getpid();
    for it in processes.iter().filter(|it| it.group == group) {
        match Pid::from_raw(it.id) {
            Some(id) if id != own && family.contains(&it.id) => {
                // It may have ended meanwhile.
                let _ = kill_process(id, Signal::INT);
            }
            _ => {}
        }
    }
}

/// All processes; none where there is no `/proc`.
fn running() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let status = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
    entries
        .flatten()
        .filter_map(status)
        .filter_map(|text| parse(&text))
        .collect()
}

/// Reads `4711 (name) S 1 4711 ...`: process, name, state, parent, group. The name can hold
/// anything.
fn parse(status: &str) -> Option<Process> {
    let (id, _) = status.split_once(" (")?;
    let (_, rest) = status.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(1).map(str::parse);
    Some(Process {
        id: id.parse().ok()?,
        parent: fields.next()?.ok()?,
        group: fields.next()?.ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_name_may_look_like_the_rest() {
        let it = parse("7 (a) S 1 (b) c) S 3 4 5 6").expect("a process");
        assert_eq!((it.id, it.parent, it.group), (7, 3, 4));
    }
}
