// SPDX-License-Identifier: MIT OR Apache-2.0

//! The description of a driver image: the data in its file, and the behaviour of the driver
//! when it is loaded and unloaded alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::instance::Role;
use crate::ntstatus::NtStatus;
use crate::report::{Finding, MissingImports, Place, Verdict};

/// The description of a driver image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The file's name without its directory.
    pub name: String,
    /// What the file says.
    #[serde(flatten)]
    pub image: ImageFacts,
    /// What the driver did when it was loaded and unloaded alone.
    pub dry_run: DryRun,
}

/// What the file of an image says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The file's bytes.
    pub file_size: usize,
    /// The bytes that it takes in memory.
    pub size_of_image: u32,
    /// The address that it was linked for.
    pub image_base: u64,
    /// The entry point, relative to the base.
    pub entry_point: u32,
    /// The security properties that its headers claim, such as `NX_COMPAT`.
    pub characteristics: Vec<String>,
    /// The file of its debug information, as the linker wrote it down.
    pub pdb: Option<String>,
    /// Names of functions and lines are known.
    pub has_symbols: bool,
    /// Its sections, in ascending order.
    pub sections: Vec<SectionFacts>,
    /// The imports that the simulated kernel provides, by exporter.
    pub imports: BTreeMap<String, Vec<String>>,
    /// Those that it does not provide.
    pub missing_imports: MissingImports,
    /// The names that it exports itself.
    pub exports: Vec<String>,
}

/// A section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent properties"
)]
pub struct SectionFacts {
    /// Its name.
    pub name: String,
    /// Its address, relative to the base.
    pub address: u32,
    /// Its size in memory.
    pub size: u32,
    /// It may be read.
    pub readable: bool,
    /// It may be written.
    pub writable: bool,
    /// It may be executed.
    pub executable: bool,
    /// It may be paged out.
    pub pageable: bool,
    /// It is discarded once `DriverEntry` has succeeded.
    pub discardable: bool,
}

/// What a driver does when it is loaded and unloaded alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// The result of `DriverEntry`, if it returned.
    pub entry: Option<NtStatus>,
    /// The version of KMDF that it was bound to; none for a WDM driver.
    pub kmdf: Option<String>,
    /// Its registrations with NMR, in their order.
    pub registered: Vec<Registered>,
    /// The names of its devices; empty for one without a name.
    pub devices: Vec<String>,
    /// Its symbolic links, each with its target.
    pub links: Vec<(String, String)>,
    /// What became of its unload.
    pub unload: Unload,
    /// What ended the dry run early, if anything did.
    pub verdict: Option<Verdict>,
    /// What is worth telling but no failure.
    pub notes: Vec<Finding>,
}

/// What became of the unload of a dry run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unload {
    /// It was not tried, because `DriverEntry` failed or did not return.
    #[default]
    NotTried,
    /// The driver has no `DriverUnload`.
    NoRoutine,
    /// It did not return.
    DidNotReturn,
    /// It returned, and was not as it must be: the verdict says what is wrong.
    Unclean,
    /// It left nothing behind.
    Clean,
}

/// A registration with NMR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The role in the NPI.
    pub role: Role,
    /// The result of the registration.
    pub status: NtStatus,
    /// The NPI's identifier.
    pub npi: String,
    /// Its name, if it is one that is described.
    pub npi_name: Option<String>,
    /// The module's identifier, if there is one.
    pub module_id: Option<String>,
    /// The implementation's number.
    pub number: u32,
    /// `Version` and `Length` of the characteristics.
    pub version: u16,
    /// See `version`.
    pub length: u16,
    /// `Version` and `Size` of the registration instance in them.
    pub instance_version: u16,
    /// See `instance_version`.
    pub instance_size: u16,
    /// There are characteristics that the NPI defines.
    pub npi_specific: bool,
    /// The callbacks that are there.
    pub callbacks: Vec<Callback>,
    /// The function and line that registers, if symbols are available.
    pub place: Option<Place>,
}

/// A callback of a registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The field that holds it.
    pub field: String,
    /// The offset of its code in the image, if it is there.
    pub offset: Option<u32>,
    /// Its function, if symbols are available.
    pub place: Option<Place>,
}
