// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table of injected faults: how often each occurred, by order of loads and unloads.

use maud::{Markup, html};

use super::wide;

/// Faults by the call that fails, and by order.
pub(crate) struct FaultTable {
    /// What the columns are, and what the cells mean.
    pub(crate) legend: String,
    /// The heading of each column.
    pub(crate) heads: Vec<String>,
    /// Each call that can fail, with a count or a mark for each column.
    pub(crate) rows: Vec<(String, Vec<String>)>,
}

impl FaultTable {
    /// The table as HTML.
    pub(super) fn markup(&self) -> Markup {
        /// A run of several instances can have thousands of courses.
        const MOST: usize = 60;
        let left_out = self.heads.len().saturating_sub(MOST);
        let rows = html! {
            thead {
                tr {
                    th scope="col" { "Call" }
                    @for head in self.heads.iter().take(MOST) { th scope="col" { (head) } }
                }
            }
            tbody {
                @for (call, cells) in &self.rows {
                    tr {
                        th scope="row" { (call) }
                        @for cell in cells.iter().take(MOST) { td { (cell) } }
                    }
                }
            }
        };
        html! {
            p {
                (self.legend)
                @if left_out > 0 {
                    " " (left_out) " more columns are in the report as JSON."
                }
            }
            (wide("Faults by order of loads and unloads", &rows))
        }
    }
}
