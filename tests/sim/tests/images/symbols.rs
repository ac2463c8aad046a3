// SPDX-License-Identifier: MIT OR Apache-2.0

//! A finding names functions, files and lines of images with DWARF as of those with
//! a .pdb; what of it is missing or broken costs names and nothing else.

use std::fs;
use std::path::Path;

use scenarios::{Finding, Frame, Place, Role};

use crate::fixture::{Workshop, run};
use crate::gnu::{TOOLS, Tools, compile, mingw};
use crate::program::sim;

/// The finding of a client whose unload routine goes wrong.
fn finding(workshop: &Workshop, client: &Path) -> Finding {
    let provider = workshop.path("p.sys");
    let provider = if provider.exists() {
        provider
    } else {
        workshop.module("p.sys", Role::Provider, &[])
    };
    let run = sim(&provider, client, &["--seed=5", "--cycles=2"]);
    let mut findings = run.report().findings;
    assert_eq!(findings.len(), 1, "{findings:?} {}", run.err);
    findings.remove(0)
}

/// The places of the frames in the driver, the innermost first.
fn places(finding: &Finding) -> Vec<Option<&Place>> {
    let own = finding.stack.iter().filter(|it| it.offset.is_some());
    own.map(|frame| frame.place.as_ref()).collect()
}

/// `function:line` of each frame in the driver, the innermost first.
fn lines(finding: &Finding, file: &str) -> Vec<String> {
    let shown = |place: Option<&Place>| {
        let place = place.unwrap_or_else(|| panic!("a frame without a place: {finding:?}"));
        let is = place.file.as_deref().unwrap_or_default();
        assert!(is.ends_with(file), "{finding:?}");
        let line = place.line.unwrap_or_default();
        format!("{}:{line}", place.function)
    };
    places(finding).into_iter().map(shown).collect()
}

#[test]
fn every_frame_has_function_file_and_line() {
    let workshop = Workshop::new();
    for tools in TOOLS {
        let client = compile(&workshop, tools, "d.sys", "deep.c", &["AT_DISPATCH"]);
        let finding = finding(&workshop, &client);
        assert_eq!(finding.code, "0xA", "{tools:?}: {finding}");
        assert_eq!(
            lines(&finding, "deep.c"),
            ["Third:24", "Second:33", "First:38", "Unload:44"],
            "{tools:?}"
        );
        assert_eq!(finding.place.as_ref(), places(&finding)[0], "{tools:?}");
    }
}

#[test]
fn inlined_functions_have_frames() {
    let workshop = Workshop::new();
    for tools in TOOLS {
        let client = compile(&workshop, tools, "d.sys", "inlined.c", &[]);
        let finding = finding(&workshop, &client);
        assert_eq!(
            lines(&finding, "inlined.c"),
            ["Write:9", "Prepare:14", "Unload:19"],
            "{tools:?}"
        );
    }
}

#[test]
fn the_symbol_table_has_functions_without_lines() {
    let workshop = Workshop::new();
    let client = compile(&workshop, Tools::Gcc(5), "d.sys", "deep.c", &["FAULT"]);
    run(mingw("strip").arg("--strip-debug").arg(&client));
    let found = finding(&workshop, &client);
    let names: Vec<_> = places(&found).into_iter().flatten().collect();
    let functions: Vec<_> = names.iter().map(|place| &*place.function).collect();
    assert_eq!(functions, ["Third", "Second", "First", "Unload"]);
    assert!(
        names
            .iter()
            .all(|it| it.file.is_none() && it.line.is_none())
    );

    run(mingw("strip").arg(&client));
    let found = finding(&workshop, &client);
    assert_eq!(places(&found), [None; 4], "{found:?}");
}

#[test]
fn a_stripped_image_names_its_debug_file() {
    let workshop = Workshop::new();
    let debug = workshop.path("d.debug");
    let make = |defect| {
        let client = compile(&workshop, Tools::Gcc(5), "d.sys", "deep.c", &[defect]);
        run(mingw("objcopy")
            .arg("--only-keep-debug")
            .arg(&client)
            .arg(&debug));
        run(mingw("strip").arg(&client));
        let mut link = "--add-gnu-debuglink=".to_owned();
        link.push_str(&debug.display().to_string());
        run(mingw("objcopy").arg(link).arg(&client));
        client
    };
    let client = make("FAULT");
    let other = fs::read(&client).expect("an image");
    assert_eq!(
        lines(&finding(&workshop, &client), "deep.c"),
        ["Third:16", "Second:33", "First:38", "Unload:44"]
    );
    // The debug file of another image is of no use.
    make("WAIT");
    fs::write(&client, other).expect("written");
    assert_eq!(places(&finding(&workshop, &client)), [None; 4]);
}

/// The content of an image from its first section with debug information on.
fn debug_part(image: &[u8]) -> usize {
    let headers = u32::from_le_bytes(image[0x3C..0x40].try_into().expect("4 bytes")) as usize;
    let sections = headers + 24 + 240;
    let count = usize::from(image[headers + 6]);
    let debug = (0..count).map(|number| &image[sections + 40 * number..][..40]);
    let start = |header: &[u8]| u32::from_le_bytes(header[20..24].try_into().expect("4 bytes"));
    let long = debug.filter(|header| header[0] == b'/');
    long.map(start).min().expect("a section with a long name") as usize
}

#[test]
fn broken_debug_information_is_as_good_as_none() {
    let workshop = Workshop::new();
    for tools in [Tools::Gcc(5), Tools::Clang(5)] {
        let client = compile(&workshop, tools, "d.sys", "deep.c", &["FAULT"]);
        let good = fs::read(&client).expect("an image");
        let from = debug_part(&good);
        for number in 0..24 {
            let mut bad = good.clone();
            // Every 2nd byte or every 95th: most of it is wrong, or a little.
            let mut random = 12_345_u32 + number;
            let mut at = from;
            while at < bad.len() {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bad[at] = (random >> 24) as u8;
                at += 2 + 4 * number as usize;
            }
            fs::write(&client, bad).expect("written");
            let finding = finding(&workshop, &client);
            assert_eq!(finding.code, "0x7E", "{tools:?} {number}: {finding}");
            let offset = |frame: &Frame| frame.offset;
            assert!(
                finding.stack.iter().all(|it| offset(it).is_some()),
                "{tools:?} {number}"
            );
        }
        // Without the symbol and string tables, which are last, no section has its name.
        for cut in [1, 64, 512] {
            fs::write(&client, &good[..good.len() - cut]).expect("written");
            let provider = workshop.path("p.sys");
            let run = sim(&provider, &client, &["--seed=5", "--cycles=1"]);
            assert!(matches!(run.status, Some(1 | 2)), "{cut}: {}", run.err);
        }
    }
}
