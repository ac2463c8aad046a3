// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compiles and links modules, with or without their defect.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::catalogue::{Recipe, Role};
use crate::building::{c_driver, interop};
use crate::workspace::Workspace;

/// The libraries that modules import from, each described by a .def in `tests/zoo`.
const LIBRARIES: [&str; 5] = ["ntoskrnl", "netio", "wdfldr", "fwpkclnt", "ndis"];

/// The directory in which modules are built.
pub(crate) struct Workshop {
    root: PathBuf,
    built: PathBuf,
}

impl Workshop {
    /// Builds what all modules are linked to: import libraries and bases.
    pub(crate) fn open(workspace: &Workspace) -> Result<Self> {
        let built = workspace.target().join("zoo");
        fs::create_dir_all(&built)
            .with_context(|| format!("{} cannot be made: free the path", built.display()))?;
        let workshop = Self {
            root: workspace.root().to_path_buf(),
            built,
        };
        for name in LIBRARIES {
            let definition = workshop.root.join(c_driver::definition(name));
            c_driver::import_library(&definition, &workshop.library(name))?;
        }
        for [description, header] in [[interop::DESCRIPTION, interop::HEADER], interop::TELEMETRY] {
            let description = workshop.root.join(description);
            c_driver::write_header(&description, &workshop.built.join(header))?;
        }
        for role in [Role::Provider, Role::Client] {
            for (source, object) in workshop.base(role) {
                workshop.compile(&source, role, false, &object)?;
            }
        }
        Ok(workshop)
    }

    /// The sources that all modules of a role share, and their object files.
    fn base(&self, role: Role) -> [(String, PathBuf); 2] {
        ["common", role.name()].map(|name| {
            let object = format!("base.{}.{name}.obj", role.name());
            (format!("base/{name}"), self.built.join(object))
        })
    }

    fn library(&self, name: &str) -> PathBuf {
        self.built.join(name).with_extension("lib")
    }

    /// Builds an image, with its .pdb beside it.
    pub(crate) fn make(&self, recipe: &Recipe) -> Result<PathBuf> {
        let name = &recipe.name;
        let image = self.built.join(name).with_extension("sys");
        let own = self.built.join(name).with_extension("obj");
        self.compile(&recipe.source, recipe.role, recipe.defective, &own)?;
        let mut objects = self.base(recipe.role).map(|(_, object)| object).to_vec();
        objects.push(own);
        let libraries = LIBRARIES.map(|name| self.library(name));
        c_driver::link(&objects, &libraries, &image)?;
        Ok(image)
    }

    fn compile(&self, source: &str, role: Role, defective: bool, object: &Path) -> Result<()> {
        let mut options = vec![
            "-Wno-unused".to_owned(),
            "-Itests/zoo/include".to_owned(),
            format!("-I{}", c_driver::HEADERS),
            format!("-I{}", self.built.display()),
            format!("-D{}", role.name().to_uppercase()),
        ];
        options.extend(defective.then(|| "-DDEFECT".to_owned()));
        let source = format!("tests/zoo/{source}.c");
        c_driver::compile(&self.root, &source, &options, object)
    }
}
