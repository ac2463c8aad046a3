// SPDX-License-Identifier: MIT OR Apache-2.0

//! The counters of a run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::report::histogram::Histograms;
use crate::report::npis::{NpiReport, Npis};
use crate::service::Refusal;
use npi_description::NpiId;

/// The counters of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Drivers that came.
    pub loads: u64,
    /// Drivers that went.
    pub unloads: u64,
    /// Those of them that were providers.
    #[serde(default)]
    pub unloads_provider: u64,
    /// Times that both drivers were going at once: each between its
    /// deregistration and the end of its wait.
    #[serde(default)]
    pub unloads_overlapped: u64,
    /// Loads that ended because a call of `DriverEntry` was made to fail.
    #[serde(default)]
    pub failed_entries: u64,
    /// Loads that a driver refused although no call failed, as it may: the image, and
    /// the status of its `DriverEntry`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused_loads: BTreeMap<String, u64>,
    /// Findings that were ignored, as was asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ignored: BTreeMap<String, u64>,
    /// How often each `--ignore` has matched a finding.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ignore_matches: BTreeMap<String, u64>,
    /// Cycles that such a finding ended.
    #[serde(default)]
    pub cycles_cut_short: u64,
    /// Loads and unloads by each [`Mechanism`](crate::Mechanism).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mechanisms: BTreeMap<String, u64>,
    /// What the service control manager refused, by the error.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub manager_refusals: BTreeMap<String, u64>,
    /// Unloads that were refused because the driver had no `DriverUnload` at the
    /// time.
    #[serde(default)]
    pub gate_refusals: u64,
    /// The longest unload of each driver that takes more than 30 seconds, in seconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slow_unloads: BTreeMap<String, u64>,
    /// Unloads that waited for a handle to be closed.
    #[serde(default)]
    pub unloads_deferred: u64,
    /// Times that the machine was shut down with drivers that were loaded.
    #[serde(default)]
    pub shutdowns: u64,
    /// Drivers that were loaded when the machine was shut down, and not unloaded.
    #[serde(default)]
    pub loaded_at_shutdown: u64,
    /// Requests that programs sent to the drivers' devices.
    #[serde(default)]
    pub requests: u64,
    /// Times that a program switched a part of a driver off or on.
    #[serde(default)]
    pub subcomponent_switches: u64,
    /// Registrations of providers.
    #[serde(default)]
    pub registrations_provider: u64,
    /// Registrations of clients.
    #[serde(default)]
    pub registrations_client: u64,
    /// The registrations of each driver image: its name, and its roles in NPIs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub registered: BTreeMap<String, BTreeSet<String>>,
    /// Attach callbacks of each driver image that accepted their peer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attached: BTreeMap<String, u64>,
    /// What was seen of each NPI.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub npis: Npis,
    /// Deregistrations that began while another one was pending.
    #[serde(default)]
    pub deregistrations_overlapped: u64,
    /// Those of them that began while another one of the same driver was.
    #[serde(default)]
    pub deregistrations_overlapped_within: u64,
    /// Bindings that both sides accepted.
    pub attaches: u64,
    /// Detach callbacks, two for each binding.
    pub detaches: u64,
    /// Detach callbacks that answered `STATUS_PENDING`.
    pub detaches_pending: u64,
    /// Those of clients.
    pub detaches_pending_client: u64,
    /// Those of providers.
    pub detaches_pending_provider: u64,
    /// Waits for the end of a deregistration.
    pub waits: u64,
    /// Calls of clients into providers.
    pub calls: u64,
    /// Requests that providers completed.
    pub completions: u64,
    /// Blocks of pool left behind; `None` where nobody looks for them.
    pub leaks: Option<u64>,
    /// How long it took, and how much was in flight, where that is measured.
    #[serde(default, skip_serializing_if = "Histograms::is_empty")]
    pub histograms: Histograms,
}

/// Adds the counters of another table to those of the same name.
fn add_each(counters: &mut BTreeMap<String, u64>, others: &BTreeMap<String, u64>) {
    for (name, count) in others {
        *counters.entry(name.clone()).or_default() += count;
    }
}

impl Counts {
    /// What was seen of the NPI with these hexadecimal digits.
    pub fn npi(&mut self, digits: u128) -> &mut NpiReport {
        let id = NpiId(digits);
        self.npis
            .entry(id)
            .or_insert_with(|| NpiReport::of(npi_description::find(id)))
    }

    /// The service control manager has refused something.
    pub fn refuse(&mut self, refusal: Refusal) {
        *self
            .manager_refusals
            .entry(refusal.to_string())
            .or_default() += 1;
    }

    /// How often a provider and a client have come and gone.
    #[must_use]
    pub fn pair_cycles(&self) -> u64 {
        self.unloads_provider
            .min(self.unloads - self.unloads_provider)
    }

    /// Returns `true` if each driver that came has gone, or was loaded at a shutdown.
    #[must_use]
    pub const fn every_driver_ended(&self) -> bool {
        self.loads == self.unloads + self.loaded_at_shutdown
    }

    /// Adds what another part of the run counted.
    pub fn add(&mut self, other: &Self) {
        self.loads += other.loads;
        self.unloads += other.unloads;
        self.unloads_provider += other.unloads_provider;
        self.unloads_overlapped += other.unloads_overlapped;
        add_each(&mut self.mechanisms, &other.mechanisms);
        add_each(&mut self.manager_refusals, &other.manager_refusals);
        for (driver, &seconds) in &other.slow_unloads {
            let longest = self.slow_unloads.entry(driver.clone()).or_default();
            *longest = seconds.max(*longest);
        }
        self.failed_entries += other.failed_entries;
        add_each(&mut self.ignored, &other.ignored);
        add_each(&mut self.ignore_matches, &other.ignore_matches);
        self.cycles_cut_short += other.cycles_cut_short;
        add_each(&mut self.refused_loads, &other.refused_loads);
        self.gate_refusals += other.gate_refusals;
        self.unloads_deferred += other.unloads_deferred;
        self.shutdowns += other.shutdowns;
        self.loaded_at_shutdown += other.loaded_at_shutdown;
        self.requests += other.requests;
        self.subcomponent_switches += other.subcomponent_switches;
        self.registrations_provider += other.registrations_provider;
        self.registrations_client += other.registrations_client;
        for (image, roles) in &other.registered {
            let all = self.registered.entry(image.clone()).or_default();
            all.extend(roles.iter().cloned());
        }
        add_each(&mut self.attached, &other.attached);
        for (&id, seen) in &other.npis {
            self.npis.entry(id).or_default().add(seen);
        }
        self.deregistrations_overlapped += other.deregistrations_overlapped;
        self.deregistrations_overlapped_within += other.deregistrations_overlapped_within;
        self.attaches += other.attaches;
        self.detaches += other.detaches;
        self.detaches_pending += other.detaches_pending;
        self.detaches_pending_client += other.detaches_pending_client;
        self.detaches_pending_provider += other.detaches_pending_provider;
        self.waits += other.waits;
        self.calls += other.calls;
        self.completions += other.completions;
        self.leaks = match (self.leaks, other.leaks) {
            (Some(own), Some(others)) => Some(own + others),
            (own, others) => own.or(others),
        };
        self.histograms.merge(&other.histograms);
    }
}
