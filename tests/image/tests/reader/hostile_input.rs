// SPDX-License-Identifier: MIT OR Apache-2.0

//! No input makes the reader panic, and what it accepts keeps the invariants
//! that [`DriverImage`] states.

use crate::specimen::Specimen;
use driver_image::DriverImage;
use proptest::prelude::*;

fn holds_its_invariants(image: &DriverImage) {
    let mut free = image.size_of_headers();
    for section in image.sections() {
        assert!(section.address >= free);
        free = section.address + section.size;
        let content = &image.bytes()[section.file.clone()];
        assert!(content.len() <= section.size as usize);
    }
    assert!(free <= image.size_of_image());
    assert!(image.size_of_headers() as usize <= image.bytes().len());
    let slots = image.imports().iter().map(|import| import.slot);
    for pointer in slots.chain(image.relocations().iter().copied()) {
        assert!(image.sections().iter().any(|s| s.covers(pointer, 8)));
    }
    let entry = |section: &driver_image::Section| section.covers(image.entry_point(), 1);
    assert!(image.sections().iter().any(entry));
    let _ = image.check();
    let _ = image.version();
}

/// Values that sit on the edges of what a field may hold.
fn edge() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(vec![
            0_u32,
            1,
            8,
            0xfff,
            0x1000,
            0x2000,
            0x4ff9,
            0x5000,
            i32::MAX as u32,
            u32::MAX - 7,
            u32::MAX
        ])
        .prop_map(|value| value.to_le_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_damaged_image(
        damage in prop::collection::vec((any::<prop::sample::Index>(), edge()), 1..8),
        in_headers in any::<bool>(),
        kept in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let specimen = Specimen { resources: true, ..Specimen::default() };
        let mut bytes = specimen.build();
        let reach = if in_headers { 0x220 } else { bytes.len() };
        for (place, patch) in damage {
            let at = place.index(reach);
            for (byte, value) in bytes[at..].iter_mut().zip(patch) {
                *byte = value;
            }
        }
        if let Some(kept) = kept {
            bytes.truncate(kept.index(bytes.len()));
        }
        if let Ok(image) = DriverImage::parse("x.sys", bytes) {
            holds_its_invariants(&image);
        }
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let mut program = b"MZ".to_vec();
        program.extend(&bytes);
        prop_assert!(DriverImage::parse("x.sys", bytes).is_err());
        if let Ok(image) = DriverImage::parse("x.sys", program) {
            holds_its_invariants(&image);
        }
    }
}
