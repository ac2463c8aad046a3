// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compiles the version resource of the driver, and links the driver as `wdk-build` says.

use std::error::Error;

use winresource::{VersionInfo, WindowsResource};

/// `VFT_DRV`: the file is a driver.
const DRIVER: u64 = 3;
/// `VFT2_DRV_SYSTEM`: the driver is of no other kind that has a number.
const SYSTEM_DRIVER: u64 = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let package = env!("CARGO_PKG_NAME");
    let image = package.replace('-', "_") + ".sys";
    // The name without the role.
    let (product, _) = package.rsplit_once('-').unwrap_or((package, ""));
    // The versions are those of the package.
    WindowsResource::new()
        .set_version_info(VersionInfo::FILETYPE, DRIVER)
        .set_version_info(VersionInfo::FILESUBTYPE, SYSTEM_DRIVER)
        .set("FileDescription", env!("CARGO_PKG_DESCRIPTION"))
        .set("InternalName", &image)
        .set("OriginalFilename", &image)
        .set("ProductName", product)
        .compile()?;
    wdk_build::configure_wdk_binary_build()?;
    Ok(())
}
