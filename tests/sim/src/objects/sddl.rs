// SPDX-License-Identifier: MIT OR Apache-2.0

//! Security descriptors as text: of the description language as much as is used
//! for control devices.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/kernel/sddl-for-device-objects>

use crate::objects::security::Dacl;

/// The SIDs that have an abbreviation, in binary from their count of parts on.
const SIDS: [(&str, &[u8]); 5] = [
    ("SY", &[1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]),
    ("BA", &[2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0]),
    ("BU", &[2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0]),
    ("AU", &[1, 0, 0, 0, 0, 0, 5, 11, 0, 0, 0]),
    ("WD", &[1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
];

/// The access control list of `D:P(A;;GA;;;SY)` and its like. Returns `None`
/// if it is not understood.
pub(crate) fn parse(text: &str) -> Option<Dacl> {
    let list = text.strip_prefix("D:")?;
    let entries = list.strip_prefix('P').unwrap_or(list);
    let mut bytes = Vec::new();
    let mut count = 0_u16;
    for entry in entries.split_inclusive(')') {
        let entry = entry.strip_prefix('(')?.strip_suffix(')')?;
        bytes.extend(entry_bytes(entry)?);
        count += 1;
    }
    // Revision, and where the list is: a descriptor that is one piece.
    let mut descriptor = vec![1, 0, 4, 0x80];
    descriptor.extend([0; 12]);
    descriptor.extend([20, 0, 0, 0]);
    let size = u16::try_from(8 + bytes.len()).ok()?;
    descriptor.extend([2, 0]);
    descriptor.extend(size.to_le_bytes());
    descriptor.extend(count.to_le_bytes());
    descriptor.extend([0, 0]);
    descriptor.extend(bytes);
    // SAFETY: it is as long as it says.
    unsafe { Dacl::read(descriptor.as_ptr().cast()) }.ok()
}

/// An access control entry: `A;;GRGW;;;BU`.
fn entry_bytes(text: &str) -> Option<Vec<u8>> {
    const REVISION: u8 = 1;
    let fields: Vec<_> = text.split(';').collect();
    let [kind, "", rights, "", "", who] = fields[..] else {
        return None;
    };
    let kind = match kind {
        "A" => 0,
        "D" => 1,
        _ => return None,
    };
    let (_, sid) = SIDS.iter().find(|(name, _)| *name == who)?;
    let size = u8::try_from(8 + 1 + sid.len()).ok()?;
    let mut bytes = vec![kind, 0, size, 0];
    bytes.extend(mask(rights)?.to_le_bytes());
    bytes.push(REVISION);
    bytes.extend(*sid);
    Some(bytes)
}

fn mask(rights: &str) -> Option<u32> {
    if let Some(number) = rights.strip_prefix("0x") {
        return u32::from_str_radix(number, 16).ok();
    }
    let (pairs, []) = rights.as_bytes().as_chunks::<2>() else {
        return None;
    };
    pairs.iter().try_fold(0, |all, pair| {
        Some(
            all | match pair {
                b"GA" => 0x1000_0000,
                b"GX" => 0x2000_0000,
                b"GW" => 0x4000_0000,
                b"GR" => 0x8000_0000,
                b"FA" => 0x001F_01FF,
                _ => return None,
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::security::{Account, READ_WRITE};

    #[test]
    fn a_text_grants_what_it_says() {
        let grants = |text| {
            let list = parse(text).expect("a list");
            [Account::Administrator, Account::User].map(|who| list.grants(who, READ_WRITE))
        };
        assert_eq!(grants("D:P(A;;GA;;;SY)(A;;GA;;;BA)"), [true, false]);
        assert_eq!(grants("D:(A;;GRGW;;;WD)"), [true, true]);
        assert_eq!(grants("D:P(D;;FA;;;BU)(A;;0x1f01ff;;;AU)"), [true, false]);
        assert_eq!(grants("D:P"), [false, false]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "",
            "O:SY",
            "D:P(A;;GA;;;XX)",
            "D:P(A;;GAG;;;SY)",
            "D:P(A;;GA)",
            "D:PA",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
