// SPDX-License-Identifier: MIT OR Apache-2.0

//! `--peer`: adds the peers that the drivers of a plan lack.

use std::path::PathBuf;

use anyhow::Result;

use crate::building::peers::{self, Conduct};
use crate::simulator::Simulator;
use crate::stress::StressPlan;
use crate::terminal::print;
use crate::workspace::Workspace;

/// Builds a peer for each NPI of the plan's drivers that needs one, and adds its image.
pub(super) fn add_peers(
    plan: &mut StressPlan,
    conduct: Conduct,
    npis: &[PathBuf],
    workspace: &Workspace,
) -> Result<()> {
    let known = npi_description::read(&[workspace.descriptions(), npis].concat())?;
    if plan.drivers.is_empty() {
        plan.drivers = vec![plan.provider.clone(), plan.client.clone()];
    }
    let simulator = Simulator::new(workspace);
    let mut registered = Vec::new();
    for driver in &plan.drivers {
        registered.extend(simulator.describe(driver, npis)?.dry_run.registered);
    }
    let directory = workspace.target().join("peers");
    let lacking = peers::lacking(&registered, &known, conduct);
    if lacking.is_empty() {
        print("peer: none is needed: the drivers register no NPI, or serve each other's");
    }
    for peer in lacking {
        let image = peers::build(&peer, &directory, workspace.root())?;
        let image = Workspace::relative(image);
        print(format!("peer: {peer}, {}", image.display()));
        if let Some(untested) = peer.untested() {
            print(format!(
                "      it attaches, detaches and unloads, no more: {untested}"
            ));
            plan.untested.push(untested);
        }
        plan.drivers.push(image);
    }
    Ok(())
}
