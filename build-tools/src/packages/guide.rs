// SPDX-License-Identifier: MIT OR Apache-2.0

//! `README.txt`: the contents of a package, and how to use it on the machine under test.

use super::source::Source;

const TEXT: &str = include_str!("guide.txt");

pub(super) fn text(source: &Source) -> Vec<u8> {
    let tree = if source.is_clean() {
        ""
    } else {
        ", with changes"
    };
    let source_text = format!("{}, revision {}{tree}", source.version(), source.revision());
    TEXT.replace("{source}", &source_text)
        .replace('\n', "\r\n")
        .into_bytes()
}
