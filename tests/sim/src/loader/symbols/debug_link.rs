// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debug information in a file of its own, as `objcopy --only-keep-debug` makes it:
//! the image's `.gnu_debuglink` names the file and has its checksum.

use std::fs;
use std::path::Path;

use object::read::pe::PeFile64;
use object::{Object, ObjectSection};

/// The file that an image at `path` names: beside it, or in `.debug` there. `None` if
/// there is none with the right checksum.
pub(super) fn follow(path: &Path, image: &PeFile64<'_>) -> Option<Vec<u8>> {
    let link = image.section_by_name(".gnu_debuglink")?.data().ok()?;
    let length = link.iter().position(|&byte| byte == 0)?;
    let name = std::str::from_utf8(&link[..length]).ok()?;
    if name.is_empty() || name.contains(['/', '\\']) {
        return None;
    }
    // The checksum is aligned to its size.
    let checksum = link
        .get((length + 1).next_multiple_of(4)..)?
        .first_chunk()?;
    let wanted = u32::from_le_bytes(*checksum);
    let directory = path.parent()?;
    [directory.join(name), directory.join(".debug").join(name)]
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .find(|content| crc32(content) == wanted)
}

/// The CRC-32 of ISO 3309, as `zlib` computes it.
fn crc32(content: &[u8]) -> u32 {
    /// Its polynomial, the lowest power first.
    const POLYNOMIAL: u32 = 0xEDB8_8320;

    let shift = |value: u32| (value >> 1) ^ (POLYNOMIAL * (value & 1));
    let byte = |value, &byte: &u8| (0..8).fold(value ^ u32::from(byte), |value, _| shift(value));
    !content.iter().fold(u32::MAX, byte)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_has_its_check_value() {
        assert_eq!(super::crc32(b"123456789"), 0xCBF4_3926);
    }
}
