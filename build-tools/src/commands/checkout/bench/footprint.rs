// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a driver occupies: its image, and its blocks of non-paged pool, by what they are for.
//! The simulated kernel lists what a driver has when it is unloaded; the differences between
//! drivers that meet more and less are what a registration, a binding and a request take.

use anyhow::Result;
use serde::Serialize;

use super::baseline::Count;
use super::peers::{Costs, Driver, KMDF, Load, Peers, Unload, WDM};
use crate::terminal::grouped;
use crate::workspace::Workspace;

/// The number of cycles to run: enough that a module is switched off in some of them.
const CYCLES: u32 = 12;

/// What a driver occupies, in bytes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Footprint {
    driver: &'static str,
    /// The image's file.
    image: u64,
    /// Non-paged pool of the driver as it is loaded, without bindings, and its blocks.
    loaded: u64,
    blocks: u64,
    /// What a registered module without data takes of that.
    registration: u64,
    /// What a binding takes without requests, and its blocks.
    binding: u64,
    binding_blocks: u64,
    /// What each request that can be in flight takes.
    request: u64,
}

/// Measures all drivers of the pair.
pub(super) fn run(workspace: &Workspace, peers: &Peers<'_>) -> Result<Vec<Footprint>> {
    let drivers = WDM.into_iter().chain(KMDF);
    drivers.map(|it| measure(workspace, peers, it)).collect()
}

fn measure(workspace: &Workspace, peers: &Peers<'_>, driver: Driver) -> Result<Footprint> {
    let idle = peers.idle_unloads(driver, CYCLES)?;
    let most = idle.iter().map(|it| it.bytes).max().unwrap_or_default();
    let least = idle.iter().map(|it| it.bytes).min().unwrap_or_default();
    let with = |bindings, requests| {
        let load = Load { bindings, requests };
        let unloads = peers.unloads(driver, load, 1, Costs::Time)?;
        let found = |it: &Unload| (it.bytes, it.blocks);
        anyhow::Ok(unloads.first().map(found).unwrap_or_default())
    };
    let (none, one, two) = (with(0, 1)?, with(1, 1)?, with(1, 2)?);
    let request = two.0 - one.0;
    Ok(Footprint {
        driver: driver.name,
        image: workspace.driver(driver.name).metadata()?.len(),
        loaded: none.0,
        blocks: none.1,
        registration: most - least,
        binding: one.0 - none.0 - request,
        binding_blocks: one.1 - none.1,
        request,
    })
}

/// The counts that the baseline keeps, each exact but for the image.
#[expect(clippy::cast_precision_loss, reason = "no driver has 2^53 bytes")]
pub(super) fn counts(all: &[Footprint]) -> Vec<Count> {
    let each = all.iter().flat_map(|it| {
        let bytes = |what: &str, bytes: u64| {
            Count::new(format!("{}: {what}", it.driver), "bytes", bytes as f64)
        };
        [
            bytes("image", it.image),
            bytes("loaded", it.loaded).exact(),
            bytes("a registration", it.registration).exact(),
            bytes("a binding", it.binding).exact(),
            bytes("a request", it.request).exact(),
        ]
    });
    each.collect()
}

/// The figures as a table.
pub(super) fn table(all: &[Footprint]) -> String {
    let mut lines = vec![format!(
        "{:<12}  {:>8}  {:>15}  {:>12}  {:>15}  {:>7}",
        "bytes", "image", "loaded", "registration", "binding", "request"
    )];
    let blocks = |bytes: u64, blocks: u64| format!("{bytes} in {blocks}");
    lines.extend(all.iter().map(|it| {
        format!(
            "{:<12}  {:>8}  {:>15}  {:>12}  {:>15}  {:>7}",
            it.driver,
            grouped(it.image),
            blocks(it.loaded, it.blocks),
            it.registration,
            blocks(it.binding, it.binding_blocks),
            it.request,
        )
    }));
    lines.join("\n")
}
