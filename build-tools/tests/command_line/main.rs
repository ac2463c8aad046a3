// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line: help, misuse, and commands that need no build. Full runs are
//! trials of `cargo xtask test`.

#[cfg(unix)]
mod builds;
mod elsewhere;
mod explain;
mod general;
mod header;
mod output_files;
mod package;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod peers;
mod replay;
mod shards;
mod shell;
mod stress;
mod vm;
mod workspace;
mod xtask;
mod zoo;
