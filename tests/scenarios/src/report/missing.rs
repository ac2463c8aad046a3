// SPDX-License-Identifier: MIT OR Apache-2.0

//! The imports of a driver that the kernel does not provide.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// The missing imports of an image, by the image that exports them on Windows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MissingImports(pub BTreeMap<String, BTreeSet<String>>);

impl MissingImports {
    /// Returns `true` if none is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of them.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// The line that names all those of `image`.
    #[must_use]
    pub fn line(&self, image: &str) -> String {
        let count = self.count();
        let noun = if count == 1 { "import" } else { "imports" };
        format!(
            "{image}: {count} {noun} that the simulated kernel does not provide, a cycle that \
             uses one is cut short: {self}"
        )
    }
}

/// From pairs of exporter and name.
impl FromIterator<(String, String)> for MissingImports {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(imports: I) -> Self {
        let mut all = Self::default();
        for (module, name) in imports {
            let module = module.to_ascii_lowercase();
            all.0.entry(module).or_default().insert(name);
        }
        all
    }
}

/// The names with their exporters: `NtBar, NtFoo of ntoskrnl.exe; X of ndis.sys`.
impl fmt::Display for MissingImports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (module, names)) in self.0.iter().enumerate() {
            let joint = if index == 0 { "" } else { "; " };
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            write!(f, "{joint}{} of {module}", names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_names_them_all() {
        let imports = [
            ("ntoskrnl.exe", "NtFoo"),
            ("NDIS.SYS", "NdisOpen"),
            ("ntoskrnl.exe", "NtBar"),
        ];
        let all: MissingImports = imports
            .map(|(module, name)| (module.to_owned(), name.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(all.count(), 3);
        assert_eq!(
            all.line("a.sys"),
            "a.sys: 3 imports that the simulated kernel does not provide, a cycle that uses one \
             is cut short: NdisOpen of ndis.sys; NtBar, NtFoo of ntoskrnl.exe"
        );
    }
}
