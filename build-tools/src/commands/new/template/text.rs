// SPDX-License-Identifier: MIT OR Apache-2.0

//! The example's text with another name and fresh GUIDs, without our licence.

use npi_description::NpiId;
use uuid::Uuid;

use super::Name;

/// The name of the example, as a crate and as a type.
const EXAMPLE: [&str; 2] = ["keyvalue", "KeyValue"];

/// The GUIDs of the example: the NPI, its provider and its client.
const GUIDS: [&str; 3] = [
    "5b1c2f0e-7a64-4b7b-9b53-0c1d7f3a9e11",
    "0d3e8f12-1f6c-4d5e-8a9b-1a2b3c4d5e6f",
    "6f5e4d3c-2b1a-4b9a-9e8d-5c6b7a899807",
];

/// What is written in place of the example's name and GUIDs.
#[derive(Clone, Debug)]
pub(in super::super) struct Replacement {
    name: Name,
    guids: [Uuid; 3],
}

impl Replacement {
    /// This name, and GUIDs that nobody else has.
    pub(in super::super) fn new(name: Name) -> Self {
        Self {
            name,
            guids: GUIDS.map(|_| Uuid::new_v4()),
        }
    }

    /// The same, for an NPI that is there: only its modules are new.
    pub(in super::super) fn for_npi(name: Name, npi: NpiId) -> Self {
        let mut replacement = Self::new(name);
        replacement.guids[0] = Uuid::from_u128(npi.0);
        replacement
    }

    /// The name that is written.
    pub(super) const fn name(&self) -> &Name {
        &self.name
    }

    /// A text of the example; in a manifest the name is that of a package.
    pub(super) fn apply(&self, text: &str, is_manifest: bool) -> String {
        let [example, example_type] = EXAMPLE;
        let Name {
            package,
            snake,
            camel,
        } = &self.name;
        let text = text
            .strip_prefix("// SPDX-License-Identifier: MIT OR Apache-2.0\n")
            .map_or(text, |rest| rest.trim_start_matches('\n'))
            .replace("license.workspace = true\n", "");
        let mut changes = vec![
            (example_type.to_owned(), camel.clone()),
            // As the C header of the NPI has it.
            (example.to_uppercase(), snake.to_uppercase()),
            ("Keyvalue".to_owned(), camel.clone()),
            // Files and crates, before what else a manifest has.
            (format!("{example}_"), format!("{snake}_")),
            (
                example.to_owned(),
                if is_manifest { package } else { snake }.clone(),
            ),
        ];
        for (old, new) in GUIDS.iter().zip(self.guids) {
            let new = new.hyphenated().to_string();
            changes.push((literal(old), literal(&new)));
            changes.push(((*old).to_owned(), new));
        }
        replace(&text, &changes)
    }
}

/// Replaces the first text of each pair by the second, in one pass: what is written may
/// contain what is replaced.
fn replace(text: &str, changes: &[(String, String)]) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let change = changes
            .iter()
            .find_map(|(old, new)| Some((rest.strip_prefix(old.as_str())?, new)));
        if let Some((after, new)) = change {
            replaced.push_str(new);
            rest = after;
        } else {
            replaced.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    replaced
}

/// The number that a GUID is in Rust: `0x5b1c_2f0e_...`.
fn literal(guid: &str) -> String {
    let digits: Vec<_> = guid.chars().filter(char::is_ascii_hexdigit).collect();
    let groups: Vec<String> = digits.chunks(4).map(|four| four.iter().collect()).collect();
    format!("0x{}", groups.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_guids_are_replaced_and_the_licence_goes() {
        let replacement = Replacement::new(Name::parse("my-npi", &[]).expect("a name"));
        let source = "// SPDX-License-Identifier: MIT OR Apache-2.0\n\n//! `KeyValue` in \
                      `keyvalue_provider.sys`: {5b1c2f0e-7a64-4b7b-9b53-0c1d7f3a9e11}\nuse keyvalue::X; \
                      0x5b1c_2f0e_7a64_4b7b_9b53_0c1d_7f3a_9e11";
        let text = replacement.apply(source, false);
        assert!(text.starts_with("//! `MyNpi` in `my_npi_provider.sys`: {"));
        assert!(text.contains("use my_npi::X;"));
        assert!(!text.contains("5b1c"), "{text}");
        let [npi, ..] = replacement.guids;
        assert!(text.contains(&npi.to_string()));
        let manifest = "name = \"keyvalue-provider\" # keyvalue_provider.sys\nkeyvalue.workspace = true\n\
                        license.workspace = true\n";
        assert_eq!(
            replacement.apply(manifest, true),
            "name = \"my-npi-provider\" # my_npi_provider.sys\nmy-npi.workspace = true\n"
        );
    }

    #[test]
    fn a_name_may_contain_that_of_the_example() {
        let replacement = Replacement::new(Name::parse("my-keyvalue", &[]).expect("a name"));
        let text = "`KeyValue` in `keyvalue_provider.sys`: KEYVALUE_NPI_ID, keyvalue::X";
        assert_eq!(
            replacement.apply(text, false),
            "`MyKeyvalue` in `my_keyvalue_provider.sys`: MY_KEYVALUE_NPI_ID, my_keyvalue::X"
        );
    }

    #[test]
    fn every_guid_of_the_example_is_known() {
        for text in [
            include_str!("../../../../../tests/keyvalue/npi/src/lib.rs"),
            include_str!("../../../../../tests/keyvalue/npi/npi.toml"),
        ] {
            for guid in GUIDS {
                assert!(text.contains(guid), "{guid}");
            }
        }
    }
}
