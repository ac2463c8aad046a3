// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table of injected faults: how often each occurred, by order of loads and unloads.

use std::collections::BTreeMap;
use std::fmt::Write;

use scenarios::{LoadOrder, Order, Report, UnloadOrder};

use crate::page::FaultTable;

/// A column: its heading, and the orders that it counts.
struct Column {
    head: String,
    orders: Vec<String>,
    /// `true` if it is a course: an order of several instances.
    is_course: bool,
}

/// The table as text, unless no fault was injected.
pub(super) fn text(report: &Report) -> Option<String> {
    let table = table(report)?;
    let mut text = format!("{}\n{:>24}", table.legend, "");
    for head in &table.heads {
        write!(text, "{head:>5}").expect("a string takes everything");
    }
    for (call, cells) in &table.rows {
        write!(text, "\n{call:>24}").expect("a string takes everything");
        for cell in cells {
            write!(text, "{cell:>5}").expect("a string takes everything");
        }
    }
    Some(text)
}

/// The table, unless no fault was injected.
pub(in crate::stress) fn table(report: &Report) -> Option<FaultTable> {
    let calls = by_call(report);
    if calls.is_empty() {
        return None;
    }
    let columns = columns(report);
    let what = if columns.iter().any(|column| column.is_course) {
        "faults by course, each a different order of several instances"
    } else {
        "faults by order: first to load, first to unload; p(rovider), c(lient), b(oth at once), \
         P or C if it only reloads"
    };
    let row = |(call, orders): (&str, BTreeMap<&str, u64>)| {
        let of = |column| cell(report, call, &orders, column);
        (call.to_owned(), columns.iter().map(of).collect())
    };
    Some(FaultTable {
        legend: format!("{what}; . not reached, - no such call"),
        rows: calls.into_iter().map(row).collect(),
        heads: columns.iter().map(|column| column.head.clone()).collect(),
    })
}

/// The number of faults of one call in the orders of a column.
fn cell(report: &Report, call: &str, met: &BTreeMap<&str, u64>, column: &Column) -> String {
    let orders = column.orders.iter();
    let count: u64 = orders.filter_map(|order| met.get(order.as_str())).sum();
    let calls = report.fault_calls.get(call);
    let none = |order: &String| calls.is_some_and(|calls| calls.get(order) == Some(&0));
    match count {
        0 if !column.orders.is_empty() && column.orders.iter().all(none) => "-".to_owned(),
        0 => ".".to_owned(),
        _ => count.to_string(),
    }
}

/// The number of faults by failing call and order.
fn by_call(report: &Report) -> BTreeMap<&str, BTreeMap<&str, u64>> {
    let mut calls: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for call in report.fault_calls.keys() {
        calls.entry(call).or_default();
    }
    for (fault, orders) in &report.faults {
        let call = fault.rsplit_once(' ').map_or(&**fault, |(call, _)| call);
        let met = calls.entry(call).or_default();
        for (order, count) in orders {
            *met.entry(order).or_default() += count;
        }
    }
    calls
}

/// One column for each order of a provider and a client, or for each course, and one
/// for all other cycles, if there are any.
fn columns(report: &Report) -> Vec<Column> {
    let mut columns = courses(report);
    if columns.is_empty() {
        columns = orders();
    }
    let known = |order: &String| columns.iter().any(|column| column.orders.contains(order));
    let orders = report.orders.keys().filter(|order| !known(order));
    let orders: Vec<_> = orders.cloned().collect();
    if !orders.is_empty() {
        columns.push(Column {
            head: "else".to_owned(),
            orders,
            is_course: false,
        });
    }
    columns
}

fn orders() -> Vec<Column> {
    let plain = LoadOrder::ALL
        .into_iter()
        .flat_map(|load| UnloadOrder::ALL.map(|unload| (load, unload)));
    let column = |(load, unload)| Column {
        head: format!("{}{}", load_letter(load), unload_letter(unload)),
        orders: vec![Order::Pair(load, unload).to_string()],
        is_course: false,
    };
    plain.map(column).collect()
}

fn courses(report: &Report) -> Vec<Column> {
    let named = report.fault_calls.values().flat_map(BTreeMap::keys);
    let mut numbers: Vec<(u64, &String)> = named
        .filter_map(|order| Some((order.rsplit_once(" course ")?.1.parse().ok()?, order)))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let column = |(number, order): (u64, &String)| Column {
        head: number.to_string(),
        orders: vec![order.clone()],
        is_course: true,
    };
    numbers.into_iter().map(column).collect()
}

const fn load_letter(order: LoadOrder) -> char {
    match order {
        LoadOrder::ProviderFirst => 'p',
        LoadOrder::ClientFirst => 'c',
        LoadOrder::BothAtOnce => 'b',
    }
}

const fn unload_letter(order: UnloadOrder) -> char {
    match order {
        UnloadOrder::ProviderFirst => 'p',
        UnloadOrder::ClientFirst => 'c',
        UnloadOrder::BothAtOnce => 'b',
        UnloadOrder::ProviderReloaded => 'P',
        UnloadOrder::ClientReloaded => 'C',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table_of(report: &Report) -> String {
        text(report).unwrap_or_default()
    }

    #[test]
    fn a_cell_is_a_count_a_gap_or_impossible() {
        let mut report = Report::new("sim", 7, 10);
        assert_eq!(table_of(&report), "");
        let order = |load, unload| Order::Pair(load, unload).to_string();
        let first = order(LoadOrder::ProviderFirst, UnloadOrder::ProviderFirst);
        let second = order(LoadOrder::ProviderFirst, UnloadOrder::ClientFirst);
        let third = order(LoadOrder::ProviderFirst, UnloadOrder::BothAtOnce);
        let calls = [(first.clone(), 2), (second, 1), (third, 0)];
        report.fault_calls.insert("thread".to_owned(), calls.into());
        report.add_fault("thread 1".to_owned(), &first);
        report.add_fault("thread 2".to_owned(), &first);
        let text = table_of(&report);
        let row = text.lines().last().expect("a row");
        let shown: Vec<_> = row.split_whitespace().take(4).collect();
        assert_eq!(shown, ["thread", "2", ".", "-"], "{text}");
    }

    #[test]
    fn each_course_of_several_instances_has_its_column() {
        let mut report = Report::new("sim", 7, 10);
        let courses = ["2x2 course 2", "2x2 course 10", "2x2 course 1"];
        let calls = courses.map(|course| (course.to_owned(), 2));
        report.fault_calls.insert("thread".to_owned(), calls.into());
        report.add_fault("thread 1".to_owned(), courses[1]);
        let text = table_of(&report);
        let mut lines = text.lines().rev();
        let mut words = || lines.next().expect("a row").split_whitespace();
        assert!(words().eq(["thread", ".", ".", "1"]), "{text}");
        assert!(words().eq(["1", "2", "10"]), "{text}");
    }
}
