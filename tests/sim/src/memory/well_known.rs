// SPDX-License-Identifier: MIT OR Apache-2.0

//! `SE_EXPORTS`: the privileges and identifiers that `SeExports` points to.

/// A member of the structure.
enum Member {
    /// Privileges with these numbers.
    Privileges(&'static [u32]),
    /// Identifiers, by their authority and the numbers below it.
    Sids(&'static [(u8, &'static [u32])]),
}

/// The members in their order, as far as `SeAllAppPackagesSid`.
const MEMBERS: [Member; 6] = [
    Member::Privileges(&[
        2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 14, 11, 12, 13, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    ]),
    Member::Sids(&[
        (0, &[0]),
        (1, &[0]),
        (2, &[0]),
        (3, &[0]),
        (3, &[1]),
        (5, &[]),
        (5, &[1]),
        (5, &[2]),
        (5, &[3]),
        (5, &[4]),
        (5, &[18]),
        (5, &[32, 544]),
        (5, &[32, 545]),
        (5, &[32, 546]),
        (5, &[32, 547]),
        (5, &[32, 548]),
        (5, &[32, 549]),
        (5, &[32, 550]),
        (5, &[32, 551]),
        (5, &[11]),
        (5, &[12]),
        (5, &[7]),
    ]),
    Member::Privileges(&[25, 26, 27]),
    Member::Sids(&[(5, &[19]), (5, &[20])]),
    Member::Privileges(&[28, 29, 30, 31, 32, 33, 34, 35]),
    Member::Sids(&[
        (5, &[17]),
        (16, &[0]),
        (16, &[0x1000]),
        (16, &[0x2000]),
        (16, &[0x3000]),
        (16, &[0x4000]),
        (3, &[4]),
        (15, &[2, 1]),
    ]),
];

fn sid(authority: u8, numbers: &[u32]) -> Vec<u8> {
    let count = u8::try_from(numbers.len()).expect("it is short");
    let mut bytes = vec![1, count, 0, 0, 0, 0, 0, authority];
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

/// The structure at an address, with the identifiers behind it.
pub(super) fn structure(at: usize) -> Vec<u8> {
    let members = MEMBERS.iter().map(|member| match member {
        Member::Privileges(all) => all.len(),
        Member::Sids(all) => all.len(),
    });
    let mut end = at + 8 * members.sum::<usize>();
    let (mut bytes, mut sids) = (Vec::new(), Vec::new());
    for member in &MEMBERS {
        match member {
            Member::Privileges(all) => {
                bytes.extend(
                    all.iter()
                        .flat_map(|number| u64::from(*number).to_le_bytes()),
                );
            }
            Member::Sids(all) => {
                for (authority, numbers) in *all {
                    bytes.extend(end.to_le_bytes());
                    let sid = sid(*authority, numbers);
                    end += sid.len();
                    sids.extend(sid);
                }
            }
        }
    }
    bytes.extend(sids);
    bytes
}
