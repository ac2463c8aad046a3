// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver crates have the shape that `cargo wdk build` expects on Windows, which no
//! test here can run: each test is one convention of it.
//!
//! <https://github.com/microsoft/windows-drivers-rs/tree/main/crates/cargo-wdk>

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::root;

/// The drivers that are packaged.
const DRIVERS: [&str; 4] = ["provider", "client", "provider-wdf", "client-wdf"];

/// The workspace, as `cargo wdk build` reads it.
fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version=1"]);
    let output = cargo.current_dir(root()).output().expect("cargo runs");
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let Value::Array(packages) = metadata["packages"].take() else {
        panic!("no packages");
    };
    packages
}

/// The packages that it takes for drivers.
fn drivers() -> Vec<Value> {
    let is_driver = |package: &Value| !package["metadata"]["wdk"].is_null();
    packages().into_iter().filter(is_driver).collect()
}

/// The driver crates that are packaged.
fn packaged() -> Vec<Value> {
    let is_packaged = |package: &Value| DRIVERS.iter().any(|name| package["name"] == *name);
    let packaged: Vec<_> = drivers().into_iter().filter(is_packaged).collect();
    assert_eq!(packaged.len(), DRIVERS.len());
    packaged
}

fn manifest(package: &Value) -> &Path {
    Path::new(package["manifest_path"].as_str().expect("a path"))
}

/// A file of settings below the root.
fn settings(path: &str) -> Value {
    let text = fs::read_to_string(root().join(path)).expect("settings");
    toml::from_str(&text).expect("TOML")
}

#[test]
fn an_inx_with_the_name_of_the_image_is_beside_the_manifest() {
    for package in packaged() {
        let name = package["name"].as_str().expect("a name");
        let inx = manifest(&package).with_file_name(format!("{}.inx", name.replace('-', "_")));
        let text = fs::read_to_string(&inx).unwrap_or_else(|it| panic!("{}: {it}", inx.display()));
        assert!(text.contains("$ARCH$"), "{}", inx.display());
        assert!(text.lines().any(|line| line.starts_with("DriverVer")));
    }
}

#[test]
fn the_image_is_the_only_library_and_has_the_name_of_the_package() {
    for package in drivers() {
        let targets = package["targets"].as_array().expect("targets");
        let libraries = targets.iter().filter(|it| it["kind"][0] == "cdylib");
        let names: Vec<_> = libraries.map(|it| it["name"].as_str()).collect();
        let name = package["name"].as_str().expect("a name");
        assert_eq!(names, [Some(&*name.replace('-', "_"))]);
    }
}

#[test]
fn the_workspace_has_one_driver_model() {
    let drivers = drivers();
    let models = drivers
        .iter()
        .map(|it| it["metadata"]["wdk"].to_string())
        .collect::<BTreeSet<_>>();
    assert_eq!(models.len(), 1, "{models:?}");
}

#[test]
fn a_build_script_makes_the_version_resource_and_links_with_the_settings_of_wdk_build() {
    for package in drivers() {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let is_it = |it: &Value| it["kind"] == "build" && it["name"] == "wdk-build";
        assert!(dependencies.iter().any(is_it), "{}", package["name"]);
        let targets = package["targets"].as_array().expect("targets");
        let script = targets.iter().find(|it| it["kind"][0] == "custom-build");
        let script = script.and_then(|it| it["src_path"].as_str());
        let script = fs::read_to_string(script.expect("a build script")).expect("text");
        assert!(script.contains("wdk_build::configure_wdk_binary_build()"));
        assert!(script.contains("WindowsResource::new()"));
    }
}

#[test]
fn each_profile_aborts_on_a_panic() {
    let profiles = &settings("Cargo.toml")["profile"];
    for profile in ["dev", "release"] {
        assert_eq!(profiles[profile]["panic"], "abort", "{profile}");
    }
}

#[test]
fn the_c_runtime_is_static() {
    let targets = &settings(".cargo/config.toml")["target"];
    let flags = &targets[r#"cfg(all(windows, target_env = "msvc"))"#]["rustflags"];
    assert_eq!(flags[0], "-Ctarget-feature=+crt-static");
}
