// SPDX-License-Identifier: MIT OR Apache-2.0

//! The bug check in the header of a Windows crash dump.
//!
//! All dumps of a 64-bit kernel, small or full, begin with the same header. The driver to
//! blame can only be found with a debugger: `!analyze -v`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

/// The first bytes of a dump.
const SIGNATURE: &[u8] = b"PAGEDU64";
/// Offsets of the code and of the four parameters in the header.
const CODE: usize = 0x38;
const PARAMETERS: usize = 0x40;

/// A bug check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BugCheck {
    /// Its code.
    pub code: u32,
    /// Its parameters; their meaning depends on the code.
    pub parameters: [u64; 4],
}

/// The bug check of the dump at `path`; `None` if it is not a dump of Windows.
///
/// # Errors
///
/// If the file cannot be read.
pub fn bug_check(path: &Path) -> Result<Option<BugCheck>> {
    let mut header = Vec::new();
    File::open(path)
        .and_then(|file| file.take(0x60).read_to_end(&mut header))
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(parse(&header))
}

fn parse(header: &[u8]) -> Option<BugCheck> {
    if !header.starts_with(SIGNATURE) {
        return None;
    }
    let (code, _) = header.get(CODE..)?.split_first_chunk()?;
    let (parameters, _) = header.get(PARAMETERS..)?.as_chunks();
    let parameters: &[[u8; 8]; 4] = parameters.first_chunk()?;
    Some(BugCheck {
        code: u32::from_le_bytes(*code),
        parameters: parameters.map(u64::from_le_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_contains_the_bug_check() {
        let mut header = SIGNATURE.to_vec();
        header.resize(CODE, 0);
        header.extend(0xCEu64.to_le_bytes());
        for parameter in [1u64, 2, 3, 0xFFFF_8000_0000_0004] {
            header.extend(parameter.to_le_bytes());
        }
        let parsed = parse(&header).expect("a dump");
        assert_eq!(parsed.code, 0xCE);
        assert_eq!(parsed.parameters, [1, 2, 3, 0xFFFF_8000_0000_0004]);
        assert_eq!(parse(&header[..header.len() - 1]), None);
        assert_eq!(parse(b"ELF"), None);
    }
}
