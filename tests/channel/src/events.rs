// SPDX-License-Identifier: MIT OR Apache-2.0

//! The event device of `netio.sys`: events of the registrar since the last read.

use nmr::abi::NTSTATUS;

use crate::request::buffered;

/// The device as user mode names it.
pub const DEVICE: &str = r"\\.\NmrWatch";

/// Begins a cycle: the input is a `u64`, the seed from which open questions are
/// answered, or [`PLAIN`].
pub const BEGIN: u32 = buffered(0);
/// Returns a [`Header`] and as many [`Record`]s as the buffer has room for; each record
/// is returned once.
pub const READ: u32 = buffered(1);

/// A seed that answers every open question with its first answer.
pub const PLAIN: u64 = u64::MAX;

/// The number of records that the device keeps between two reads.
pub const CAPACITY: usize = 4096;

/// The number of entries of a dispatch table that are counted.
pub const ENTRIES: usize = 8;

/// The number of NPIs whose calls are counted separately.
pub const NPIS: usize = 4;

/// The header before the records that a read returns.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The number of records lost since the last read.
    pub lost: u64,
    /// The number of registrations whose deregistration has not been waited for.
    pub registered: u64,
    /// The calls between modules of each NPI.
    pub npis: [Calls; NPIS],
}

/// The number of calls between modules of an NPI since the cycle began.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// The digits of the NPI's identifier, all 0 where there is none.
    pub npi: [u8; 16],
    /// The calls of each entry of clients' dispatch tables.
    pub client: [u64; ENTRIES],
    /// The calls of each entry of providers' dispatch tables.
    pub provider: [u64; ENTRIES],
}

impl Calls {
    /// The NPI's identifier, 0 where there is none.
    #[must_use]
    pub const fn npi(&self) -> u128 {
        u128::from_be_bytes(self.npi)
    }
}

/// Something that happened.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// On which thread.
    pub thread: u64,
    /// The base of the image of the module concerned.
    pub image: u64,
    /// The module's registration, 0 where none is known.
    pub registration: u64,
    /// The binding, 0 where the call concerns none.
    pub binding: u64,
    /// With which status the call ended, if it has.
    pub status: NTSTATUS,
    /// What was called, as [`Call`] numbers it.
    pub call: u8,
    /// Whether it has ended.
    pub ended: u8,
    /// Whose call it is: 0 the client's, 1 the provider's.
    pub side: u8,
    /// Zero.
    pub reserved: u8,
}

/// Declares the calls with their numbers.
macro_rules! calls {
    ($($(#[$meta:meta])* $name:ident = $number:literal,)*) => {
        /// What a [`Record`] is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Call {
            $($(#[$meta])* $name = $number,)*
        }

        impl Call {
            /// The call with this number.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

calls! {
    /// `NmrRegister...`.
    Register = 0,
    /// `NmrDeregister...`.
    Deregister = 1,
    /// `NmrWaitFor...DeregisterComplete`.
    Wait = 2,
    /// `NmrClientAttachProvider`.
    AttachProvider = 3,
    /// `Nmr...Detach...Complete`.
    DetachComplete = 4,
    /// The attach callback.
    AttachCallback = 5,
    /// The detach callback.
    DetachCallback = 6,
    /// The cleanup callback.
    CleanupCallback = 7,
}

/// Bytes of an answer with all the records there can be.
pub const LARGEST_ANSWER: usize = size_of::<Header>() + CAPACITY * size_of::<Record>();

/// Takes an answer apart; `None` if it is none.
#[must_use]
pub fn parse(answer: &[u8]) -> Option<(Header, impl Iterator<Item = Record> + '_)> {
    let (header, records) = answer.split_first_chunk::<{ size_of::<Header>() }>()?;
    let (records, rest) = records.as_chunks::<{ size_of::<Record>() }>();
    rest.is_empty().then(|| {
        let records = records.iter().copied().map(Record::from_bytes);
        (Header::from_bytes(*header), records)
    })
}

/// Converts a structure of integers to and from the bytes it has in memory.
macro_rules! as_bytes {
    ($name:ty) => {
        impl $name {
            /// As it lies in memory.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; size_of::<Self>()] {
                // SAFETY: its fields are integers, without padding between.
                unsafe { core::mem::transmute(self) }
            }

            /// From what another one gave.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; size_of::<Self>()]) -> Self {
                // SAFETY: its fields are integers, for which any bytes will do.
                unsafe { core::mem::transmute(bytes) }
            }
        }
    };
}

as_bytes!(Header);
as_bytes!(Record);

const _: () = assert!(size_of::<Header>() == 8 * (2 + NPIS * (2 + 2 * ENTRIES)));
const _: () = assert!(size_of::<Record>() == 4 * 8 + 4 + 4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_header_and_its_records() {
        let header = Header {
            lost: 1,
            registered: 2,
            npis: [Calls {
                npi: [4; 16],
                client: [5; ENTRIES],
                provider: [6; ENTRIES],
            }; NPIS],
        };
        let record = Record {
            thread: 5,
            image: 6,
            registration: 7,
            binding: 8,
            status: -9,
            call: Call::Wait as u8,
            ended: 1,
            side: 1,
            reserved: 0,
        };
        let mut bytes = [0; size_of::<Header>() + 2 * size_of::<Record>()];
        let (first, rest) = bytes.split_first_chunk_mut().expect("room for a header");
        *first = header.to_bytes();
        for place in rest.as_chunks_mut().0 {
            *place = record.to_bytes();
        }
        let (read, mut records) = parse(&bytes).expect("an answer");
        assert_eq!(read, header);
        assert_eq!(records.next(), Some(record));
        assert_eq!(records.next(), Some(record));
        assert_eq!(records.next(), None);
    }

    #[test]
    fn what_is_cut_off_is_no_answer() {
        assert!(parse(&[0; size_of::<Header>() - 1]).is_none());
        assert!(parse(&[0; size_of::<Header>() + 1]).is_none());
        assert!(parse(&[0; size_of::<Header>()]).is_some());
    }

    #[test]
    fn numbers_name_calls() {
        assert_eq!(Call::from_number(Call::Wait as u8), Some(Call::Wait));
        assert_eq!(Call::from_number(8), None);
    }
}
