// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compiles the driver's version resource, and has `wdk-build` configure the link.

use std::error::Error;

use winresource::{VersionInfo, WindowsResource};

/// `VFT_DRV`: the file is a driver.
const DRIVER: u64 = 3;
/// `VFT2_DRV_SYSTEM`: a system driver that is not of a more specific type.
const SYSTEM_DRIVER: u64 = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let image = env!("CARGO_PKG_NAME").replace('-', "_") + ".sys";
    // The versions are those of the package.
    WindowsResource::new()
        .set_version_info(VersionInfo::FILETYPE, DRIVER)
        .set_version_info(VersionInfo::FILESUBTYPE, SYSTEM_DRIVER)
        .set("FileDescription", env!("CARGO_PKG_DESCRIPTION"))
        .set("InternalName", &image)
        .set("OriginalFilename", &image)
        .set("ProductName", "NMR pair")
        .set("CompanyName", "NMR pair")
        .set("LegalCopyright", "Copyright (c) 2026 the contributors")
        .compile()?;
    wdk_build::configure_wdk_binary_build()?;
    Ok(())
}
