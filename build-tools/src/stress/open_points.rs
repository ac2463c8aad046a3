// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table of the questions that the documents leave open, as `stress --list` prints
//! it.

use std::fmt::Write;

use registrar::knobs::Knob;

/// Each knob with its answers, what the documents say, and what Windows answers.
pub(crate) fn table() -> String {
    let mut text = "\nopen points, for --knobs KNOB:ANSWER; --kernel documents or windows answers \
                    those that it does not fix:"
        .to_owned();
    for knob in Knob::ALL {
        let about = knob.about();
        let answer = |answer: Option<u32>| match answer {
            Some(answer) => answer.to_string(),
            None => "drawn".to_owned(),
        };
        let mut line = |words: &dyn std::fmt::Display| {
            write!(text, "\n{words}").expect("a string takes everything");
        };
        line(&format_args!("{:<22}{}", knob.to_string(), about.question));
        for (number, answer) in about.answers.iter().enumerate() {
            line(&format_args!("    {number:<18}{answer}"));
        }
        let (documents, windows) = (answer(about.documents), answer(about.windows));
        let mut kernel = |name, answer, why| {
            line(&format_args!("    {name:<10}{answer:<8}{why}"));
        };
        kernel("documents", documents, about.documented);
        kernel("windows", windows, about.evidence);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_knob_is_listed_with_both_kernels() {
        let table = table();
        for knob in Knob::ALL {
            let entry = format!("\n{:<22}{}\n", knob.to_string(), knob.about().question);
            assert!(table.contains(&entry), "{knob}: {table}");
        }
        let windows = table.lines().filter(|line| line.starts_with("    windows"));
        assert_eq!(windows.count(), Knob::ALL.len());
    }
}
