// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an unload costs, from the call of `DriverUnload` to its return: virtual time and the
//! driver's instructions, against bindings and requests in flight.

use anyhow::Result;
use serde::Serialize;

use super::baseline::Count;
use super::goals::Goal;
use super::peers::{Costs, Driver, Load, Peers, Unload, WDM};
use crate::terminal::{Waiting, count};

/// What is met: bindings, requests of each, and in how many cycles that is measured. The
/// longest unload of few is compared with the longest of others: a session of events, which
/// prolongs it, comes in an eighth of the cycles.
const LOADS: [(Load, u32); 9] = [
    (load(1, 0), 1000),
    (load(10, 0), 1000),
    (load(100, 0), 100),
    (load(1000, 0), 10),
    (load(1, 1), 1000),
    (load(1, 10), 1000),
    (load(10, 10), 1000),
    (load(100, 10), 100),
    (load(1000, 10), 10),
];
/// How far the cost of a binding among more of them may be from that among few.
const LINEAR: f64 = 1.1;

const fn load(bindings: u32, requests: u32) -> Load {
    Load { bindings, requests }
}

/// The median, the 99th percentile and the largest of some times, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Times {
    p50: f64,
    p99: f64,
    max: f64,
}

/// The unloads of a driver beside one load.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    driver: &'static str,
    bindings: u32,
    /// Requests in flight at the call.
    requests: u32,
    cycles: u32,
    /// The whole unload.
    whole: Times,
    /// The part behind the completion of the slowest request.
    rest: Times,
    /// The driver's instructions on the thread of `DriverUnload`.
    instructions: Option<u64>,
}

/// Measures both drivers.
pub(super) fn run(peers: &Peers<'_>) -> Result<Vec<Row>> {
    let waiting = Waiting::on("measuring unloads");
    let mut rows = Vec::new();
    for driver in WDM {
        for (load, cycles) in LOADS {
            rows.push(measure(peers, driver, load, cycles)?);
        }
    }
    drop(waiting);
    Ok(rows)
}

fn measure(peers: &Peers<'_>, driver: Driver, load: Load, cycles: u32) -> Result<Row> {
    let unloads = peers.unloads(driver, load, cycles, Costs::Time)?;
    // With requests, threads meanwhile complete them, a step for each of their instructions.
    let instructions = if load.requests == 0 {
        let counted = peers.unloads(driver, load, 1, Costs::Instructions)?;
        let counted = counted.first().and_then(|it| it.instructions);
        counted.map(|it| it.own)
    } else {
        None
    };
    Ok(Row {
        driver: driver.name,
        bindings: load.bindings,
        requests: load.bindings * load.requests,
        cycles,
        whole: Times::of(unloads.iter().map(|it| it.time)),
        rest: Times::of(unloads.iter().map(Unload::rest)),
        instructions,
    })
}

impl Unload {
    /// The time behind the completion of the slowest request.
    fn rest(&self) -> u64 {
        self.time.saturating_sub(self.completed)
    }
}

impl Times {
    /// Of times in nanoseconds.
    #[expect(clippy::cast_precision_loss, reason = "a time needs no 53 bits")]
    fn of(times: impl Iterator<Item = u64>) -> Self {
        let mut times: Vec<_> = times.map(|time| time as f64 / 1000.0).collect();
        times.sort_by(f64::total_cmp);
        let at = |hundredths: usize| {
            let place = (times.len() * hundredths).div_ceil(100).max(1) - 1;
            times.get(place).copied().unwrap_or_default()
        };
        Self {
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

/// The rows of a driver without requests, in the order of their bindings.
fn idle<'a>(rows: &'a [Row], driver: &'a str) -> impl Iterator<Item = &'a Row> {
    rows.iter()
        .filter(move |it| it.driver == driver && it.requests == 0)
}

/// What each further binding costs, by pairs of successive rows.
fn slopes<'a>(rows: &'a [Row], driver: &'a str, cost: Cost) -> Vec<f64> {
    let rows: Vec<_> = idle(rows, driver).collect();
    let slope = |pair: &[&Row]| {
        let [less, more] = pair else { return None };
        Some((cost(more)? - cost(less)?) / f64::from(more.bindings - less.bindings))
    };
    rows.windows(2).filter_map(slope).collect()
}

/// A cost of a row, if it was measured.
type Cost = fn(&Row) -> Option<f64>;

const TIME: Cost = |row| Some(row.whole.p50);

#[expect(
    clippy::cast_precision_loss,
    reason = "no unload takes 2^53 instructions"
)]
fn instructions(row: &Row) -> Option<f64> {
    Some(row.instructions? as f64)
}

/// Whether unloads depend on bindings linearly, on the slowest request, and on nothing else.
pub(super) fn goals(rows: &[Row]) -> Vec<Goal> {
    let drivers = WDM.map(|it| it.name);
    let goals = drivers.into_iter().map(|driver| {
        let linear = [
            linear(rows, driver, "time", TIME),
            linear(rows, driver, "instructions", instructions),
        ];
        linear.into_iter().chain([rest(rows, driver)])
    });
    goals.flatten().flatten().collect()
}

/// Whether each further binding costs a driver the same.
fn linear(rows: &[Row], driver: &str, what: &str, cost: Cost) -> Option<Goal> {
    let slopes = slopes(rows, driver, cost);
    let least = slopes.iter().copied().min_by(f64::total_cmp)?;
    let most = slopes.iter().copied().max_by(f64::total_cmp)?;
    let what = format!("unload of {driver}: {what} of each further binding, most beside least");
    Some(Goal::at_most(what, most / least, LINEAR))
}

/// Whether an unload that meets requests takes no longer, once the slowest of them is
/// completed, than one of as many bindings that meets none.
fn rest(rows: &[Row], driver: &str) -> Option<Goal> {
    let own = rows.iter().filter(|it| it.driver == driver);
    let ratios = own.filter(|it| it.requests > 0).filter_map(|it| {
        let same = idle(rows, driver).find(|idle| idle.bindings == it.bindings)?;
        Some(it.rest.max / same.whole.max)
    });
    let most = ratios.max_by(f64::total_cmp)?;
    let what = format!(
        "unload of {driver}: time behind the slowest request, beside an unload without requests"
    );
    Some(Goal::at_most(what, most, 1.0))
}

/// The counts that the baseline keeps.
pub(super) fn counts(rows: &[Row]) -> Vec<Count> {
    let counted = rows.iter().filter_map(|it| {
        let bindings = count(it.bindings.into(), "binding", "bindings");
        let name = format!("unload: {}, {bindings}", it.driver);
        Some(Count::new(name, "instructions", instructions(it)?))
    });
    counted.collect()
}

/// The figures as a table, and the constants.
pub(super) fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        format!(
            "{:<9} {:>8} {:>8}  {:^29}  {:^29}",
            "", "", "", "virtual time, µs", "behind the last request, µs"
        ),
        format!(
            "{:<9} {:>8} {:>8}  {:>9} {:>9} {:>9}  {:>9} {:>9} {:>9}  {:>12}",
            "", "bindings", "requests", "p50", "p99", "max", "p50", "p99", "max", "instructions"
        ),
    ];
    for it in rows {
        let instructions = it.instructions.map(|it| it.to_string()).unwrap_or_default();
        let line = format!(
            "{:<9} {:>8} {:>8}  {:>9.1} {:>9.1} {:>9.1}  {:>9.1} {:>9.1} {:>9.1}  {:>12}",
            it.driver,
            it.bindings,
            it.requests,
            it.whole.p50,
            it.whole.p99,
            it.whole.max,
            it.rest.p50,
            it.rest.p99,
            it.rest.max,
            instructions,
        );
        lines.push(line.trim_end().to_owned());
    }
    for driver in WDM.map(|it| it.name) {
        let last = |cost| {
            slopes(rows, driver, cost)
                .last()
                .copied()
                .unwrap_or_default()
        };
        lines.push(format!(
            "{driver}: each binding {:.1} µs of virtual time, {:.1} instructions",
            last(TIME),
            last(instructions)
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bindings: u32, requests: u32, micros: f64) -> Row {
        let times = Times {
            p50: micros,
            p99: micros,
            max: micros,
        };
        Row {
            driver: "client",
            bindings,
            requests,
            cycles: 1,
            whole: times,
            rest: times,
            instructions: None,
        }
    }

    #[test]
    fn an_unload_that_grows_faster_than_its_bindings_is_not_linear() {
        let figure = |of: &[f64]| {
            let rows: Vec<_> = [1, 10, 100]
                .into_iter()
                .zip(of)
                .map(|(bindings, &micros)| row(bindings, 0, micros))
                .collect();
            linear(&rows, "client", "time", TIME).is_some_and(|goal| goal.met)
        };
        assert!(figure(&[50.0, 140.0, 1040.0]));
        assert!(!figure(&[50.0, 140.0, 10_040.0]));
    }

    #[test]
    fn what_comes_behind_the_slowest_request_is_compared_with_an_idle_unload() {
        let met = |rest| {
            let rows = [row(1, 0, 50.0), row(1, 10, rest)];
            super::rest(&rows, "client").is_some_and(|goal| goal.met)
        };
        assert!(met(45.0));
        assert!(!met(55.0));
    }

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let times = Times::of((1..=100).map(|it| it * 1000));
        assert_eq!((times.p50, times.p99, times.max), (50.0, 99.0, 100.0));
        let one = Times::of([7000].into_iter());
        assert_eq!((one.p50, one.p99, one.max), (7.0, 7.0, 7.0));
    }
}
