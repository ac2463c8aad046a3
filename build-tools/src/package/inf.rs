// SPDX-License-Identifier: MIT OR Apache-2.0

//! The INF of a driver, as that of a primitive driver: one that comes without a
//! device.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/develop/creating-a-primitive-driver>
//!
//! # Design
//!
//! The install section names its architecture, the image stays in the driver
//! store (directory 13), and there is no section to uninstall: Windows undoes by
//! itself what it did. The date is that of the commit.
//!
//! # Limits
//!
//! Not seen by `InfVerif`, which is on Windows only.

use crate::workspace::image;

use super::source::Source;

/// The service of a driver's package: that of its README, and another one for the
/// framework's drivers, so that all four can be installed at once.
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
