// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is read from a good image, and what is said of a bad one.

use std::fs;

use crate::specimen::{DATA, IMAGE_BASE, SIZE_OF_IMAGE, Specimen, TEXT};
use driver_image::{Defect, DriverImage, Fault, Symbol};
use object::pe;

fn parse(specimen: &Specimen) -> DriverImage {
    let image = DriverImage::parse("x.sys", specimen.build()).expect("a good image");
    DriverImage::parse("x.sys", image.with_checksum()).expect("the same image")
}

fn fault(bytes: Vec<u8>) -> Fault {
    let error = DriverImage::parse("x.sys", bytes).expect_err("a bad image");
    let text = error.to_string();
    assert!(text.starts_with("x.sys "), "{text}");
    assert!(text.contains(": ") && !text.contains('\n'), "{text}");
    error.fault
}

#[test]
fn reads_every_part() {
    let image = parse(&Specimen::default());
    assert_eq!(image.name(), "x.sys");
    assert_eq!(image.image_base(), IMAGE_BASE);
    assert_eq!(image.size_of_image(), SIZE_OF_IMAGE);
    assert_eq!(image.size_of_headers(), 0x200);
    assert_eq!(image.entry_point(), TEXT);
    assert_eq!(image.relocations(), [DATA]);

    let names: Vec<_> = image.sections().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, [".text", ".rdata", ".data", ".reloc"]);
    let [text, _, data, reloc] = image.sections() else {
        panic!("four sections");
    };
    assert!(text.readable && text.executable && !text.writable && !text.paged);
    assert!(data.readable && data.writable && !data.executable);
    assert_eq!((data.address, data.size), (DATA, 0x100));
    assert!(reloc.discardable && reloc.paged);
    assert_eq!(&image.bytes()[text.file.clone()], [0x31, 0xc0, 0xc3]);

    let imports: Vec<_> = image
        .imports()
        .iter()
        .map(|import| format!("{}!{}", import.dll, import.symbol))
        .collect();
    assert_eq!(
        imports,
        [
            "ntoskrnl.exe!DbgPrint",
            "ntoskrnl.exe!KeSetEvent",
            "NETIO.SYS!NmrRegisterClient"
        ]
    );
    assert_eq!(image.imports()[1].slot, image.imports()[0].slot + 8);
    assert_eq!(image.check(), []);
}

#[test]
fn reads_from_a_path_and_names_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("y.sys");
    let missing = DriverImage::read(&path).expect_err("no such file");
    assert!(missing.to_string().contains("y.sys cannot be read"));
    fs::write(&path, Specimen::default().build()).expect("written");
    assert_eq!(DriverImage::read(&path).expect("good").name(), "y.sys");
}

#[test]
fn an_image_without_imports_is_read() {
    let specimen = Specimen {
        imports: Vec::new(),
        ..Specimen::default()
    };
    assert_eq!(parse(&specimen).imports(), []);
}

#[test]
fn every_truncation_is_refused() {
    let whole = Specimen::default().build();
    for length in 0..whole.len() {
        let bytes = whole[..length].to_vec();
        // The file's last bytes pad the last section.
        if DriverImage::parse("x.sys", bytes.clone()).is_ok() {
            assert!(length + 0x200 > whole.len(), "{length} bytes are enough");
            continue;
        }
        match fault(bytes) {
            Fault::Empty => assert_eq!(length, 0),
            Fault::NotPe => assert_eq!(length, 1),
            Fault::Truncated(_) => {}
            other => panic!("{length}: {other}"),
        }
    }
}

#[test]
fn something_else_is_not_an_image() {
    assert!(matches!(fault(b"\x7fELF".repeat(99)), Fault::NotPe));
    let mut program = b"MZ".to_vec();
    program.resize(0x200, 0);
    assert!(matches!(fault(program), Fault::NotPe));
}

#[test]
fn the_wrong_kind_of_image_is_told_apart() {
    let narrow = Specimen {
        machine: pe::IMAGE_FILE_MACHINE_I386,
        wide: false,
        ..Specimen::default()
    };
    assert!(matches!(fault(narrow.build()), Fault::ThirtyTwoBit));
    let arm = Specimen {
        machine: pe::IMAGE_FILE_MACHINE_ARM64,
        ..Specimen::default()
    };
    assert!(matches!(fault(arm.build()), Fault::Machine(0xaa64)));
    let program = Specimen {
        subsystem: pe::IMAGE_SUBSYSTEM_WINDOWS_CUI,
        ..Specimen::default()
    };
    assert!(matches!(fault(program.build()), Fault::Subsystem(3)));
    let fixed = Specimen {
        file_flags: pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_RELOCS_STRIPPED,
        ..Specimen::default()
    };
    assert!(matches!(fault(fixed.build()), Fault::Fixed));
}

#[test]
fn the_entry_point_must_be_code() {
    for entry_point in [0, DATA, 0x40, SIZE_OF_IMAGE, u32::MAX] {
        let specimen = Specimen {
            entry_point,
            ..Specimen::default()
        };
        assert!(matches!(fault(specimen.build()), Fault::NoEntryPoint));
    }
}

#[test]
fn an_import_by_ordinal_is_read_and_is_a_defect() {
    let ordinal = Specimen {
        imports: vec![("ntoskrnl.exe", vec!["7", "DbgPrint"])],
        ..Specimen::default()
    };
    let image = parse(&ordinal);
    let symbols: Vec<_> = image.imports().iter().map(|it| &it.symbol).collect();
    assert_eq!(
        symbols,
        [&Symbol::Ordinal(7), &Symbol::Name("DbgPrint".to_owned())]
    );
    let defect = Defect::Ordinal {
        dll: "ntoskrnl.exe".to_owned(),
        ordinal: 7,
    };
    assert_eq!(image.check(), [defect]);
}

#[test]
fn imports_must_be_named_and_made_at_load() {
    let delayed = Specimen {
        delay_imports: true,
        ..Specimen::default()
    };
    assert!(matches!(fault(delayed.build()), Fault::DelayImport));
    let nameless = Specimen {
        imports: vec![("ntoskrnl.exe", vec![""])],
        ..Specimen::default()
    };
    assert!(matches!(fault(nameless.build()), Fault::Imports(_)));
}

#[test]
fn other_relocations_are_refused() {
    let specimen = Specimen {
        relocation: pe::IMAGE_REL_BASED_HIGHLOW,
        ..Specimen::default()
    };
    assert!(matches!(fault(specimen.build()), Fault::Relocations(_)));
}

#[test]
fn a_missing_characteristic_is_a_defect() {
    let specimen = Specimen {
        dll_flags: pe::DllFlags(0),
        ..Specimen::default()
    };
    let names: Vec<_> = parse(&specimen)
        .check()
        .into_iter()
        .map(|defect| match defect {
            Defect::Characteristic { name, .. } => name,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(
        names,
        [
            "NX_COMPAT",
            "DYNAMIC_BASE",
            "HIGH_ENTROPY_VA",
            "FORCE_INTEGRITY"
        ]
    );
}

#[test]
fn pageable_and_writable_code_are_defects() {
    let specimen = Specimen {
        text: pe::IMAGE_SCN_CNT_CODE
            | pe::IMAGE_SCN_MEM_EXECUTE
            | pe::IMAGE_SCN_MEM_READ
            | pe::IMAGE_SCN_MEM_WRITE,
        ..Specimen::default()
    };
    let section = || ".text".to_owned();
    assert_eq!(
        parse(&specimen).check(),
        [
            Defect::Paged { section: section() },
            Defect::WritableCode { section: section() }
        ]
    );
}

#[test]
fn a_wrong_checksum_is_a_defect() {
    let image = DriverImage::parse("x.sys", Specimen::default().build()).expect("a good image");
    let (claimed, actual) = (0, image.checksum());
    assert_eq!(image.check(), [Defect::Checksum { claimed, actual }]);
    let image = parse(&Specimen::default());
    assert_eq!(image.claimed_checksum(), actual);
}

#[test]
fn the_version_is_that_of_the_resource() {
    assert_eq!(parse(&Specimen::default()).version(), None);
    let specimen = Specimen {
        resources: true,
        ..Specimen::default()
    };
    let version = parse(&specimen).version().expect("a version");
    assert_eq!(version.file, [1, 2, 3, 4]);
    assert!(version.strings.is_empty());
}

#[test]
fn another_exporter_is_a_defect() {
    let specimen = Specimen {
        imports: vec![("HAL.dll", vec!["KeStallExecutionProcessor"])],
        ..Specimen::default()
    };
    let defects = parse(&specimen).check();
    assert_eq!(defects.len(), 1);
    assert!(
        defects[0]
            .to_string()
            .starts_with("KeStallExecutionProcessor is imported from HAL.dll")
    );
}

#[test]
fn a_section_without_a_size_in_memory_has_that_of_its_content() {
    let mut file = Specimen::default().build();
    let header = file
        .windows(8)
        .position(|name| name == b".text\0\0\0")
        .expect("its header");
    // `VirtualSize`.
    file[header + 8..header + 12].fill(0);
    let image = DriverImage::parse("x.sys", file).expect("a good image");
    let text = &image.sections()[0];
    assert_eq!((text.size, text.file.len()), (0x200, 0x200));
}
