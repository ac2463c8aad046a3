// SPDX-License-Identifier: MIT OR Apache-2.0

//! A table of numbers: what is counted, the number aligned to the right, and a remark.

use std::fmt;

use super::numbers::grouped;

/// A table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(Vec<Row>);

#[derive(Clone, Debug)]
struct Row {
    what: String,
    number: String,
    remark: String,
}

impl Table {
    /// Adds a row.
    pub(crate) fn add(&mut self, what: impl Into<String>, number: u64, remark: impl Into<String>) {
        self.0.push(Row {
            what: what.into(),
            number: grouped(number),
            remark: remark.into(),
        });
    }

    /// Adds a row, unless the number is 0.
    pub(crate) fn add_if_any(
        &mut self,
        what: impl Into<String>,
        number: u64,
        remark: impl Into<String>,
    ) {
        if number > 0 {
            self.add(what, number, remark);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&Row) -> &str| {
            let widths = self.0.iter().map(|row| text(row).chars().count());
            widths.max().unwrap_or_default()
        };
        let (left, right) = (width(|row| &row.what), width(|row| &row.number));
        for (index, row) in self.0.iter().enumerate() {
            let Row {
                what,
                number,
                remark,
            } = row;
            let line = format!("{what:left$}  {number:>right$}  {remark}");
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_aligned_and_nothing_trails() {
        let mut table = Table::default();
        table.add("pairs", 2204, "");
        table.add("attaches", 7, "of 9");
        table.add_if_any("ignored", 0, "");
        assert_eq!(table.to_string(), "pairs     2,204\nattaches      7  of 9");
    }
}
