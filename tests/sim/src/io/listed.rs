// SPDX-License-Identifier: MIT OR Apache-2.0

//! The answer to `LIST_BINDINGS`: the bindings in use are in it, and no others.

use nmr::abi::{NPIID, struct_size};
use registrar::host::Side;
use scenarios::control::header;
use shared_npi::echo::ECHO_NPI_ID;
use shared_npi::telemetry::TELEMETRY_NPI_ID;
use wdm::control::{BindingEntry, BindingList, ListedAs, VERSION};

use crate::io::contract::driver_of;
use crate::io::requests::Answer;
use crate::kernel::{State, with};
use crate::verifier::binding_calls::Listed;
use crate::verifier::promises;

/// The NPIs whose bindings the drivers list.
const NPIS: [NPIID; 2] = [ECHO_NPI_ID, TELEMETRY_NPI_ID];

/// A list that a driver has answered with.
#[derive(Debug, PartialEq, Eq)]
struct List {
    total: u32,
    returned: u32,
    /// The NPI and the role of each entry.
    entries: Vec<(u128, u32)>,
}

impl List {
    /// Reads a list. `None` if the bytes are no list.
    fn read(output: &[u8]) -> Option<Self> {
        let start = size_of::<BindingList>();
        let head = header(struct_size::<BindingList>(), VERSION);
        let head = output.get(..start).filter(|it| it.starts_with(&head))?;
        let number = |bytes: &[u8], at: usize| {
            let bytes = bytes.get(at..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let role = std::mem::offset_of!(BindingEntry, role);
        let entries = output[start..].chunks_exact(size_of::<BindingEntry>());
        let entry = |bytes: &[u8]| Some((promises::guid(bytes)?, number(bytes, role)?));
        Some(Self {
            total: number(head, std::mem::offset_of!(BindingList, total))?,
            returned: number(head, std::mem::offset_of!(BindingList, returned))?,
            entries: entries.map(entry).collect::<Option<_>>()?,
        })
    }
}

/// The bindings of the driver of a file. `None` if a peer breaks contracts: nobody knows
/// what its calls are.
pub(super) fn bindings(state: &State, file: usize) -> Option<Vec<Listed>> {
    if state.loader.drivers.any(|it| it.image.is_hostile()) {
        return None;
    }
    let driver = driver_of(state, file)?;
    let is_own = |code| {
        let site = state.loader.drivers.site(code);
        site.is_some_and(|site| site.driver == driver)
    };
    let mut all = state.verifier.binding_calls.listed(is_own);
    all.retain(|it| NPIS.contains(&it.npi));
    Some(all)
}

/// What is wrong with the list that the driver of `file` has answered with, whose bindings
/// were `before` when it was asked.
pub(super) fn wrong(file: usize, before: &[Listed], answer: &Answer) -> Option<String> {
    let list = List::read(&answer.output).filter(|_| answer.status >= 0 || is_partial(answer))?;
    let now = with(|state| bindings(state, file))?;
    compare(&list, before, &now)
}

fn is_partial(answer: &Answer) -> bool {
    answer.status == nmr::NtStatus::BUFFER_OVERFLOW.0
}

/// What is wrong with a list that was made between two moments.
fn compare(list: &List, before: &[Listed], now: &[Listed]) -> Option<String> {
    let List {
        total, returned, ..
    } = *list;
    if returned as usize != list.entries.len() || returned > total {
        let entries = list.entries.len();
        return Some(format!(
            "the list of bindings says that it has {returned} entries of {total}: it has {entries}"
        ));
    }
    let is = |binding| before.iter().find(move |it| it.binding == binding);
    let in_use = |it: &&Listed| it.is_in_use && is(it.binding).is_some_and(|it| it.is_in_use);
    let possible = |it: &&Listed| !is(it.binding).is_some_and(|it| it.is_over);
    let key = |it: &Listed| {
        let role = match it.side {
            Side::Client => ListedAs::CLIENT,
            Side::Provider => ListedAs::PROVIDER,
        };
        (it.npi.to_u128(), role.0)
    };
    let least = now.iter().filter(in_use).count();
    let most = now.iter().filter(possible).count();
    if (total as usize) < least || total as usize > most {
        return Some(format!(
            "the list of bindings says that {total} are in use: {least} to {most} are"
        ));
    }
    let entries = &list.entries;
    let strange = entries.iter().find(|&&entry| {
        let said = entries.iter().filter(|&&it| it == entry).count();
        let of_it = now.iter().filter(possible).filter(|it| key(it) == entry);
        said > of_it.count()
    });
    if let Some((npi, role)) = strange {
        return Some(format!(
            "the list of bindings has more entries with the role {role} and the NPI {npi:032x} \
             than there are such bindings"
        ));
    }
    let missing = now.iter().filter(in_use).map(key).find(|&wanted| {
        let said = entries.iter().filter(|&&it| it == wanted).count();
        let of_it = now.iter().filter(in_use).filter(|it| key(it) == wanted);
        returned == total && said < of_it.count()
    });
    missing.map(|(npi, role)| {
        format!("the list of bindings lacks one in use with the role {role} and the NPI {npi:032x}")
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use registrar::host::BindingId;

    use super::*;

    const ENTRY: (u128, u32) = (ECHO_NPI_ID.to_u128(), ListedAs::PROVIDER.0);

    fn listed(number: u64, is_in_use: bool, is_over: bool) -> Listed {
        Listed {
            binding: BindingId(NonZeroU64::new(number).expect("it is counted from 1")),
            npi: ECHO_NPI_ID,
            side: Side::Provider,
            is_in_use,
            is_over,
        }
    }

    fn list(entries: &[(u128, u32)], total: u32) -> List {
        List {
            total,
            returned: u32::try_from(entries.len()).expect("there are few"),
            entries: entries.to_vec(),
        }
    }

    #[test]
    fn what_is_in_use_all_the_time_is_in_the_list() {
        let used = [listed(1, true, false), listed(2, true, false)];
        assert_eq!(compare(&list(&[ENTRY, ENTRY], 2), &used, &used), None);
        assert!(compare(&list(&[ENTRY], 1), &used, &used).is_some());
        // Another one has come meanwhile, and one may have gone.
        let now = [
            listed(1, true, false),
            listed(2, false, false),
            listed(3, true, false),
        ];
        assert_eq!(compare(&list(&[ENTRY; 3], 3), &used, &now), None);
        assert!(compare(&list(&[], 0), &used, &now).is_some());
        assert!(compare(&list(&[ENTRY; 4], 4), &used, &now).is_some());
    }

    #[test]
    fn what_is_over_before_is_not_in_the_list() {
        let over = [listed(1, false, true)];
        assert!(compare(&list(&[ENTRY], 1), &over, &over).is_some());
        assert_eq!(compare(&list(&[], 0), &over, &over), None);
    }

    #[test]
    fn an_entry_has_the_role_and_the_npi_of_a_binding() {
        let used = [listed(1, true, false)];
        let other = (ENTRY.0, ListedAs::CLIENT.0);
        assert!(compare(&list(&[other], 1), &used, &used).is_some());
        assert!(compare(&list(&[(1, ENTRY.1)], 1), &used, &used).is_some());
    }

    #[test]
    fn a_list_is_read_from_bytes() {
        let mut bytes = header(struct_size::<BindingList>(), VERSION);
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(0x1e32_787f_u32.to_le_bytes());
        bytes.extend(0x806c_u16.to_le_bytes());
        bytes.extend(0x4f83_u16.to_le_bytes());
        bytes.extend(0x98e4_7dbe_c512_9701_u64.to_be_bytes());
        bytes.extend([0; 16]);
        bytes.extend(ListedAs::PROVIDER.0.to_le_bytes());
        assert_eq!(List::read(&bytes), Some(list(&[ENTRY], 2)));
        assert_eq!(List::read(&bytes[..8]), None);
    }
}
