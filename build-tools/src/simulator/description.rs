// SPDX-License-Identifier: MIT OR Apache-2.0

//! The description of a driver image as text.

use std::fmt::Display;

use scenarios::{
    Description, DryRun, Finding, ImageFacts, Place, Registered, SectionFacts, Unload, Verdict,
};

use crate::building::image_report::wrap;

/// The width of the column of headings.
const COLUMN: usize = 16;

/// The text of a description.
pub(crate) fn text(description: &Description) -> String {
    let mut text = Text::default();
    let image = &description.image;
    text.0
        .push(format!("{}: {}", description.name, kind(description)));
    add_file(&mut text, image);
    text.0.extend(sections(&image.sections));
    add_imports(&mut text, image);
    add_dry_run(&mut text, &description.dry_run);
    text.0.join("\n")
}

/// Lines, each with a heading in the left column.
#[derive(Default)]
struct Text(Vec<String>);

impl Text {
    fn row(&mut self, heading: &str, value: impl Display) {
        self.0.push(format!("{heading:COLUMN$}{value}"));
    }

    /// A row for each value; the first has the heading.
    fn rows(&mut self, heading: &str, values: impl IntoIterator<Item = String>) {
        let mut heading = heading;
        for value in values {
            self.row(heading, value);
            heading = "";
        }
        if !heading.is_empty() {
            self.row(heading, "none");
        }
    }
}

/// The driver model, in a sentence.
fn kind(description: &Description) -> String {
    let binds = description.image.imports.contains_key("wdfldr.sys");
    let model = match &description.dry_run.kmdf {
        Some(version) => format!("KMDF {version}"),
        None if binds => "KMDF, which it did not bind in the dry run".to_owned(),
        None => "WDM".to_owned(),
    };
    format!("kernel-mode driver for x86-64, {model}")
}

fn add_file(text: &mut Text, image: &ImageFacts) {
    text.row(
        "size",
        format!(
            "{} bytes, {} in memory",
            image.file_size, image.size_of_image
        ),
    );
    text.row("linked for", format!("{:#x}", image.image_base));
    text.row("entry point", format!("{:#x}", image.entry_point));
    text.row("claims", list(&image.characteristics));
    let symbols = match (&image.pdb, image.has_symbols) {
        (Some(pdb), true) => format!("{pdb}; names of functions and lines are known"),
        (None, true) => "names of functions and lines are known, without a .pdb".to_owned(),
        (Some(pdb), false) => {
            let file = pdb.rsplit(['\\', '/']).next().unwrap_or_default();
            format!("none: put {file}, made with this image, into its directory")
        }
        (None, false) => "none: link with /DEBUG, and put the .pdb beside the image".to_owned(),
    };
    text.row("symbols", symbols);
}

/// The table of the sections.
fn sections(sections: &[SectionFacts]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:COLUMN$}{:>10}{:>10}  access  when it is there",
        "section", "address", "bytes"
    )];
    lines.extend(sections.iter().map(|section| {
        let letter = |set, letter| if set { letter } else { '-' };
        let when = match (section.discardable, section.pageable) {
            (true, _) => "until DriverEntry has returned",
            (false, true) => "may be paged out",
            (false, false) => "always",
        };
        format!(
            "{:COLUMN$}{:>#10x}{:>10}  {}{}{}     {when}",
            section.name,
            section.address,
            section.size,
            letter(section.readable, 'r'),
            letter(section.writable, 'w'),
            letter(section.executable, 'x'),
        )
    }));
    lines
}

fn add_imports(text: &mut Text, image: &ImageFacts) {
    let there: usize = image.imports.values().map(Vec::len).sum();
    let missing = image.missing_imports.count();
    text.row("imports", format!("{there} provided, {missing} missing"));
    let indent = " ".repeat(COLUMN);
    for (exporter, names) in &image.imports {
        text.0.push(format!("  {exporter}"));
        text.0.extend(wrap(names, &indent));
    }
    for (exporter, names) in &image.missing_imports.0 {
        let names: Vec<_> = names.iter().collect();
        text.0.push(format!("  {exporter}: MISSING"));
        text.0.extend(wrap(&names, &indent));
    }
    text.row("exports", list(&image.exports));
}

fn add_dry_run(text: &mut Text, run: &DryRun) {
    let entry = match run.entry {
        Some(status) if status.is_success() => status.to_string(),
        Some(status) => format!("{status}: it refuses to be loaded alone"),
        None => "did not return".to_owned(),
    };
    text.row("DriverEntry", entry);
    if run.registered.is_empty() {
        text.row("registers", "nothing");
    }
    for registered in &run.registered {
        add_registration(text, registered);
    }
    let device = |name: &String| match name.as_str() {
        "" => "one without a name".to_owned(),
        name => name.to_owned(),
    };
    text.rows("devices", run.devices.iter().map(device));
    let link = |(name, target): &(String, String)| format!("{name} -> {target}");
    text.rows("links", run.links.iter().map(link));
    let unload = match run.unload {
        Unload::NotTried => "not tried",
        Unload::NoRoutine => "the driver has none, so it cannot be unloaded",
        Unload::DidNotReturn => "did not return",
        Unload::Unclean => "returned, but not clean",
        Unload::Clean => "returned, and left nothing behind",
    };
    text.row("DriverUnload", unload);
    match &run.verdict {
        Some(Verdict::Finding(it)) => text.row("finding", short(it)),
        Some(Verdict::Unsupported(it)) => {
            let place = place(it.place.as_ref(), it.offset);
            text.row("UNSUPPORTED", format!("it {}, {place}", it.what));
        }
        None => {}
    }
    for note in &run.notes {
        text.row("note", short(note));
    }
}

/// A finding without its cycle and thread.
fn short(finding: &Finding) -> String {
    let place = place(finding.place.as_ref(), finding.offset);
    format!("{} {place}: {}", finding.code, finding.what)
}

fn add_registration(text: &mut Text, registered: &Registered) {
    let name = match &registered.npi_name {
        Some(name) => format!(" ({name})"),
        None => " (an NPI that is not described here)".to_owned(),
    };
    let role = registered.role.service();
    text.row("registers", format!("{role} of {}{name}", registered.npi));
    let status = registered.status;
    if !status.is_success() {
        text.row("", format!("fails with {status}"));
    }
    let module = registered.module_id.as_deref().unwrap_or("none");
    text.row(
        "",
        format!("ModuleId {module}, Number {}", registered.number),
    );
    text.row(
        "",
        format!(
            "characteristics: Version {}, Length {}; instance: Version {}, Size {}; {}",
            registered.version,
            registered.length,
            registered.instance_version,
            registered.instance_size,
            if registered.npi_specific {
                "with characteristics of the NPI"
            } else {
                "no characteristics of the NPI"
            }
        ),
    );
    for callback in &registered.callbacks {
        text.row(
            "",
            format!(
                "{:30}{}",
                callback.field,
                place(callback.place.as_ref(), callback.offset)
            ),
        );
    }
    if let Some(place) = &registered.place {
        text.row("", format!("registered in {place}"));
    }
}

/// The function and line, or the offset in the image.
fn place(place: Option<&Place>, offset: Option<u32>) -> String {
    match (place, offset) {
        (Some(place), _) => place.to_string(),
        (None, Some(offset)) => format!("at offset {offset:#x}"),
        (None, None) => "none".to_owned(),
    }
}

fn list(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        words => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scenarios::{Callback, MissingImports, NtStatus, Role};

    use super::*;

    fn driver() -> Description {
        let imports = [
            ("ntoskrnl.exe", "DbgPrint"),
            ("netio.sys", "NmrRegisterClient"),
        ];
        let missing = [("NDIS.SYS".to_owned(), "NdisOpen".to_owned())];
        Description {
            name: "a.sys".to_owned(),
            image: ImageFacts {
                file_size: 4608,
                size_of_image: 0x5000,
                image_base: 0x1_4000_0000,
                entry_point: 0x1000,
                characteristics: vec!["NX_COMPAT".to_owned()],
                pdb: None,
                has_symbols: false,
                sections: vec![SectionFacts {
                    name: "PAGE".to_owned(),
                    address: 0x1000,
                    size: 20,
                    readable: true,
                    writable: false,
                    executable: true,
                    pageable: true,
                    discardable: false,
                }],
                imports: BTreeMap::from(
                    imports.map(|(module, name)| (module.to_owned(), vec![name.to_owned()])),
                ),
                missing_imports: MissingImports::from_iter(missing),
                exports: Vec::new(),
            },
            dry_run: DryRun {
                entry: Some(NtStatus(0)),
                registered: vec![Registered {
                    role: Role::Client,
                    status: NtStatus(0),
                    npi: "{1}".to_owned(),
                    npi_name: None,
                    module_id: None,
                    number: 3,
                    version: 0,
                    length: 72,
                    instance_version: 0,
                    instance_size: 40,
                    npi_specific: false,
                    callbacks: vec![Callback {
                        field: "ClientAttachProvider".to_owned(),
                        offset: Some(0x1004),
                        place: None,
                    }],
                    place: None,
                }],
                devices: vec![r"\Device\A".to_owned()],
                unload: Unload::Clean,
                ..DryRun::default()
            },
        }
    }

    #[test]
    fn everything_that_is_known_is_told() {
        let text = text(&driver());
        for line in [
            "a.sys: kernel-mode driver for x86-64, WDM",
            "claims          NX_COMPAT",
            "PAGE                0x1000        20  r-x     may be paged out",
            "imports         2 provided, 1 missing",
            "  ndis.sys: MISSING",
            "                NdisOpen",
            "DriverEntry     0x00000000 STATUS_SUCCESS",
            "registers       client of {1} (an NPI that is not described here)",
            "                ModuleId none, Number 3",
            "                ClientAttachProvider          at offset 0x1004",
            r"devices         \Device\A",
            "links           none",
            "DriverUnload    returned, and left nothing behind",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_driver_that_refuses_has_its_status_by_name() {
        let mut refuses = driver();
        refuses.dry_run = DryRun {
            entry: Some(NtStatus(0xC000_0034_u32.cast_signed())),
            ..DryRun::default()
        };
        let text = text(&refuses);
        for part in [
            "0xc0000034 STATUS_OBJECT_NAME_NOT_FOUND: it refuses",
            "registers       nothing",
            "DriverUnload    not tried",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
