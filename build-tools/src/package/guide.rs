// SPDX-License-Identifier: MIT OR Apache-2.0

//! `README.txt`: what a package has and what to do with it on the machine under
//! test.

use super::source::Source;

const TEXT: &str = include_str!("guide.txt");

pub(super) fn text(source: &Source) -> Vec<u8> {
    let tree = if source.is_clean() {
        ""
    } else {
        ", with changes"
    };
    let made_of = format!("{}, revision {}{tree}", source.version(), source.revision());
    TEXT.replace("{source}", &made_of)
        .replace('\n', "\r\n")
        .into_bytes()
}
