// SPDX-License-Identifier: MIT OR Apache-2.0

//! The description of an image: what its file says, and what its driver does alone.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use scenarios::{Description, NtStatus, Role, Unload, Verdict};

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::describe;

/// The description of an image; the exit status is that of the dry run's verdict.
fn description(image: &Path) -> Description {
    let run = describe(image);
    let description: Description = serde_json::from_str(&run.out).expect("a description");
    let status = match description.dry_run.verdict {
        None => 0,
        Some(Verdict::Finding(_)) => 1,
        Some(Verdict::Unsupported(_)) => 2,
    };
    assert_eq!(run.status, Some(status), "{}", run.err);
    description
}

#[test]
fn a_module_is_described_with_all_that_it_registers() {
    let workshop = Workshop::new();
    for (name, role, attach) in [
        ("p.sys", Role::Provider, "ProviderAttachClient"),
        ("c.sys", Role::Client, "ClientAttachProvider"),
    ] {
        let described = description(&workshop.module(name, role, &[]));
        assert_eq!(described.name, name);
        assert!(described.image.has_symbols);
        assert!(described.image.imports["ntoskrnl.exe"].contains(&"KeSetEvent".to_owned()));
        assert!(described.image.missing_imports.is_empty());
        let names = described.image.sections.iter().map(|it| it.name.as_str());
        assert!(
            names.clone().any(|it| it == ".text"),
            "{:?}",
            described.image
        );
        let run = described.dry_run;
        assert_eq!(run.entry, Some(NtStatus(0)));
        assert_eq!(run.kmdf, None);
        assert_eq!((run.unload, run.verdict), (Unload::Clean, None));
        let [registered] = &run.registered[..] else {
            panic!("{:?}", run.registered);
        };
        assert_eq!(registered.role, role);
        assert_eq!(registered.npi, "{5f1d7a52-33c1-4e0c-0102-030405060708}");
        assert_eq!(registered.npi_name, None);
        let module = registered.module_id.as_deref().unwrap_or_default();
        assert!(module.starts_with("{11111111-0001-0001-0"), "{module}");
        assert_eq!((registered.version, registered.length), (0, 72));
        assert_eq!(
            (registered.instance_version, registered.instance_size),
            (0, 40)
        );
        let [first, _, cleanup] = &registered.callbacks[..] else {
            panic!("{:?}", registered.callbacks);
        };
        assert_eq!(first.field, attach);
        let function = |place: &Option<scenarios::Place>| place.clone().map(|it| it.function);
        assert_eq!(function(&first.place).as_deref(), Some("Attach"));
        assert_eq!(function(&cleanup.place).as_deref(), Some("Cleanup"));
        assert_eq!(function(&registered.place).as_deref(), Some("DriverEntry"));
    }
}

#[test]
fn the_drivers_of_both_models_have_devices_and_links() {
    for (name, kmdf, role) in [
        ("provider.sys", None, Role::Provider),
        ("client_wdf.sys", Some("1.15"), Role::Client),
    ] {
        let run = description(&driver(name)).dry_run;
        assert_eq!(run.kmdf.as_deref(), kmdf);
        let first = run.registered.first().expect("it registers");
        assert_eq!(
            (first.role, first.npi_name.as_deref()),
            (role, Some("echo"))
        );
        let service = role.service();
        let device = format!(r"\Device\{service}");
        assert_eq!(run.devices, [device.as_str()]);
        assert_eq!(run.links, [(format!(r"\DosDevices\{service}"), device)]);
        assert_eq!(run.unload, Unload::Clean, "{:?}", run.verdict);
    }
}

#[test]
fn what_goes_wrong_in_the_dry_run_is_part_of_the_description() {
    let workshop = Workshop::new();
    let run = |name, defect| description(&workshop.module(name, Role::Client, &[defect])).dry_run;

    let refuses = run("refuses.sys", "ENTRY_FAILS");
    let status = refuses.entry.expect("it returned");
    assert_eq!(status.name(), Some("STATUS_UNSUCCESSFUL"));
    assert_eq!((refuses.unload, refuses.verdict), (Unload::NotTried, None));

    let faults = run("faults.sys", "FAULT_IN_ENTRY");
    assert_eq!((faults.entry, faults.unload), (None, Unload::NotTried));
    assert!(matches!(faults.verdict, Some(Verdict::Finding(_))));

    let hangs = run("hangs.sys", "DEADLOCK");
    assert_eq!(hangs.unload, Unload::DidNotReturn);
    assert!(matches!(hangs.verdict, Some(Verdict::Finding(it)) if it.code == "deadlock"));

    let leaks = run("leaks.sys", "HANDLE_LEFT");
    assert_eq!(leaks.unload, Unload::Unclean);

    let lacks = run("lacks.sys", "UNKNOWN_IMPORT");
    assert_eq!(lacks.entry, None);
    assert!(matches!(lacks.verdict, Some(Verdict::Unsupported(_))));
}

#[test]
fn a_driver_that_misleads_the_kernel_is_described_soon() {
    /// More than either takes on a busy machine.
    const SOON: Duration = Duration::from_secs(20);

    let workshop = Workshop::new();
    let run = |defines: &[&str]| {
        let image = workshop.compile("d.sys", "greedy.c", defines);
        let started = Instant::now();
        let run = description(&image).dry_run;
        assert!(started.elapsed() < SOON, "{defines:?}");
        run
    };
    let odd = run(&["DEVICES=1", "RETURNS=0x103"]);
    assert_eq!(odd.entry.and_then(NtStatus::name), Some("STATUS_PENDING"));
    assert_eq!(odd.devices.len(), 2);
    assert!(matches!(odd.verdict, Some(Verdict::Finding(it)) if it.code == "load"));
    let endless = run(&["DPCS"]);
    assert_eq!(endless.unload, Unload::Unclean);
    assert!(matches!(endless.verdict, Some(Verdict::Finding(it)) if it.code == "0xCE"));
}

#[test]
fn the_same_image_is_described_alike() {
    let workshop = Workshop::new();
    let image = workshop.compile("i.sys", "imports.c", &[]);
    let [once, again] = [(); 2].map(|()| describe(&image).out);
    assert_eq!(once, again);
    let described = description(&image);
    assert_eq!(described.image.missing_imports.count(), 4);
    assert_eq!(described.dry_run.registered, []);
    assert_eq!(described.dry_run.unload, Unload::Clean);
}

#[test]
fn what_is_no_driver_is_refused_in_one_line() {
    let workshop = Workshop::new();
    let text = workshop.path("text.sys");
    fs::write(&text, "not an image").expect("written");
    for (file, says) in [
        (text.as_path(), "is not a PE image"),
        (&workshop.path("missing.sys"), "cannot be read"),
    ] {
        let run = describe(file);
        assert_eq!(run.status, Some(2), "{}", run.out);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(run.err.contains(says), "{}", run.err);
    }
}

#[test]
fn the_command_prints_text_or_json() {
    let image = driver("client.sys");
    let xtask = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["xtask", "describe"])
            .arg(&image)
            .args(arguments)
            .output()
            .expect("cargo runs this test");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = xtask(&[]);
    assert!(
        text.starts_with("client.sys: kernel-mode driver for x86-64, WDM\n"),
        "{text}"
    );
    assert!(
        text.contains("registers       client of {1e32787f-"),
        "{text}"
    );
    let described: Description = serde_json::from_str(&xtask(&["--json", "-"])).expect("JSON");
    assert_eq!(described.name, "client.sys");
}
