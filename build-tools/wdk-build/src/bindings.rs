// SPDX-License-Identifier: MIT OR Apache-2.0

//! The `bindgen` settings for mingw-w64's driver headers.
//!
//! With the target `windows-gnu`, types have the ABI of Windows, and mingw-w64's headers
//! need no changes. `additions.h` declares what they lack or define inline.

use std::borrow::Borrow;
use std::fmt::Debug;
use std::path::PathBuf;

use bindgen::{Builder, EnumVariation, Formatter, RustEdition, RustTarget};
use driver_prerequisites::Missing;

use crate::config::{ApiSubset, Config};
use crate::error::ConfigError;

/// The newest Windows 10 that mingw-w64 knows; its default is an old version.
pub(crate) const DEFINITIONS: [(&str, Option<&str>); 6] = [
    ("_WIN64", None),
    ("_AMD64_", None),
    ("AMD64", None),
    ("_KERNEL_MODE", None),
    ("_WIN32_WINNT", Some("0x0A00")),
    ("NTDDI_VERSION", Some("0x0A000000")),
];

/// Exports of `ntoskrnl.exe` that are inline functions in mingw-w64: the inline functions
/// get another name, so that `additions.h` can declare the exports.
const INLINE_EXPORTS: [&str; 3] = ["KeGetCurrentIrql", "KeLowerIrql", "KfRaiseIrql"];

const ADDITIONS: &str = include_str!("additions.h");

/// Excluded items: functions that allocate executable memory, deprecated names, and items
/// that `bindgen` translates wrongly.
const BLOCKED: [&str; 7] = [
    "ExAllocatePool",
    "ExAllocatePoolWithTag",
    "ExAllocatePoolWithQuotaTag",
    "ExAllocatePoolWithTagPriority",
    "USBD_.*",
    "IOCTL_USB_.*",
    // An intrinsic's operand, with no layout.
    ".*tile1024i.*",
];

/// Starts a [`Builder`] for driver headers.
pub trait BuilderExt {
    /// A builder with the settings that `wdk-sys` relies on.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], if libclang or mingw-w64's headers are missing.
    fn wdk_default(config: impl Borrow<Config> + Debug) -> Result<Builder, ConfigError>;
}

impl BuilderExt for Builder {
    fn wdk_default(config: impl Borrow<Config> + Debug) -> Result<Builder, ConfigError> {
        let config = config.borrow();
        let includes = config
            .include_paths()?
            .map(|path| format!("-I{}", path.display()));
        let definitions = config
            .preprocessor_definitions()
            .map(|(name, value)| value.map_or(format!("-D{name}"), |it| format!("-D{name}={it}")));
        let rust =
            RustTarget::stable(91, 0).map_err(|error| ConfigError::Bindgen(error.to_string()))?;
        let mut builder = Builder::default()
            .use_core()
            .derive_default(true)
            .generate_cstr(true)
            .detect_include_paths(false)
            .rust_target(rust)
            .rust_edition(RustEdition::Edition2024)
            // With builtins, memcpy and its like would take u64 for usize.
            .clang_args([
                "--target=x86_64-w64-windows-gnu",
                "-fms-extensions",
                "-fno-builtin",
            ])
            .clang_args(includes)
            .clang_args(definitions)
            .must_use_type("NTSTATUS")
            .must_use_type("HRESULT")
            .default_enum_style(EnumVariation::ModuleConsts)
            .opaque_type("_KGDTENTRY64")
            .opaque_type("_KIDTENTRY64")
            .no_default("tagMONITORINFOEXA")
            .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
            .formatter(Formatter::Prettyplease);
        for item in BLOCKED {
            builder = builder.blocklist_item(item);
        }
        Ok(builder)
    }
}

/// The directories of the headers; the compiler's own come first.
pub(crate) fn include_paths() -> Result<Vec<PathBuf>, Missing> {
    let clang = driver_prerequisites::clang()?;
    let mingw = driver_prerequisites::headers()?;
    Ok(vec![clang.headers, mingw.join("ddk"), mingw])
}

/// The headers of `subset`, in the order in which they must be included.
pub(crate) fn headers(subset: ApiSubset) -> Result<&'static [&'static str], ConfigError> {
    match subset {
        ApiSubset::Base => Ok(&["ntifs.h", "ntddk.h", "ntstrsafe.h"]),
        ApiSubset::Wdf => Ok(&[]),
        other => Err(ConfigError::NoHeaders(other)),
    }
}

/// The C source that includes the headers of `subsets`.
pub(crate) fn header_contents(
    subsets: impl IntoIterator<Item = ApiSubset>,
) -> Result<String, ConfigError> {
    let mut lines = Vec::new();
    lines.extend(INLINE_EXPORTS.map(|name| format!("#define {name} inline_{name}")));
    for subset in subsets {
        let headers = headers(subset)?.iter();
        lines.extend(headers.map(|header| format!("#include \"{header}\"")));
    }
    lines.extend(INLINE_EXPORTS.map(|name| format!("#undef {name}")));
    lines.push(ADDITIONS.to_owned());
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wdm_driver_has_the_base_headers() {
        let source = header_contents([ApiSubset::Base, ApiSubset::Wdf]).expect("known");
        let at = |text: &str| source.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(at("#include \"ntifs.h\"") < at("#include \"ntddk.h\""));
        assert!(at("#define KeGetCurrentIrql ") < at("#include \"ntifs.h\""));
        assert!(at("#undef KeGetCurrentIrql") < at("KIRQL KeGetCurrentIrql(VOID);"));
        assert!(at("#include \"ntstrsafe.h\"") < at("ExAllocatePool2("));
    }

    #[test]
    fn other_subsets_need_a_wdk() {
        for subset in [ApiSubset::Hid, ApiSubset::Usb] {
            let error = header_contents([ApiSubset::Base, subset]).expect_err("no headers");
            let text = error.to_string();
            assert!(text.contains("not available off Windows"), "{text}");
        }
    }

    #[test]
    fn every_inline_export_is_declared_again() {
        for name in INLINE_EXPORTS {
            assert!(ADDITIONS.contains(&format!(" {name}(")), "{name}");
        }
    }
}
