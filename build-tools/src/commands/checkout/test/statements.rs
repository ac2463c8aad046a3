// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lists the documented statements about NMR, and the test of each.

use anyhow::{Result, bail};

use crate::terminal::{Verdict, print};
use crate::workspace::{Workspace, output};

/// Prints the table from which the registrar's conformance suite is made.
pub(crate) fn list(workspace: &Workspace) -> Result<Verdict> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "test",
        "--quiet",
        "--profile",
        "tools",
        "--package",
        "registrar",
        "--test",
        "suite",
    ]);
    cargo.args(["--", "--exact", "conformance::list", "--nocapture"]);
    let text = output(&mut cargo)?;
    let statements: Vec<_> = text.lines().filter_map(statement).collect();
    if statements.is_empty() {
        bail!("the conformance suite lists nothing: see tests/registrar/tests/suite/conformance");
    }
    for (test, source, says) in &statements {
        print(format!("{source:6} {says}\n       {test}"));
    }
    print(format!(
        "{} statements, each with its test; the sources are named in \
         tests/registrar/tests/suite/conformance/mod.rs",
        statements.len()
    ));
    Ok(Verdict::of_a_list())
}

/// Parses a line of the suite's list: test, source, statement.
fn statement(line: &str) -> Option<(&str, &str, &str)> {
    let mut fields = line.split('\t');
    if fields.next()? != "statement" {
        return None;
    }
    Some((fields.next()?, fields.next()?, fields.next()?))
}

#[cfg(test)]
mod tests {
    use super::statement;

    #[test]
    fn only_statements_are_taken_from_what_the_runner_prints() {
        let line = "statement\tconformance::wait::x\tD1\tIt waits.";
        assert_eq!(
            statement(line),
            Some(("conformance::wait::x", "D1", "It waits."))
        );
        assert_eq!(statement("running 1 test"), None);
        assert_eq!(statement("statement\tx"), None);
    }
}
