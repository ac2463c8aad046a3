// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver model, as the workspace's manifests state it.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::config::DriverConfig;
use crate::error::ConfigError;

/// The variable that names the workspace's directory. Without it, the search starts above
/// `OUT_DIR`, which fails if the target directory is outside the workspace.
pub(crate) const ROOT: &str = "WDK_BUILD_ROOT";

/// The driver settings in the manifests of a workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    /// The workspace's manifest and those of its members.
    pub(crate) manifests: Vec<PathBuf>,
    /// Manifest and `driver-type` of each member that has one.
    driver_types: Vec<(PathBuf, String)>,
}

/// Reads the workspace around the running build script.
pub(crate) fn read_workspace() -> Result<Workspace, ConfigError> {
    println!("cargo::rerun-if-env-changed={ROOT}");
    let root = match env::var_os(ROOT) {
        Some(root) => PathBuf::from(root),
        None => find_root(&PathBuf::from(
            env::var_os("OUT_DIR").ok_or(ConfigError::Environment("OUT_DIR"))?,
        ))?,
    };
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()?;
    Ok(Workspace::of(&metadata))
}

/// The nearest directory above `out_dir` that looks like a workspace's root.
fn find_root(out_dir: &Path) -> Result<PathBuf, ConfigError> {
    out_dir
        .ancestors()
        .find(|directory| {
            directory.join("Cargo.lock").is_file() && directory.join("Cargo.toml").is_file()
        })
        .map(Path::to_path_buf)
        .ok_or_else(|| ConfigError::NoWorkspace {
            out_dir: out_dir.to_path_buf(),
        })
}

impl Workspace {
    fn of(metadata: &Metadata) -> Self {
        let root = metadata
            .workspace_root
            .join("Cargo.toml")
            .into_std_path_buf();
        let members = metadata
            .packages
            .iter()
            .map(|package| (package.manifest_path.as_std_path(), &package.metadata));
        let stated = std::iter::once((root.as_path(), &metadata.workspace_metadata))
            .chain(members)
            .filter_map(|(manifest, value)| {
                let kind = value.pointer("/wdk/driver-model/driver-type")?;
                let text = kind
                    .as_str()
                    .map_or_else(|| kind.to_string(), str::to_owned);
                Some((manifest.to_path_buf(), text))
            })
            .collect();
        let manifests: BTreeSet<_> = std::iter::once(root.clone())
            .chain(
                metadata
                    .packages
                    .iter()
                    .map(|package| package.manifest_path.clone().into_std_path_buf()),
            )
            .collect();
        Self {
            root,
            manifests: manifests.into_iter().collect(),
            driver_types: stated,
        }
    }

    /// The one driver model of the workspace.
    pub(crate) fn driver_model(&self) -> Result<DriverConfig, ConfigError> {
        let kinds: BTreeSet<_> = self.driver_types.iter().map(|(_, kind)| kind).collect();
        if kinds.len() > 1 {
            let kinds: Vec<_> = kinds.into_iter().map(String::as_str).collect();
            return Err(ConfigError::SeveralDriverModels(kinds.join(" and ")));
        }
        let Some((manifest, kind)) = self.driver_types.first() else {
            return Err(ConfigError::NoDriverModel {
                manifest: self.root.clone(),
            });
        };
        match kind.as_str() {
            "WDM" => Ok(DriverConfig::Wdm),
            "KMDF" => Err(ConfigError::NeedsWdk("KMDF")),
            "UMDF" => Err(ConfigError::NeedsWdk("UMDF")),
            _ => Err(ConfigError::UnknownDriverModel(
                kind.clone(),
                manifest.display().to_string(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::*;

    /// A workspace whose members have these driver types.
    fn workspace(workspace_metadata: &Value, members: &[Value]) -> Workspace {
        let packages: Vec<_> = members
            .iter()
            .enumerate()
            .map(|(index, metadata)| {
                json!({
                    "name": format!("driver{index}"), "version": "0.1.0",
                    "id": format!("driver{index}"), "dependencies": [], "targets": [],
                    "features": {}, "manifest_path": format!("/w/driver{index}/Cargo.toml"),
                    "metadata": metadata,
                })
            })
            .collect();
        let metadata = json!({
            "packages": packages, "workspace_members": [], "workspace_root": "/w",
            "target_directory": "/w/target", "version": 1, "resolve": null,
            "metadata": workspace_metadata,
        });
        Workspace::of(&serde_json::from_value(metadata).expect("cargo's format"))
    }

    fn model(kind: &str) -> Value {
        json!({ "wdk": { "driver-model": { "driver-type": kind } } })
    }

    #[test]
    fn drivers_that_agree_have_one_model() {
        let workspace = workspace(&Value::Null, &[model("WDM"), Value::Null, model("WDM")]);
        assert_eq!(workspace.driver_model().expect("one"), DriverConfig::Wdm);
        assert_eq!(workspace.manifests.len(), 4);
    }

    #[test]
    fn the_workspace_may_state_it() {
        let workspace = workspace(&model("WDM"), &[Value::Null]);
        assert_eq!(workspace.driver_model().expect("one"), DriverConfig::Wdm);
    }

    #[test]
    fn everything_else_is_an_error_with_a_remedy() {
        let message = |workspace: &Workspace| {
            workspace
                .driver_model()
                .expect_err("no usable model")
                .to_string()
        };
        let none = message(&workspace(&Value::Null, &[]));
        assert!(
            none.starts_with("no package of /w/Cargo.toml has"),
            "{none}"
        );
        let two = message(&workspace(&model("KMDF"), &[model("WDM")]));
        assert!(two.starts_with("the driver models KMDF and WDM"), "{two}");
        for framework in ["KMDF", "UMDF"] {
            let text = message(&workspace(&Value::Null, &[model(framework)]));
            assert!(text.contains("not supported off Windows"), "{text}");
        }
        let typo = message(&workspace(&Value::Null, &[model("WDMM")]));
        assert_eq!(
            typo,
            "driver-type WDMM in /w/driver0/Cargo.toml: write \"WDM\""
        );
    }

    #[test]
    fn the_root_has_both_files() {
        let root = tempfile::tempdir().expect("a directory");
        let out_dir = root.path().join("target/x/out");
        fs::create_dir_all(&out_dir).expect("made");
        fs::write(root.path().join("target/Cargo.lock"), "").expect("written");
        assert!(matches!(
            find_root(&out_dir),
            Err(ConfigError::NoWorkspace { .. })
        ));
        for file in ["Cargo.toml", "Cargo.lock"] {
            fs::write(root.path().join(file), "").expect("written");
        }
        assert_eq!(find_root(&out_dir).expect("found"), root.path());
    }
}
