// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cycles of a run by scenario, number of instances, and driver model.

use std::collections::BTreeSet;

use scenarios::{Instances, Report};

use crate::terminal::Table;

/// Adds the rows.
pub(super) fn add(table: &mut Table, report: &Report) {
    for (scenario, cycles) in &report.scenarios {
        table.add(format!("cycles: {scenario}"), *cycles, "");
    }
    let plain = of(report, |order| order.starts_with("load ").then_some(()));
    let orders = "of a provider and a client";
    table.add("orders of loads and unloads", plain.len() as u64, orders);
    let aimed = of(report, |order| order.starts_with("aimed ").then_some(()));
    let aimed = aimed.iter().map(|((), cycles)| cycles).sum();
    table.add_if_any("cycles targeted at races", aimed, "");

    let several = of(report, |order| order.split_once(' ')?.0.parse().ok());
    let sizes: BTreeSet<String> = several
        .iter()
        .map(|(size, _): &(Instances, u64)| size.to_string())
        .collect();
    let sizes: Vec<_> = sizes.into_iter().collect();
    let cycles = several.iter().map(|(_, cycles)| cycles).sum();
    table.add_if_any("cycles of several instances", cycles, sizes.join(" "));

    let models = of(report, |order| {
        order.strip_prefix("models ").map(str::to_owned)
    });
    for (models, cycles) in models {
        table.add("cycles with KMDF", cycles, models);
    }
    let languages = of(report, |order| {
        order.strip_prefix("languages ").map(str::to_owned)
    });
    for (languages, cycles) in languages {
        table.add("cycles with C", cycles, languages);
    }
}

/// The orders for which `kind` returns a value, each with the number of its cycles.
fn of<T>(report: &Report, kind: impl Fn(&str) -> Option<T>) -> Vec<(T, u64)> {
    let orders = report.orders.iter();
    orders
        .filter_map(|(order, cycles)| Some((kind(order)?, *cycles)))
        .collect()
}
