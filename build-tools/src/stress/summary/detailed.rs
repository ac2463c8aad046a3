// SPDX-License-Identifier: MIT OR Apache-2.0

//! The other counts of a run, for `--verbose`.

use npi_description::NpiId;
use scenarios::{Counts, NpiReport, Report};

use crate::terminal::{Table, grouped};

/// A row for each count that the short table leaves out.
pub(super) fn table(report: &Report) -> Table {
    let counts = &report.counts;
    let mut table = Table::default();
    table.add("cycles per second", rounded(report.cycles_per_second), "");
    table.add("loads", counts.loads, "");
    table.add("unloads", counts.unloads, "");
    table.add("waits", counts.waits, "for the end of a deregistration");
    match counts.leaks {
        Some(leaks) => table.add("leaks", leaks, ""),
        None => table.add("leaks", 0, "not checked in this kernel"),
    }
    add_registrations(&mut table, counts);
    add_npis(&mut table, counts);
    add_mechanisms(&mut table, report);
    add_requests(&mut table, counts);
    add_refusals(&mut table, counts);
    super::cycles::add(&mut table, report);
    table
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed is positive and below 2^53"
)]
pub(super) fn rounded(speed: f64) -> u64 {
    speed.round() as u64
}

/// Registrations by role, and deregistrations that overlapped.
fn add_registrations(table: &mut Table, counts: &Counts) {
    let (providers, clients) = (counts.registrations_provider, counts.registrations_client);
    if providers + clients == 0 {
        return;
    }
    let by = format!(
        "{} of providers, {} of clients",
        grouped(providers),
        grouped(clients)
    );
    table.add("registrations", providers + clients, by);
    let within = counts.deregistrations_overlapped_within;
    table.add(
        "deregistrations overlapped",
        counts.deregistrations_overlapped,
        format!("{} of them within a driver", grouped(within)),
    );
}

/// The NPIs that are not described or whose calls were not seen, and what was not
/// checked for them.
fn add_npis(table: &mut Table, counts: &Counts) {
    let remark = |(id, npi): (&NpiId, &NpiReport)| {
        let remark = npi.remark()?;
        Some((format!("attaches of {id}"), npi.attaches, remark))
    };
    for (what, attaches, remark) in counts.npis.iter().filter_map(remark) {
        table.add(what, attaches, remark);
    }
}

/// Loads and unloads by mechanism.
fn add_mechanisms(table: &mut Table, report: &Report) {
    let counts = &report.counts;
    for (mechanism, count) in &counts.mechanisms {
        table.add(format!("by {mechanism}"), *count, "loads and unloads");
    }
    for mechanism in &report.mechanisms_absent {
        table.add(format!("by {mechanism}"), 0, "this kernel has none");
    }
    table.add("loads failed on purpose", counts.failed_entries, "");
    table.add_if_any(
        "unloads overlapped",
        counts.unloads_overlapped,
        "two drivers were unloading at the same time",
    );
}

/// Requests to devices, and what delayed unloads.
fn add_requests(table: &mut Table, counts: &Counts) {
    if counts.requests > 0 {
        let switched = format!(
            "{} switched a module on or off",
            grouped(counts.subcomponent_switches)
        );
        table.add("requests to devices", counts.requests, switched);
        let by = "by open handles";
        table.add("unloads deferred", counts.unloads_deferred, by);
        table.add("unloads refused for a time", counts.gate_refusals, "");
    }
    let left = "with drivers loaded";
    table.add_if_any("shutdowns", counts.shutdowns, left);
    let by: Vec<_> = counts
        .manager_refusals
        .iter()
        .map(|(error, times)| format!("{} with error {error}", grouped(*times)))
        .collect();
    table.add_if_any(
        "service control refused",
        counts.manager_refusals.values().sum(),
        by.join(", "),
    );
}

/// Loads that drivers refused, findings that are ignored, and long unloads.
fn add_refusals(table: &mut Table, counts: &Counts) {
    for (refusal, times) in &counts.refused_loads {
        let hint = if refusal.contains("can be loaded once") {
            "; --instances with one of each leaves such loads out"
        } else {
            ""
        };
        table.add("loads refused", *times, format!("{refusal}{hint}"));
    }
    for (finding, times) in &counts.ignored {
        table.add("ignored", *times, finding);
    }
    for (driver, seconds) in &counts.slow_unloads {
        let limit = "seconds; the service control manager gives up after 30";
        table.add(format!("longest unload of {driver}"), *seconds, limit);
    }
}
