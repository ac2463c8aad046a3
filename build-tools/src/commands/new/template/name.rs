// SPDX-License-Identifier: MIT OR Apache-2.0

//! The name of a new NPI, and what is refused as one.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use proc_macro2::{TokenStream, TokenTree};

/// The longest name: with what follows it, it is the name of a file and of a service.
const LONGEST: usize = 32;

/// Words of Rust and C that no package, type or variable may be.
const KEYWORDS: [&str; 73] = [
    "abstract", "as", "async", "auto", "await", "become", "box", "break", "case", "char", "const",
    "continue", "crate", "default", "do", "double", "dyn", "else", "enum", "extern", "false",
    "final", "float", "fn", "for", "gen", "goto", "if", "impl", "in", "inline", "int", "let",
    "long", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "register", "restrict", "return", "self", "short", "signed", "sizeof", "static", "struct",
    "super", "switch", "trait", "true", "try", "type", "typedef", "typeof", "union", "unsafe",
    "unsigned", "unsized", "use", "virtual", "void", "volatile", "where", "while", "yield", "test",
];

/// Packages that the new ones use, and those of the compiler.
const PACKAGES: [&str; 13] = [
    "alloc",
    "core",
    "kmdf",
    "nmr",
    "nmr_test",
    "proc_macro",
    "std",
    "wdk",
    "wdk_alloc",
    "wdk_build",
    "wdk_panic",
    "wdk_sys",
    "wdm",
];

/// Names of which the Windows Driver Kit has, in C, what the new drivers would have:
/// `WSK_CLIENT_DISPATCH`, `NTDDI_VERSION`.
const KIT: [&str; 17] = [
    "clfs_io",
    "cls_io",
    "connect_current",
    "context_exception",
    "device_description",
    "hal_dispatch",
    "io_err",
    "ndis",
    "npi_client",
    "npi_provider",
    "ntddi",
    "ob_flt_registration",
    "pci_data",
    "po_fx",
    "tdi",
    "winver",
    "wsk",
];

/// Devices of Windows, which has no files and directories of these names.
const DEVICES: [&str; 22] = [
    "aux", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "con", "lpt1",
    "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9", "nul", "prn",
];

/// A name in the forms in which it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Name {
    /// As a package: `my-npi`.
    pub(super) package: String,
    /// As a crate, a file and a variable: `my_npi`.
    pub(super) snake: String,
    /// As a type: `MyNpi`.
    pub(super) camel: String,
}

impl Name {
    /// As a crate, a file and a variable: `my_npi`.
    pub(super) fn snake(&self) -> &str {
        &self.snake
    }

    /// The name that `text` is; `sources` are those in which it will be written.
    pub(in super::super) fn parse(text: &str, sources: &[&str]) -> Result<Self> {
        ensure!(
            text.starts_with(|first: char| first.is_ascii_lowercase())
                && text
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'),
            "{text:?} is no name of a package: begin with a small letter, and use small letters of \
             ASCII, digits, - and _"
        );
        ensure!(
            text.len() <= LONGEST,
            "{text} is longer than {LONGEST} characters: shorten it"
        );
        let words: Vec<_> = text.split(['-', '_']).collect();
        ensure!(
            words.iter().all(|word| !word.is_empty()),
            "{text} has two separators in a row, or ends with one: leave one out"
        );
        let capital = |word: &&str| word[..1].to_ascii_uppercase() + &word[1..];
        let name = Self {
            package: words.join("-"),
            snake: words.join("_"),
            camel: words.iter().map(capital).collect(),
        };
        if KEYWORDS.contains(&name.snake.as_str()) {
            bail!("{text} is a word of Rust or C: use another name");
        }
        if PACKAGES.contains(&name.snake.as_str()) {
            bail!("{text} is a package that the drivers use: use another name");
        }
        if KIT.contains(&name.snake.as_str()) {
            bail!("{text} has a meaning in the headers of Windows: use another name");
        }
        if DEVICES.contains(&name.snake.as_str()) {
            bail!("{text} is a device on Windows, and no directory there: use another name");
        }
        let taken = identifiers(sources);
        for form in [&name.snake, &name.camel] {
            if taken.contains(form) {
                bail!("{form} has a meaning in the drivers already: use another name");
            }
        }
        Ok(name)
    }
}

/// The identifiers in sources, which have no comments for a compiler.
fn identifiers(sources: &[&str]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for source in sources {
        if let Ok(tokens) = source.parse() {
            collect(tokens, &mut all);
        }
    }
    all
}

fn collect(tokens: TokenStream, all: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                all.insert(word.to_string());
            }
            TokenTree::Group(group) => collect(group.stream(), all),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "use nmr::Module; /* comment */ struct Store { answered: u64 }";

    #[test]
    fn a_name_is_written_in_three_forms() {
        let name = Name::parse("my-own_npi2", &[SOURCE]).expect("a name");
        assert_eq!(name.package, "my-own-npi2");
        assert_eq!(name.snake, "my_own_npi2");
        assert_eq!(name.camel, "MyOwnNpi2");
        assert!(Name::parse("comment", &[SOURCE]).is_ok());
    }

    #[test]
    fn names_that_cannot_be_written_are_refused_in_one_line() {
        for text in [
            "",
            "Kv",
            "2kv",
            "-kv",
            "_kv",
            "kv-",
            "kv--x",
            "k v",
            "k.v",
            "k/v",
            "../kv",
            "schlüssel",
            "ключ",
            "kv\n",
            "fn",
            "int",
            "typeof",
            "nmr",
            "wdk-sys",
            "std",
            "nul",
            "com1",
            "wsk",
            "ntddi",
            "store",
            "module",
            "answered",
            "a-name-that-is-longer-than-any-service",
        ] {
            let error = Name::parse(text, &[SOURCE]).expect_err(text).to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
