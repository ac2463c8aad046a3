// SPDX-License-Identifier: MIT OR Apache-2.0

//! The INF of a driver, which is a primitive driver: one without a device.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/develop/creating-a-primitive-driver>
//!
//! # Design
//!
//! The install section names its architecture, the image stays in the driver store
//! (directory 13), and there is no uninstall section: Windows undoes the installation
//! by itself. The date is that of the commit.
//!
//! # Limits
//!
//! Not checked by `InfVerif`, which runs on Windows only.

use crate::workspace::image;

use super::source::Source;

/// The service name of a driver. WDM and KMDF drivers have different ones, so that all
/// four can be installed at once.
pub(super) fn service(package: &str) -> &'static str {
    match package {
        "provider" => "EchoProvider",
        "client" => "EchoClient",
        "provider-wdf" => "EchoProviderWdf",
        "client-wdf" => "EchoClientWdf",
        _ => unreachable!("{package} is no driver"),
    }
}

/// The INF of a driver's package.
pub(super) fn text(package: &str, source: &Source) -> Vec<u8> {
    let image = image(package);
    let service = service(package);
    let date = source.date();
    let version = source.version();
    let text = format!(
        "\
; {image}.sys, without a device: a primitive driver
; https://learn.microsoft.com/windows-hardware/drivers/develop/creating-a-primitive-driver

[Version]
Signature   = \"$WINDOWS NT$\"
Class       = System
ClassGuid   = {{4D36E97D-E325-11CE-BFC1-08002BE10318}}
Provider    = %Provider%
CatalogFile = {image}.cat
DriverVer   = {date},{version}.0
PnpLockdown = 1

[DestinationDirs]
DefaultDestDir = 13

[SourceDisksNames]
1 = %Disk%,,,\"\"

[SourceDisksFiles]
{image}.sys = 1

[DefaultInstall.NTamd64]
CopyFiles = Files

[Files]
{image}.sys

[DefaultInstall.NTamd64.Services]
AddService = {service},,Service

[Service]
DisplayName   = %Service%
ServiceType   = 1 ; SERVICE_KERNEL_DRIVER
StartType     = 3 ; SERVICE_DEMAND_START
ErrorControl  = 1 ; SERVICE_ERROR_NORMAL
ServiceBinary = %13%\\{image}.sys

[Strings]
Provider = \"NMR pair\"
Disk     = \"NMR pair\"
Service  = \"NMR pair: {service}\"
"
    );
    text.replace('\n', "\r\n").into_bytes()
}

/// The defects of a driver's INF.
pub(super) fn faults(package: &str, text: &[u8]) -> Vec<String> {
    let image = image(package);
    let text = String::from_utf8_lossy(text);
    let wanted = [
        ("SourceDisksFiles", format!("{image}.sys"), "1".to_owned()),
        (
            "DefaultInstall.NTamd64.Services",
            "AddService".to_owned(),
            format!("{},,Service", service(package)),
        ),
        (
            "Service",
            "ServiceBinary".to_owned(),
            format!(r"%13%\{image}.sys"),
        ),
        ("Version", "PnpLockdown".to_owned(), "1".to_owned()),
    ];
    wanted
        .into_iter()
        .filter(|(section, key, value)| self::value(&text, section, key) != Some(value.as_str()))
        .map(|(section, key, value)| format!("its section {section} lacks {key} = {value}"))
        .collect()
}

/// The value of `key` in `section`.
fn value<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let mut current = "";
    text.lines().find_map(|line| {
        // A semicolon begins a comment.
        let line = line.split(';').next()?.trim();
        if let Some(name) = line.strip_prefix('[') {
            current = name.trim_end_matches(']');
        }
        let (name, value) = line.split_once('=')?;
        let is_it = current.eq_ignore_ascii_case(section) && name.trim().eq_ignore_ascii_case(key);
        is_it.then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::DRIVERS;

    fn source() -> Source {
        Source::new("1.2.3", "0123abc", 951_782_400, "02/29/2000", true)
    }

    #[test]
    fn an_inf_names_its_own_image_and_service_only() {
        for package in DRIVERS {
            let text = text(package, &source());
            assert_eq!(faults(package, &text), [""; 0], "{package}");
            for other in DRIVERS.into_iter().filter(|other| *other != package) {
                assert_eq!(faults(other, &text).len(), 3, "{package} as {other}");
            }
        }
    }

    #[test]
    fn a_primitive_driver_has_what_windows_asks_of_one() {
        let text = text("provider", &source());
        let text = std::str::from_utf8(&text).expect("text");
        assert!(text.is_ascii());
        for key in ["Signature", "Class", "ClassGuid", "Provider", "CatalogFile"] {
            assert!(value(text, "Version", key).is_some(), "{key}");
        }
        let version = value(text, "Version", "DriverVer");
        assert_eq!(version, Some("02/29/2000,1.2.3.0"));
        assert_eq!(value(text, "DestinationDirs", "DefaultDestDir"), Some("13"));
        let sections = text.lines().filter(|line| line.starts_with('['));
        let sections = sections.map(|line| line.trim_matches(['[', ']']));
        for section in sections {
            assert!(!section.starts_with("Manufacturer"), "{section}");
            assert!(!section.starts_with("DefaultUninstall"), "{section}");
            assert_ne!(section, "DefaultInstall");
        }
        assert!(text.lines().all(|line| !line.ends_with(' ')));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }

    #[test]
    fn a_semicolon_begins_a_comment() {
        let text = "[A]\r\nkey = 1 ; one\r\n; other = 2\r\n[B]\r\nkey = 3\r\n";
        assert_eq!(value(text, "a", "KEY"), Some("1"));
        assert_eq!(value(text, "A", "other"), None);
        assert_eq!(value(text, "B", "key"), Some("3"));
    }
}
