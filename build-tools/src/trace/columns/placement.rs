// SPDX-License-Identifier: MIT OR Apache-2.0

//! The columns of the threads. Each thread has its own if there is room; else a thread
//! takes the column of one that has ended.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::entries::Entry;

/// The narrowest column that is easy to read.
const NARROWEST: usize = 22;

/// Which thread is in which column.
#[derive(Debug)]
pub(super) struct Placement {
    /// The width of each column.
    pub(super) width: usize,
    /// The first thread in each column.
    pub(super) names: Vec<String>,
    columns: BTreeMap<u64, usize>,
    /// The entries that are the first ones of a thread in a column that was another's.
    moves: BTreeMap<usize, String>,
}

impl Placement {
    /// The columns of these entries, in a line of `width`.
    pub(super) fn of(entries: &[Entry], width: usize) -> Self {
        let mut lives: BTreeMap<u64, RangeInclusive<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let life = lives.entry(entry.thread).or_insert(index..=index);
            *life = *life.start()..=index;
        }
        let shares = lives.len() > width / (NARROWEST + 1);
        let mut placement = Self {
            width,
            names: Vec::new(),
            columns: BTreeMap::new(),
            moves: BTreeMap::new(),
        };
        // The last entry of each column so far.
        let mut ends: Vec<usize> = Vec::new();
        let mut by_start: Vec<_> = lives.into_iter().collect();
        by_start.sort_unstable_by_key(|(_, life)| *life.start());
        for (thread, life) in by_start {
            let (start, end) = life.into_inner();
            let name = entries[start].thread_name.clone();
            let free = ends.iter().position(|end| shares && *end < start);
            let column = if let Some(column) = free {
                ends[column] = end;
                placement.moves.insert(start, name);
                column
            } else {
                ends.push(end);
                placement.names.push(name);
                ends.len() - 1
            };
            placement.columns.insert(thread, column);
        }
        placement.width = (width / ends.len().max(1)).saturating_sub(1).max(1);
        placement
    }

    /// The column of a thread.
    pub(super) fn column_of(&self, thread: u64) -> usize {
        self.columns.get(&thread).copied().unwrap_or_default()
    }

    /// The name of the thread that takes over a column with this entry.
    pub(super) fn moves_in(&self, entry: usize) -> Option<&str> {
        self.moves.get(&entry).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(thread: u64) -> Entry {
        Entry {
            time: 0,
            thread,
            thread_name: format!("thread {thread}"),
            depth: 0,
            text: String::new(),
        }
    }

    #[test]
    fn threads_share_columns_only_if_they_must_and_do_not_overlap() {
        let entries = [0, 1, 1, 2, 2, 0].map(entry);
        let wide = Placement::of(&entries, 150);
        assert_eq!(wide.names, ["thread 0", "thread 1", "thread 2"]);
        assert_eq!(wide.width, 49);

        let narrow = Placement::of(&entries, 50);
        assert_eq!(narrow.names, ["thread 0", "thread 1"]);
        assert_eq!(narrow.column_of(2), 1);
        assert_eq!(narrow.moves_in(3), Some("thread 2"));
        assert_eq!(narrow.width, 24);
    }
}
