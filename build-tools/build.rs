// SPDX-License-Identifier: MIT OR Apache-2.0

//! Collects the source trees that the program carries: the packages that drivers in other
//! workspaces are built with. Their manifests are made independent of this workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::{env, error, io};

use toml::{Table, Value};

/// The trees: the name of each package's directory, and where it is in this workspace.
const TREES: [(&str, &str); 6] = [
    ("wdk-build", "build-tools/wdk-build"),
    ("prerequisites", "build-tools/prerequisites"),
    ("nmr", "shared-npi/nmr"),
    ("wdm", "shared-npi/wdm"),
    ("kmdf", "shared-npi/kmdf"),
    ("nmr-test", "build-tools/nmr-test"),
];

/// What of a manifest is for this workspace only.
const LEFT_OUT: [&str; 5] = ["dev-dependencies", "lints", "test", "bench", "example"];

type Result<T> = std::result::Result<T, Box<dyn error::Error>>;

fn main() -> Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("..");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../Cargo.toml");
    let workspace: Table = fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let workspace = &workspace["workspace"];
    let mut list = String::from("[\n");
    for (name, path) in TREES {
        let tree = root.join(path);
        println!("cargo::rerun-if-changed={}", tree.display());
        let manifest: Table = fs::read_to_string(tree.join("Cargo.toml"))?.parse()?;
        let manifest = toml::to_string(&independent(manifest, workspace)?)?;
        list += &format!("({:?}, {manifest:?}),\n", format!("{name}/Cargo.toml"));
        let mut files = Vec::new();
        collect(&tree.join("src"), &mut files)?;
        files.extend(["build.rs", "README.md"].map(|file| tree.join(file)));
        files.retain(|file| file.is_file());
        files.sort();
        for file in files {
            let inside = file.strip_prefix(&tree)?.display();
            let file = file.canonicalize()?;
            list += &format!(
                "({:?}, include_str!({file:?})),\n",
                format!("{name}/{inside}")
            );
        }
    }
    let out = Path::new(&env::var("OUT_DIR")?).join("carried.rs");
    fs::write(out, list + "]\n")?;
    Ok(())
}

/// Adds the files below `directory`.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// A manifest with the values that it has from the workspace.
fn independent(mut manifest: Table, workspace: &Value) -> Result<Table> {
    for key in LEFT_OUT {
        manifest.remove(key);
    }
    if let Some(package) = manifest.get_mut("package").and_then(Value::as_table_mut) {
        for (key, value) in package.iter_mut() {
            if is_inherited(value) {
                *value = workspace["package"][key].clone();
            }
        }
    }
    dependencies(&mut manifest, workspace)?;
    let targets = manifest.get_mut("target").and_then(Value::as_table_mut);
    for (_, target) in targets.into_iter().flatten() {
        let target = target.as_table_mut().ok_or("a target is a table")?;
        target.remove("dev-dependencies");
        dependencies(target, workspace)?;
    }
    // The names of conditions that a compiler does not know by itself.
    let known = workspace["lints"]["rust"]["unexpected_cfgs"].clone();
    let rust = Table::from_iter([("unexpected_cfgs".to_owned(), known)]);
    let lints = Table::from_iter([("rust".to_owned(), Value::Table(rust))]);
    manifest.insert("lints".to_owned(), Value::Table(lints));
    Ok(manifest)
}

/// Gives each dependency its version; a package of this workspace is in the tree beside.
fn dependencies(table: &mut Table, workspace: &Value) -> Result<()> {
    for kind in ["dependencies", "build-dependencies"] {
        let Some(dependencies) = table.get_mut(kind).and_then(Value::as_table_mut) else {
            continue;
        };
        for (name, dependency) in dependencies.iter_mut() {
            if !is_inherited(dependency) {
                continue;
            }
            let mut whole = match &workspace["dependencies"][name] {
                Value::String(version) => {
                    Table::from_iter([("version".to_owned(), version.as_str().into())])
                }
                Value::Table(table) => table.clone(),
                _ => return Err(format!("{name} has no version").into()),
            };
            if let Some(path) = whole.get("path").and_then(Value::as_str) {
                let beside = TREES.iter().find(|(_, tree)| *tree == path);
                let (beside, _) = beside.ok_or_else(|| format!("{name} is not carried"))?;
                whole.insert("path".to_owned(), format!("../{beside}").into());
            }
            for (key, value) in dependency.as_table().into_iter().flatten() {
                match (key.as_str(), whole.get_mut("features"), value) {
                    ("workspace", ..) => {}
                    ("features", Some(Value::Array(all)), Value::Array(more)) => {
                        all.extend(more.iter().cloned());
                    }
                    _ => {
                        whole.insert(key.clone(), value.clone());
                    }
                }
            }
            *dependency = Value::Table(whole);
        }
    }
    Ok(())
}

/// Returns `true` for `{ workspace = true }`.
fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}
