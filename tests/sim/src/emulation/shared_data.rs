// SPDX-License-Identifier: MIT OR Apache-2.0

//! What Windows keeps for everybody to read: `KUSER_SHARED_DATA`, and what of the `KPCR`
//! and its `KPRCB` the headers read. Offsets are those of x64, which the headers have
//! compiled into drivers.
//!
//! Reference:
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntddk/ns-ntddk-kuser_shared_data>

use crate::exports::execution::threads;
use crate::exports::execution::time::{FREQUENCY, INCREMENT};
use crate::exports::system::VERSION;
use crate::hardware::arena::PROCESSOR;
use crate::hardware::convention::MXCSR;
use crate::kernel::State;

/// Fields of a structure: their offsets, and their bytes.
pub(in crate::emulation) type Fields = Vec<(usize, Vec<u8>)>;

fn field(offset: usize, value: u64, length: usize) -> (usize, Vec<u8>) {
    (offset, value.to_le_bytes()[..length].to_vec())
}

/// `KSYSTEM_TIME`: the lower part, and the upper one twice.
fn system_time(offset: usize, time: u64) -> (usize, Vec<u8>) {
    let mut bytes = time.to_le_bytes().to_vec();
    bytes.extend_from_within(4..);
    (offset, bytes)
}

/// The fields of `KUSER_SHARED_DATA` that are provided.
pub(in crate::emulation) fn shared_data(state: &mut State) -> Fields {
    /// Milliseconds in a tick, times 2^24.
    const MULTIPLIER: u64 = ((INCREMENT as u64) << 24) / 10_000;
    /// `VER_NT_WORKSTATION`.
    const WORKSTATION: u64 = 1;
    /// `PROCESSOR_ARCHITECTURE_AMD64`.
    const AMD64: u64 = 9;
    const PROCESSOR_FEATURES: usize = 0x274;
    /// `PROCESSOR_FEATURE_MAX`.
    const FEATURES: usize = 64;

    let now = state.scheduling.read_clock();
    let updated = state.scheduling.last_update(now);
    let ticks = now / u64::from(INCREMENT);
    let [major, minor, build] = VERSION.map(u64::from);
    let mut features = vec![0; FEATURES];
    for feature in PRESENT {
        features[feature] = 1;
    }
    let mut tick_count = system_time(0x320, ticks);
    tick_count.1.extend([0; 4]);
    let root: Vec<u8> = "C:\\Windows"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut root = (0x30, root);
    root.1.resize(260 * 2, 0);
    vec![
        field(0x000, ticks, 4),
        field(0x004, MULTIPLIER, 4),
        system_time(0x008, updated),
        system_time(0x014, state.scheduling.system_time(updated)),
        // TimeZoneBias: the clock shows UTC.
        system_time(0x020, 0),
        root,
        field(0x260, build, 4),
        field(0x264, WORKSTATION, 4),
        field(0x268, 1, 1),
        field(0x26A, AMD64, 2),
        field(0x26C, major, 4),
        field(0x270, minor, 4),
        (PROCESSOR_FEATURES, features),
        // KdDebuggerEnabled.
        field(0x2D4, 0, 1),
        // ActiveConsoleId, SafeBootMode.
        field(0x2D8, 1, 4),
        field(0x2EC, 0, 1),
        field(0x300, FREQUENCY.cast_unsigned(), 8),
        tick_count,
        // InterruptTimeBias, QpcBias.
        field(0x3B0, 0, 8),
        field(0x3B8, 0, 8),
        field(0x3C0, state.scheduling.processors() as u64, 4),
        field(0x3C4, 1, 1),
    ]
}

/// The features that `ExIsProcessorFeaturePresent` knows by these numbers, and which
/// `cpuid` has, too: CMPXCHG8B, MMX, SSE, RDTSC, PAE, SSE2, NX, SSE3, CMPXCHG16B, fast
/// fail, RDRAND, RDTSCP, SSSE3, SSE4.1 and SSE4.2.
const PRESENT: [usize; 15] = [2, 3, 6, 8, 9, 10, 12, 13, 14, 23, 28, 32, 36, 37, 38];

/// The fields of the `KPCR` that are provided, with the `KPRCB` behind it.
pub(in crate::emulation) fn processor_region(state: &mut State) -> Fields {
    /// Where the `KPRCB` begins.
    const PRCB: usize = 0x180;
    let thread = threads::current(state);
    let number = state.scheduling.processor().into();
    vec![
        // Self, CurrentPrcb.
        field(0x18, PROCESSOR.start as u64, 8),
        field(0x20, (PROCESSOR.start + PRCB) as u64, 8),
        // MajorVersion, MinorVersion.
        field(0x60, 1, 2),
        field(0x62, 1, 2),
        field(PRCB, MXCSR.into(), 4),
        // LegacyNumber, CurrentThread, Number.
        field(PRCB + 0x04, number, 1),
        field(PRCB + 0x08, thread as u64, 8),
        field(PRCB + 0x24, number, 4),
    ]
}
