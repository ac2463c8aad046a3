// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs a driver of the pair beside many peers in one driver, and unloads it: the peers in
//! `tests/measure/peers` are as many modules, and have as many requests in flight, as they
//! are told.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::building::interop;
use crate::simulator::{self, Simulator};
use crate::workspace::Workspace;

/// Milliseconds from the first detach until the slowest request is completed.
const SLOWEST: u32 = 50;
const SEED: &str = "3";

/// A driver that is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Driver {
    /// Its image without extension.
    pub(super) name: &'static str,
    /// `true` if it is a client, whose peers are providers.
    client: bool,
}

/// The pair, and its twins for the driver framework.
pub(super) const WDM: [Driver; 2] = [driver("provider", false), driver("client", true)];
pub(super) const KMDF: [Driver; 2] = [driver("provider_wdf", false), driver("client_wdf", true)];

const fn driver(name: &'static str, client: bool) -> Driver {
    Driver { name, client }
}

/// What is measured of an unload.
#[derive(Clone, Copy, Debug)]
pub(super) enum Costs {
    Time,
    Instructions,
}

/// What a driver meets when it is unloaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// The modules of its peer: one binding each.
    pub(super) bindings: u32,
    /// The requests in flight of each binding.
    pub(super) requests: u32,
}

/// An unload, as the simulated kernel reports it. Times are in nanoseconds.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Unload {
    image: String,
    bindings: u64,
    requests: u64,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    pub(super) time: u64,
    /// Until the last request was completed.
    pub(super) completed: u64,
    #[serde(default)]
    pub(super) instructions: Option<Instructions>,
}

/// The instructions of the driver during an unload.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Instructions {
    /// On the thread of `DriverUnload`.
    pub(super) own: u64,
}

/// The peers, as they were built.
#[derive(Debug)]
pub(super) struct Peers<'a> {
    workspace: &'a Workspace,
    directory: PathBuf,
}

impl<'a> Peers<'a> {
    /// Builds them.
    pub(super) fn build(workspace: &'a Workspace) -> Result<Self> {
        Ok(Self {
            workspace,
            directory: interop::build_measure(workspace)?,
        })
    }

    /// Unloads a driver in as many cycles.
    pub(super) fn unloads(
        &self,
        driver: Driver,
        load: Load,
        cycles: u32,
        costs: Costs,
    ) -> Result<Vec<Unload>> {
        // Everything is submitted in the second that the cycle rests.
        let script = if driver.client {
            "+p.+c~1000000.-c.-p"
        } else {
            "+c.+p~1000000.-p.-c"
        };
        let unloads = self.run(driver, load, cycles, costs, script)?;
        let bindings = u64::from(load.bindings);
        let requests = u64::from(load.bindings * load.requests);
        // One of a provider is being completed: its client keeps that from returning.
        let as_asked = |it: &Unload| {
            it.bindings == bindings
                && (requests.saturating_sub(1)..=requests).contains(&it.requests)
        };
        ensure!(
            unloads.iter().all(as_asked),
            "{} did not have {bindings} bindings and {requests} requests in flight in each cycle",
            driver.name
        );
        Ok(unloads)
    }

    /// Unloads a driver without a peer; in some of the cycles its second module is switched
    /// off before.
    pub(super) fn idle_unloads(&self, driver: Driver, cycles: u32) -> Result<Vec<Unload>> {
        let none = Load {
            bindings: 0,
            requests: 0,
        };
        let script = if driver.client {
            "+p.+c~1000.%c~100000.-c.-p"
        } else {
            "+c.+p~1000.%p~100000.-p.-c"
        };
        self.run(driver, none, cycles, Costs::Time, script)
    }

    fn run(
        &self,
        driver: Driver,
        load: Load,
        cycles: u32,
        costs: Costs,
        script: &str,
    ) -> Result<Vec<Unload>> {
        #[derive(Deserialize)]
        struct Line {
            unload: Unload,
        }

        let measured = self.workspace.driver(driver.name);
        let peer = if driver.client {
            "many_providers"
        } else {
            "many_clients"
        };
        let image = self.directory.join(peer).with_extension("sys");
        let (provider, client): (&Path, &Path) = if driver.client {
            (&image, &measured)
        } else {
            (&measured, &image)
        };
        let mut command = Simulator::new(self.workspace).command(provider, client);
        let mut set = |driver: &str, name: &str, value: u32| {
            command.arg("--registry");
            command.arg(format!("{driver}:{name}={value}"));
        };
        set(peer, "Modules", load.bindings);
        set(peer, "Requests", load.requests);
        set(peer, "Slowest", SLOWEST);
        if driver.client {
            set(driver.name, "Depth", load.requests.max(1));
        }
        command.args(["--script", script, "--seed", SEED]);
        command.args(["--cycles", &cycles.to_string(), "--unloads"]);
        command.arg(match costs {
            Costs::Time => "time",
            Costs::Instructions => "instructions",
        });
        let output = simulator::output(&mut command)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{} is not clean beside {} and {load:?}: {}",
            driver.name,
            image.display(),
            simulator::error_of(&errors)
        );
        let lines = text.lines();
        let all = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let own = format!("{}.sys", driver.name);
        let own: Vec<_> = all
            .map(|line| line.unload)
            .filter(|it| it.image == own)
            .collect();
        ensure!(
            own.len() == cycles as usize,
            "{} was not unloaded in each cycle",
            driver.name
        );
        Ok(own)
    }
}
