// SPDX-License-Identifier: MIT OR Apache-2.0

//! mingw-w64's headers through `bindgen`, against what Windows is known to do.

use bindgen::Builder;
use wdk_build::{ApiSubset, BuilderExt, Config};

/// Sizes on x64 Windows, from the WDK's headers.
const SIZES: [(&str, usize); 9] = [
    ("_DRIVER_OBJECT", 0x150),
    ("_DRIVER_EXTENSION", 0x28),
    ("_IRP", 0xd0),
    ("_IO_STACK_LOCATION", 0x48),
    ("_KEVENT", 24),
    ("_EX_RUNDOWN_REF", 8),
    ("_UNICODE_STRING", 16),
    ("_OBJECT_ATTRIBUTES", 48),
    ("_LIST_ENTRY", 16),
];

/// Exports of the kernel that mingw-w64 lacks or defines inline.
const ADDITIONS: [&str; 5] = [
    "pub fn EtwSetInformation(",
    "pub fn ExAllocatePool2(",
    "pub fn KeGetCurrentIrql() -> KIRQL",
    "pub fn KeLowerIrql(",
    "pub fn KfRaiseIrql(",
];

#[test]
fn the_bindings_are_those_of_windows() {
    let config = Config::new();
    let source = config
        .bindgen_header_contents([ApiSubset::Base])
        .expect("the base headers are there");
    let mut builder = Builder::wdk_default(&config)
        .expect("libclang and headers are there")
        .header_contents("base.h", &source)
        .allowlist_function("Etw.*|ExAllocatePool.*|K[ef].*Irql.*|memcpy");
    for (name, _) in SIZES {
        builder = builder.allowlist_type(name);
    }
    let bindings = builder.generate().expect("bindings").to_string();

    for (name, size) in SIZES {
        let assertion = format!("size_of::<{name}>() - {size}usize]");
        assert!(bindings.contains(&assertion), "{name} is not {size} bytes");
    }
    let unload = "offset_of!(_DRIVER_OBJECT, DriverUnload) - 104usize]";
    assert!(bindings.contains(unload), "DriverUnload is not at 0x68");
    for declaration in ADDITIONS {
        assert!(bindings.contains(declaration), "no {declaration}");
    }
    assert!(!bindings.contains("ExAllocatePoolWithTag("));
    assert!(!bindings.contains("inline_"));
}
