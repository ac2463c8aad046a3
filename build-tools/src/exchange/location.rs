// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where a finding is, as a URI: relative to the workspace if the file is below it.

use std::path::Path;

use scenarios::{Finding, Place};

/// A file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) uri: String,
    /// `true` if the URI is relative to the root of the workspace.
    pub(super) is_relative: bool,
}

impl Location {
    /// The file of a place.
    pub(super) fn of_place(place: &Place, root: &Path) -> Option<Self> {
        place.file.as_deref().map(|file| Self::of(file, root))
    }

    /// The image of a finding's driver, where its source is not known.
    pub(super) fn of_image(finding: &Finding) -> Self {
        let name = match finding.driver.as_str() {
            "" => "unknown",
            driver => driver,
        };
        Self {
            uri: encoded(name),
            is_relative: true,
        }
    }

    /// A file, as the compiler was given it.
    fn of(file: &str, root: &Path) -> Self {
        let file = file.replace('\\', "/");
        let root = root.to_string_lossy().replace('\\', "/");
        let below = file.strip_prefix(&root);
        if let Some(below) = below.and_then(|file| file.strip_prefix('/')) {
            return Self {
                uri: encoded(below),
                is_relative: true,
            };
        }
        let has_drive = file.as_bytes().get(1) == Some(&b':');
        match (file.starts_with('/'), has_drive) {
            (true, _) => Self::absolute(&file),
            (false, true) => Self::absolute(&format!("/{file}")),
            (false, false) => Self {
                uri: encoded(file.trim_start_matches("./")),
                is_relative: true,
            },
        }
    }

    fn absolute(path: &str) -> Self {
        Self {
            uri: format!("file://{}", encoded(path)),
            is_relative: false,
        }
    }
}

/// A path with all that a URI reserves or forbids as `%XX`.
fn encoded(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:+@".contains(&byte);
    let letter = |byte: u8| {
        if is_plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    path.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_workspace_is_relative_to_it() {
        for (file, uri, is_relative) in [
            ("/w/main/provider/src/lib.rs", "provider/src/lib.rs", true),
            ("/w/mainly/a.c", "file:///w/mainly/a.c", false),
            ("client/src/lib.rs", "client/src/lib.rs", true),
            ("./a b.c", "a%20b.c", true),
            (r"C:\drivers\a.c", "file:///C:/drivers/a.c", false),
            (r"src\é.c", "src/%C3%A9.c", true),
        ] {
            let location = Location::of(file, Path::new("/w/main"));
            assert_eq!(
                (location.uri.as_str(), location.is_relative),
                (uri, is_relative)
            );
        }
    }
}
