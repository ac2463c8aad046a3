// SPDX-License-Identifier: MIT OR Apache-2.0

//! The process that owns a prefix, and the removal of prefixes whose owner has died.
//!
//! The owner holds a lock on a file in the prefix. A process that is ended by a signal
//! removes its prefixes first. If it is killed, the lock is free afterwards, and the next
//! process that makes a prefix in the same directory removes the orphan.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use anyhow::{Context, Result, ensure};
use child::interrupt::{self, interrupted};

/// The locked file; a prefix without it is kept.
const OWNER: &str = "owner";

/// A prefix that this process owns.
struct Owned {
    path: PathBuf,
    /// Removes it.
    remove: fn(&Path),
}

static OURS: Mutex<Vec<Owned>> = Mutex::new(Vec::new());

/// Makes this process the owner of the prefix at `path`, until the result is dropped;
/// `remove` removes the prefix.
pub(crate) fn own(path: &Path, remove: fn(&Path)) -> Result<Ownership> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| interrupt::clean_by(remove_all));
    let shown = path.display();
    let lock = || -> io::Result<File> {
        // Locked before it is renamed: the lock is never free.
        let new = path.join("owner.new");
        let file = File::create(&new)?;
        file.lock()?;
        fs::rename(&new, path.join(OWNER))?;
        Ok(file)
    };
    let lock = lock().with_context(|| format!("{shown} cannot be locked"))?;
    let path = path.to_owned();
    let mut ours = ours();
    ensure!(!interrupted(), "interrupted before a prefix was made");
    ours.push(Owned {
        path: path.clone(),
        remove,
    });
    drop(ours);
    Ok(Ownership { path, _lock: lock })
}

/// The ownership of a prefix.
#[derive(Debug)]
pub(crate) struct Ownership {
    path: PathBuf,
    _lock: File,
}

impl Ownership {
    fn forget(&self) {
        ours().retain(|owned| owned.path != self.path);
    }

    /// Gives up the ownership: no process removes the prefix.
    pub(crate) fn give_up(&self) -> io::Result<()> {
        self.forget();
        fs::remove_file(self.path.join(OWNER))
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        self.forget();
    }
}

fn ours() -> MutexGuard<'static, Vec<Owned>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The prefixes in `directory` whose owners have died.
pub(crate) fn orphans(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| is_orphan(path)).collect()
}

fn is_orphan(path: &Path) -> bool {
    File::open(path.join(OWNER)).is_ok_and(|file| file.try_lock().is_ok())
}

/// Removes the prefixes of this process, which ends their sessions.
fn remove_all() {
    // The lock is held meanwhile: no other prefix can be made.
    let ours = ours();
    for owned in ours.iter() {
        (owned.remove)(&owned.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_prefix_of_a_dead_owner_is_an_orphan() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = |name| {
            let path = directory.path().join(name);
            fs::create_dir(&path).expect("made");
            path
        };
        let [owned, kept, orphaned] = ["owned", "kept", "orphaned"].map(place);
        let remove: fn(&Path) = |_| {};
        let _owner = own(&owned, remove).expect("owned");
        own(&kept, remove)
            .expect("owned")
            .give_up()
            .expect("given up");
        // As if the process had died: the lock is released, the file stays.
        drop(own(&orphaned, remove).expect("owned"));
        assert_eq!(orphans(directory.path()), [orphaned]);
    }
}
