// SPDX-License-Identifier: MIT OR Apache-2.0

//! The INF of a driver: stamps the .inx beside the manifest of its package, as `StampInf`
//! does where the WDK is, and checks the result.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/using-inx-files-to-create-inf-files>
//!
//! # Design
//!
//! Stamping is the same on every host, so that a package does not depend on the host or
//! on the clock: the date is that of the commit.
//!
//! # Limits
//!
//! Not checked by `InfVerif`, which runs on Windows only.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::workspace::{Workspace, image};

use super::source::Source;

/// The value of `StampInf`'s variable `$ARCH$`.
const ARCHITECTURE: &str = "amd64";

/// The INF of the cargo package `package`.
pub(super) fn text(workspace: &Workspace, package: &str, source: &Source) -> Result<Vec<u8>> {
    let path = template(workspace, package)?;
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read: it becomes the INF", path.display()))?;
    stamp(&text, source).with_context(|| path.display().to_string())
}

/// The path of the .inx of the cargo package `package`, by the convention of `cargo wdk`.
fn template(workspace: &Workspace, package: &str) -> Result<PathBuf> {
    let mut command = MetadataCommand::new();
    command.manifest_path(workspace.root().join("Cargo.toml"));
    let metadata = command.no_deps().exec()?;
    let mut packages = metadata.packages.iter();
    let found = packages.find(|it| it.name == package);
    let Some(directory) = found.and_then(|it| it.manifest_path.parent()) else {
        bail!("{} has no package {package}", workspace.root().display());
    };
    let name = image(package);
    Ok(directory.join(format!("{name}.inx")).into_std_path_buf())
}

/// Replaces the architecture, and sets the version and date.
fn stamp(template: &str, source: &Source) -> Result<Vec<u8>> {
    let stamped = format!("{},{}.0", source.date(), source.version());
    let mut section = "";
    let mut versions = 0;
    let mut text = String::new();
    for line in template.lines() {
        section = header(line).unwrap_or(section);
        match line.split_once('=') {
            Some((key, _)) if is(section, "Version") && is(key.trim(), "DriverVer") => {
                versions += 1;
                text.extend([key, "= ", &stamped]);
            }
            _ => text.push_str(&line.replace("$ARCH$", ARCHITECTURE)),
        }
        text.push_str("\r\n");
    }
    if versions != 1 {
        bail!("its section Version has {versions} lines DriverVer: write one");
    }
    Ok(text.into_bytes())
}

/// The defects of the INF of the driver `image`.
pub(super) fn faults(image: &str, text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let services = format!("DefaultInstall.NT{ARCHITECTURE}.Services");
    let service = value(&text, &services, "AddService").unwrap_or_default();
    // The name, flags, and the section that describes the service.
    let section = service.split(',').nth(2).unwrap_or_default().trim();
    let wanted = [
        ("SourceDisksFiles", format!("{image}.sys"), "1".to_owned()),
        (
            section,
            "ServiceBinary".to_owned(),
            format!(r"%13%\{image}.sys"),
        ),
        ("Version", "CatalogFile".to_owned(), format!("{image}.cat")),
        ("Version", "PnpLockdown".to_owned(), "1".to_owned()),
    ];
    let missing = wanted
        .into_iter()
        .filter(|(section, key, value)| self::value(&text, section, key) != Some(value.as_str()))
        .map(|(section, key, value)| match section {
            "" => format!("its section {services} lacks AddService = NAME,,SECTION"),
            _ => format!("its section {section} lacks {key} = {value}"),
        });
    let unstamped = text
        .lines()
        .filter_map(variable)
        .map(|name| format!("its variable ${name}$ has no value"));
    missing.chain(unstamped).collect()
}

/// The value of `key` in `section`.
fn value<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let mut current = "";
    text.lines().map(directive).find_map(|line| {
        current = header(line).unwrap_or(current);
        let (name, value) = line.split_once('=')?;
        (is(current, section) && is(name.trim(), key)).then(|| value.trim())
    })
}

/// The name of a variable that `StampInf` would replace in a line.
fn variable(line: &str) -> Option<&str> {
    let name = directive(line).split('$').nth(1)?;
    // The signature looks like one: $WINDOWS NT$.
    name.chars()
        .all(|it| it.is_ascii_uppercase())
        .then_some(name)
}

/// The name of the section that a line begins.
fn header(line: &str) -> Option<&str> {
    directive(line).strip_prefix('[')?.strip_suffix(']')
}

/// A line without its comment, which a semicolon begins.
fn directive(line: &str) -> &str {
    line.split(';').next().unwrap_or_default().trim()
}

/// Windows does not distinguish the case of names.
fn is(name: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::DRIVERS;

    fn source() -> Source {
        Source::new("1.2.3", "0123abc", 951_782_400, "02/29/2000", true)
    }

    fn inf(package: &str) -> String {
        let workspace = Workspace::find().expect("this workspace");
        let text = text(&workspace, package, &source()).expect("an .inx");
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn an_inf_names_its_own_image_only() {
        for package in DRIVERS {
            let text = inf(package);
            assert_eq!(faults(&image(package), text.as_bytes()), [""; 0]);
            for other in DRIVERS.into_iter().filter(|other| *other != package) {
                let faults = faults(&image(other), text.as_bytes());
                assert_eq!(faults.len(), 3, "{package} as {other}");
            }
        }
    }

    #[test]
    fn all_drivers_can_be_installed_at_once() {
        let services = DRIVERS.map(|package| {
            let text = inf(package);
            let service = value(&text, "DefaultInstall.NTamd64.Services", "AddService");
            service.expect("a service").to_owned()
        });
        let wanted = ["Provider", "Client", "ProviderWdf", "ClientWdf"];
        assert_eq!(services, wanted.map(|name| format!("Echo{name},,Service")));
    }

    #[test]
    fn a_primitive_driver_has_what_windows_asks_of_one() {
        for package in DRIVERS {
            let text = inf(package);
            assert!(text.is_ascii());
            for key in ["Signature", "Class", "ClassGuid", "Provider"] {
                assert!(value(&text, "Version", key).is_some(), "{key}");
            }
            let version = value(&text, "Version", "DriverVer");
            assert_eq!(version, Some("02/29/2000,1.2.3.0"));
            let directory = value(&text, "DestinationDirs", "DefaultDestDir");
            assert_eq!(directory, Some("13"));
            for section in text.lines().filter_map(header) {
                assert!(!section.starts_with("Manufacturer"), "{section}");
                assert!(!section.starts_with("DefaultUninstall"), "{section}");
                assert_ne!(section, "DefaultInstall");
            }
            assert!(text.lines().all(|line| !line.ends_with(' ')));
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        }
    }

    #[test]
    fn a_driver_of_the_framework_names_the_framework() {
        for package in DRIVERS {
            let text = inf(package);
            let service = value(&text, "DefaultInstall.NTamd64.Wdf", "KmdfService");
            assert_eq!(service.is_some(), package.ends_with("-wdf"), "{package}");
            let version = value(&text, "Framework", "KmdfLibraryVersion");
            assert_eq!(version, service.map(|_| "1.15"));
        }
    }

    #[test]
    fn a_template_has_one_version_to_stamp() {
        let stamp = |text: &str| stamp(text, &source()).map(String::from_utf8);
        let text = stamp("[Version]\nDriverVer=\n[X.NT$ARCH$]\nDriverVer = 1\n");
        let text = text.expect("stamped").expect("text");
        let stamped =
            "[Version]\r\nDriverVer= 02/29/2000,1.2.3.0\r\n[X.NTamd64]\r\nDriverVer = 1\r\n";
        assert_eq!(text, stamped);
        let error = stamp("[Version]\n").expect_err("no version").to_string();
        assert_eq!(
            error,
            "its section Version has 0 lines DriverVer: write one"
        );
    }

    #[test]
    fn a_variable_without_a_value_is_a_fault() {
        let text = inf("client").replace("= 3 ; SERVICE", "= $START$ ; SERVICE");
        let faults = faults("client", text.as_bytes());
        assert_eq!(faults, ["its variable $START$ has no value"]);
    }

    #[test]
    fn a_service_has_a_section() {
        let text = inf("client").replace(",,Service", "");
        let faults = faults("client", text.as_bytes());
        let wanted = "its section DefaultInstall.NTamd64.Services lacks AddService = NAME,,SECTION";
        assert_eq!(faults, [wanted]);
    }

    #[test]
    fn a_semicolon_begins_a_comment() {
        let text = "[A]\r\nkey = 1 ; one\r\n; other = 2\r\n[B]\r\nkey = 3\r\n";
        assert_eq!(value(text, "a", "KEY"), Some("1"));
        assert_eq!(value(text, "A", "other"), None);
        assert_eq!(value(text, "B", "key"), Some("3"));
    }
}
