// SPDX-License-Identifier: MIT OR Apache-2.0

//! The language handler of a function, which the unwind information of its image names.
//!
//! Reference: <https://learn.microsoft.com/cpp/build/exception-handling-x64>.

use driver_image::DriverImage;
use pe_unwind_info::x86_64::{
    FunctionTableEntries, Register, RuntimeFunction, UnwindInfo, UnwindInfoFlags,
};

/// The length of an offset.
const WORD: u32 = 4;

/// What an exception's way through a function needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHandler {
    /// The offset of the function's entry in the exception directory.
    pub(crate) entry: u32,
    /// The offset of the handler.
    pub(crate) routine: u32,
    /// The offset of the handler's data.
    pub(crate) data: u32,
    /// It is called in search of a handler.
    pub(crate) on_exception: bool,
    /// It is called when the frame is unwound.
    pub(crate) on_unwind: bool,
    /// The frame register, and how far above the frame's base it points.
    pub(crate) frame: Option<(Register, u8)>,
}

/// The handler of the function at `offset`; `None` if it has none or is in its prologue.
pub(crate) fn find(file: &DriverImage, offset: u32) -> Option<FrameHandler> {
    /// The offset of the unwind information in an entry.
    const INFORMATION: u32 = 8;

    let table = FunctionTableEntries::parse(file.functions());
    let function = table.lookup(offset)?;
    let entry = entry(file, function)?;
    let within = offset - function.begin_address.get();
    let mut place = function.unwind_info_address.get();
    let information = UnwindInfo::parse(file.content(place)?)?;
    if within < u32::from(information.prolog_size) {
        return None;
    }
    loop {
        let information = UnwindInfo::parse(file.content(place)?)?;
        let flags = information.flags();
        let trailer = place + length(information.unwind_codes_len);
        if flags.contains(UnwindInfoFlags::CHAININFO) {
            place = word(file, trailer + INFORMATION)?;
            continue;
        }
        let frame = information.frame_register();
        return flags
            .intersects(UnwindInfoFlags::EHANDLER | UnwindInfoFlags::UHANDLER)
            .then_some(FrameHandler {
                entry,
                routine: word(file, trailer)?,
                data: trailer + WORD,
                on_exception: flags.contains(UnwindInfoFlags::EHANDLER),
                on_unwind: flags.contains(UnwindInfoFlags::UHANDLER),
                frame: frame.map(|register| (register, information.frame_register_offset())),
            });
    }
}

/// The size in bytes of the unwind information up to what follows its `codes`, which are
/// padded to an even number.
fn length(codes: u8) -> u32 {
    const HEADER: u32 = 4;
    const CODE: u32 = 2;
    HEADER + u32::from(codes).next_multiple_of(2) * CODE
}

fn word(file: &DriverImage, at: u32) -> Option<u32> {
    let bytes = file.content(at)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// The offset of an entry of the exception directory in the image.
fn entry(file: &DriverImage, function: &RuntimeFunction) -> Option<u32> {
    let place = std::ptr::from_ref(function).addr();
    let place = place.checked_sub(file.bytes().as_ptr().addr())?;
    let mut sections = file.sections().iter();
    let section = sections.find(|section| section.file.contains(&place))?;
    let within = u32::try_from(place - section.file.start).ok()?;
    Some(section.address + within)
}
