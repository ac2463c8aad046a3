// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compiling and linking the modules of the zoo, defective or not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::catalogue::Module;
use crate::workspace::{Workspace, output};

/// Where the modules are made.
pub(crate) struct Workshop {
    root: PathBuf,
    built: PathBuf,
}

/// A module as it is, or as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Defective,
    Corrected,
}

impl Workshop {
    /// Makes the libraries that all modules are linked to.
    pub(crate) fn open(workspace: &Workspace) -> Result<Self> {
        let built = workspace.target().join("zoo");
        fs::create_dir_all(&built)
            .with_context(|| format!("{} cannot be made: free the path", built.display()))?;
        let workshop = Self {
            root: workspace.root().to_path_buf(),
            built,
        };
        for name in ["ntoskrnl", "netio"] {
            let mut tool = Command::new(driver_parts::dlltool()?);
            tool.args(["-m", "i386:x86-64", "-d"])
                .arg(workshop.root.join(format!("tests/zoo/{name}.def")))
                .arg("-l")
                .arg(workshop.library(name));
            output(&mut tool)?;
        }
        Ok(workshop)
    }

    fn library(&self, name: &str) -> PathBuf {
        self.built.join(name).with_extension("lib")
    }

    /// Makes the image of a module; its .pdb is beside it.
    pub(crate) fn make(&self, module: &Module, variant: Variant) -> Result<PathBuf> {
        let name = match variant {
            Variant::Defective => module.name().to_owned(),
            Variant::Corrected => format!("{}-twin", module.name()),
        };
        let image = self.built.join(&name).with_extension("sys");
        let mut linker = Command::new(driver_parts::linker()?);
        linker
            .args(["/nologo", "/driver", "/nodefaultlib", "/subsystem:native"])
            .args(["/entry:DriverEntry", "/nxcompat", "/dynamicbase", "/debug"])
            .arg("/pdbaltpath:%_PDB%")
            .arg(format!("/out:{}", image.display()));
        let sources = [
            "base/common".to_owned(),
            format!("base/{}", module.role.name()),
            format!("modules/{}", module.name()),
        ];
        for (index, source) in sources.iter().enumerate() {
            let object = self.built.join(format!("{name}.{index}.obj"));
            self.compile(source, module, variant, &object)?;
            linker.arg(object);
        }
        linker
            .arg(self.library("ntoskrnl"))
            .arg(self.library("netio"));
        output(&mut linker)?;
        Ok(image)
    }

    fn compile(
        &self,
        source: &str,
        module: &Module,
        variant: Variant,
        object: &Path,
    ) -> Result<()> {
        let mut clang = Command::new("clang");
        clang
            .current_dir(&self.root)
            .args(["--target=x86_64-pc-windows-msvc", "-ffreestanding"])
            // Functions stay what they are in the source: findings name them.
            .args(["-O1", "-fno-inline", "-fno-optimize-sibling-calls"])
            .args([
                "-g",
                "-gcodeview",
                "-fdebug-compilation-dir=.",
                "-funwind-tables",
            ])
            .args(["-Wall", "-Werror", "-Wno-unused", "-Itests/zoo/include"])
            .arg(format!("-D{}", module.role.name().to_uppercase()))
            .args((variant == Variant::Defective).then_some("-DDEFECT"))
            .arg("-c")
            .arg(format!("tests/zoo/{source}.c"))
            .arg("-o")
            .arg(object);
        output(&mut clang).map(drop)
    }
}
