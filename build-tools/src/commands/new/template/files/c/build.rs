// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compiles the driver in C and its version resource, and links them as `wdk-build` says.

use std::error::Error;

use winresource::{VersionInfo, WindowsResource};

/// `VFT_DRV`: the file is a driver.
const DRIVER: u64 = 3;
/// `VFT2_DRV_SYSTEM`: the driver is of no other kind that has a number.
const SYSTEM_DRIVER: u64 = 7;

/// The sources of the driver.
const SOURCES: [&str; 1] = ["src/@ROLE@.c"];
/// The directory of the header of the NPI.
const INCLUDE: &str = "../npi/include";

fn main() -> Result<(), Box<dyn Error>> {
    compile()?;
    // The Network Module Registrar.
    println!("cargo::rustc-cdylib-link-arg=netio.lib");

    let image = env!("CARGO_PKG_NAME").replace('-', "_") + ".sys";
    // The versions are those of the package.
    WindowsResource::new()
        .set_version_info(VersionInfo::FILETYPE, DRIVER)
        .set_version_info(VersionInfo::FILESUBTYPE, SYSTEM_DRIVER)
        .set("FileDescription", env!("CARGO_PKG_DESCRIPTION"))
        .set("InternalName", &image)
        .set("OriginalFilename", &image)
        .set("ProductName", "KeyValue")
        .compile()?;
    wdk_build::configure_wdk_binary_build()?;
    Ok(())
}

/// Compiles the sources, and links what comes of them.
fn compile() -> Result<(), Box<dyn Error>> {
    let mut compiler = cc::Build::new();
    compiler
        .files(SOURCES)
        .include(INCLUDE)
        .define("_AMD64_", None)
        .define("_KERNEL_MODE", None);
    for file in SOURCES.iter().chain([&INCLUDE]) {
        println!("cargo::rerun-if-changed={file}");
    }
    if cfg!(windows) {
        for directory in wdk_build::Config::from_env_auto()?.include_paths()? {
            compiler.include(directory);
        }
        compiler.flag("/kernel").flag("/W4").flag("/WX");
    } else {
        // What the driver needs of the Windows Driver Kit.
        compiler.include("../vendor/wdk-headers");
        compiler.compiler("clang").no_default_flags(true);
        compiler.flag("--target=x86_64-pc-windows-msvc");
        // Findings name functions of the source: none is inlined.
        for flag in [
            "-ffreestanding",
            "-O1",
            "-fno-inline",
            "-fno-optimize-sibling-calls",
            "-g",
            "-gcodeview",
            "-funwind-tables",
            "-Wall",
            "-Wextra",
            "-Werror",
            // Pool tags are characters.
            "-Wno-multichar",
        ] {
            compiler.flag(flag);
        }
    }
    for object in compiler.try_compile_intermediates()? {
        println!("cargo::rustc-cdylib-link-arg={}", object.display());
    }
    Ok(())
}
