// SPDX-License-Identifier: MIT OR Apache-2.0

//! Output files: what an option names is written, and nothing else is lost by it.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::xtask::{output, refusal};

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A file that no loader could map.
fn text_file(directory: &TempDir) -> String {
    let file = directory.path().join("text.sys");
    fs::write(&file, "hello").expect("written");
    shown(&file)
}

#[test]
fn two_outputs_are_two_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = shown(&directory.path().join("report"));
    let other = shown(&directory.path().join(".").join("report"));
    for options in [["--json", "--html"], ["--junit", "--sarif"]] {
        let [one, two] = options;
        let text = refusal(&["stress", one, &file, two, &other]);
        assert!(text.contains("the file of --"), "{text}");
        assert!(text.contains("name another file"), "{text}");
    }
    let line = "seed=1,cycle=2";
    let text = refusal(&["replay", line, "--trace-json", &file, "--diagram", &other]);
    assert!(text.contains("the file of --trace-json"), "{text}");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/report/index.html");
    if page.is_file() {
        let text = refusal(&["stress", "--json", &shown(&page)]);
        assert!(text.contains("the page of every run"), "{text}");
    }
    assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 0);
}

#[test]
fn an_image_is_not_written_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let image = text_file(&directory);
    let text = refusal(&["describe", &image, "--json", &image]);
    assert!(text.contains("is the driver image: name another"), "{text}");
    let line = format!("seed=1,cycle=2,client={image}");
    let text = refusal(&["replay", &line, "--diagram", &image]);
    assert!(text.contains("is a driver of the cycle"), "{text}");
    assert_eq!(fs::read_to_string(&image).expect("text"), "hello");
}

#[test]
fn what_ends_like_a_directory_is_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = format!("{}/", shown(&directory.path().join("report")));
    let text = refusal(&["doctor", "--json", &path]);
    assert!(text.contains("is a directory: name a file"), "{text}");
}

/// What the doctor writes whether all prerequisites are there or not.
#[cfg(unix)]
mod special {
    use std::os::unix::fs::FileTypeExt;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::xtask::{command, xtask};

    #[test]
    fn a_symbolic_link_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        fs::write(&file, "old").expect("written");
        std::os::unix::fs::symlink("file", &link).expect("made");
        xtask(&["doctor", "--json", &shown(&link)]);
        assert!(link.is_symlink());
        assert!(fs::read_to_string(&file).expect("text").starts_with('['));
    }

    #[test]
    fn a_pipe_is_written_to_and_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        let mut reader = Command::new("cat");
        let reader = reader.arg(&pipe).stdout(Stdio::piped()).spawn();
        let reader = reader.expect("a reader");
        xtask(&["doctor", "--json", &shown(&pipe)]);
        let kind = fs::symlink_metadata(&pipe).expect("a file").file_type();
        if !kind.is_fifo() {
            // Nobody would ever write to the reader.
            let mut reader = reader;
            reader.kill().expect("ended");
            panic!("the pipe was replaced");
        }
        let read = reader.wait_with_output().expect("it ends").stdout;
        assert!(String::from_utf8_lossy(&read).starts_with('['));
    }

    #[test]
    fn each_name_of_standard_output_is_it() {
        for name in ["-", "/dev/stdout"] {
            let output = xtask(&["doctor", "--json", name]);
            let list: Result<serde_json::Value, _> = serde_json::from_slice(&output.stdout);
            assert!(list.is_ok(), "{name}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_reason_to_panic() {
        for arguments in [
            &["completions", "bash"][..],
            &["--help"],
            &["explain"],
            &["explain", "R28"],
            &["zoo", "--list"],
            &["stress", "--list"],
        ] {
            assert!(!output(arguments).is_empty());
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            let output = command()
                .args(arguments)
                .stdout(writer)
                .output()
                .expect("the program starts");
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
            assert_eq!(errors, "", "{arguments:?}");
        }
    }
}
