// SPDX-License-Identifier: MIT OR Apache-2.0

//! Results as a table and as JSON.

use crate::Measured;

pub(crate) fn print(measured: &[Measured]) {
    let width = measured.iter().map(|it| it.name.len()).max().unwrap_or(0);
    println!("{:width$}        ns  instructions  two threads", "");
    for it in measured {
        let or_dash = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        println!(
            "{:width$}  {:8.2}  {:>12}  {:>11}",
            it.name,
            it.ns,
            or_dash(it.instructions, 1),
            or_dash(it.two_threads, 2),
        );
    }
}

/// A line for each case. Names are made of characters that JSON takes as they are.
pub(crate) fn print_json(bench: &str, measured: &[Measured]) {
    for it in measured {
        let or_null = |value: Option<f64>| {
            value.map_or_else(|| "null".to_owned(), |value| format!("{value:.3}"))
        };
        println!(
            r#"{{"bench":"{bench}","case":"{}","ns":{:.3},"instructions":{},"two_threads":{}}}"#,
            it.name,
            it.ns,
            or_null(it.instructions),
            or_null(it.two_threads),
        );
    }
}
