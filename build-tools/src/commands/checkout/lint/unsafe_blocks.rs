// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counts the unsafe blocks in the drivers and their library, against limits.
//!
//! Tokens are counted, so that blocks in macros count and those in comments do not.
//! A limit is lowered when a block goes; raising one is a decision of its own.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::terminal::{self, print};
use crate::workspace::Workspace;

/// Sources that have a limit together.
struct Group {
    name: &'static str,
    directories: &'static [&'static str],
    limit: usize,
}

const GROUPS: [Group; 7] = [
    Group {
        name: "provider, client",
        directories: &["provider", "client"],
        limit: 4,
    },
    Group {
        name: "shared-npi",
        directories: &["shared-npi/src"],
        limit: 9,
    },
    Group {
        name: "keyvalue",
        directories: &[
            "tests/keyvalue/npi/src",
            "tests/keyvalue/provider",
            "tests/keyvalue/client",
        ],
        limit: 5,
    },
    Group {
        name: "wsk",
        directories: &["tests/wsk"],
        limit: 39,
    },
    Group {
        name: "nmr",
        directories: &["shared-npi/nmr/src"],
        limit: 202,
    },
    Group {
        name: "wdm",
        directories: &["shared-npi/wdm/src"],
        limit: 88,
    },
    Group {
        name: "kmdf",
        directories: &["shared-npi/kmdf/src"],
        limit: 48,
    },
];

/// The most lines of a driver's `lib.rs`, which is to be read in one sitting.
const MOST_LINES: usize = 200;

/// Prints the counts. Returns `true` if none is above its limit.
pub(crate) fn within_limits(workspace: &Workspace) -> Result<bool> {
    let mut within = true;
    print(format!("{:<20}{:>14}{:>8}", "", "unsafe blocks", "limit"));
    for Group {
        name,
        directories,
        limit,
    } in GROUPS
    {
        let mut blocks = 0;
        for directory in directories {
            blocks += in_directory(&workspace.root().join(directory))?;
        }
        print(format!("{name:<20}{blocks:>14}{limit:>8}"));
        if blocks > limit {
            within = false;
            terminal::error(format!(
                "{name}: {blocks} unsafe blocks, the limit is {limit}: move them into the library, or remove them"
            ));
        }
    }
    for driver in ["provider", "client", "provider/wdf", "client/wdf"] {
        let path = workspace.root().join(driver).join("src/lib.rs");
        let lines = read(&path)?.lines().count();
        if lines > MOST_LINES {
            within = false;
            terminal::error(format!(
                "{driver}/src/lib.rs: {lines} lines, the limit is {MOST_LINES}: move what is not its entry or unload"
            ));
        }
    }
    Ok(within)
}

/// The number of unsafe blocks in the Rust sources below `directory`.
fn in_directory(directory: &Path) -> Result<usize> {
    let unreadable = || format!("{} cannot be read", directory.display());
    let mut blocks = 0;
    for entry in fs::read_dir(directory).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.is_dir() {
            blocks += in_directory(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let tokens: TokenStream = read(&path)?
                .parse()
                .map_err(|error| anyhow!("{}: {error}", path.display()))?;
            blocks += in_tokens(tokens);
        }
    }
    Ok(blocks)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The number of times that `unsafe` stands before a block.
fn in_tokens(tokens: TokenStream) -> usize {
    let mut blocks = 0;
    let mut after_unsafe = false;
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            blocks += usize::from(after_unsafe && group.delimiter() == Delimiter::Brace);
            blocks += in_tokens(group.stream());
        }
        after_unsafe = matches!(&token, TokenTree::Ident(name) if name == "unsafe");
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::in_tokens;

    fn count(source: &str) -> usize {
        in_tokens(source.parse().expect("it is Rust"))
    }

    #[test]
    fn blocks_count_wherever_they_stand() {
        assert_eq!(count("fn f() { unsafe { g() } }"), 1);
        assert_eq!(count("fn f() { unsafe { if unsafe { g() } {} } }"), 2);
        assert_eq!(count("macro_rules! m { () => { unsafe { g() } } }"), 1);
    }

    #[test]
    fn other_uses_of_the_word_do_not_count() {
        assert_eq!(count("unsafe fn f() {}"), 0);
        assert_eq!(count("unsafe impl T for U {}"), 0);
        assert_eq!(count("// unsafe { g() }\n/* unsafe {} */"), 0);
        assert_eq!(count("const S: &str = \"unsafe {}\";"), 0);
        assert_eq!(count("#[unsafe(no_mangle)] unsafe extern \"C\" {}"), 0);
    }
}
