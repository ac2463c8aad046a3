// SPDX-License-Identifier: MIT OR Apache-2.0

//! Forwards to the original all exports of the installed Wine that are not written here.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// The text before the name of an exported function.
const MARK: &str = "pub(crate) unsafe extern \"system\" fn ";
/// The prefix of functions that call the original of the same name.
const WRAPPER: &str = "Own";

fn main() -> Result<(), Box<dyn Error>> {
    let kernel = wine::installation()?.kernel();
    println!("cargo::rerun-if-changed={}", kernel.display());
    println!("cargo::rerun-if-changed=src");

    let own = own("src".as_ref())?;
    let exports = wine::exports(&kernel)?;
    let (wrappers, own): (Vec<_>, Vec<_>) = own.iter().partition(|name| name.starts_with(WRAPPER));
    let wrapped: Vec<_> = wrappers.iter().map(|name| &name[WRAPPER.len()..]).collect();
    let is_written = |name: &str| own.iter().any(|own| *own == name) || wrapped.contains(&name);
    let forwards = exports
        .iter()
        .filter(|name| !is_written(name))
        .map(|name| format!("/EXPORT:{name}={}.{name}", wine::ORIGINAL_KERNEL));
    let wrappers = wrapped
        .iter()
        .map(|name| format!("/EXPORT:{name}={WRAPPER}{name}"));
    let forwards: Vec<_> = forwards.chain(wrappers).collect();
    let response = Path::new(&env::var("OUT_DIR")?).join("forwards");
    fs::write(&response, forwards.join("\n"))?;
    println!("cargo::rustc-cdylib-link-arg=@{}", response.display());
    // Linked as a DLL: it imports not only from the kernel.
    for option in ["/NODEFAULTLIB", "/MANIFEST:NO", "/Brepro"] {
        println!("cargo::rustc-cdylib-link-arg={option}");
    }
    Ok(())
}

/// The functions that the files in `directory` export.
fn own(directory: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for file in fs::read_dir(directory)? {
        let text = fs::read_to_string(file?.path())?;
        let marked = text.split(MARK).skip(1);
        names.extend(marked.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
    }
    Ok(names)
}
