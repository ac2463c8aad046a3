// SPDX-License-Identifier: MIT OR Apache-2.0

//! Completions and manual pages: every command is in them.

use std::fs;

use crate::xtask::{output, refusal};

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = output(&["--help"]);
    let listed = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        // A deeper line continues the one above it.
        .filter(|line| !line.starts_with("   "));
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let commands: Vec<_> = listed.filter_map(first).collect();
    assert!(commands.iter().any(|it| it == "stress"), "{help}");
    commands
}

#[test]
fn each_shell_completes_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = output(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        assert!(!script.contains("PASS"), "{shell}");
    }
    assert!(refusal(&["completions", "sh"]).contains("possible values: bash"));
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let man = directory.path().join("man1");
    let path = man.display().to_string();
    assert!(output(&["man", &path]).contains("cargo-xtask.1"));
    for command in commands().iter().filter(|it| *it != "help") {
        let page = man.join(format!("cargo-xtask-{command}.1"));
        let text = fs::read_to_string(page).expect("a page");
        assert!(text.contains(&format!("cargo xtask {command}")), "{text}");
    }
    fs::write(directory.path().join("file"), "").expect("written");
    let file = directory.path().join("file").display().to_string();
    assert!(refusal(&["man", &file]).contains("name another directory"));
}
