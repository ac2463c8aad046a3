// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whose a prefix is, and what becomes of it when its owner ends before its time.
//!
//! The owner holds a lock on a file in it. A signal that ends a process makes it
//! remove its prefixes first; what nothing could stop leaves a prefix whose lock
//! is free, and whoever makes the next one beside it removes it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::{io, process};

use anyhow::{Context, Result};

/// The file that is locked; a prefix without it is to stay.
const OWNER: &str = "owner";

/// A prefix that this process has.
struct Owned {
    path: PathBuf,
    /// Takes it away.
    remove: fn(&Path),
}

static OURS: Mutex<Vec<Owned>> = Mutex::new(Vec::new());

/// Makes the prefix at `path` this process's own, until what is returned is
/// dropped; `remove` takes it away.
pub(crate) fn own(path: &Path, remove: fn(&Path)) -> Result<Ownership> {
    on_signals();
    let shown = path.display();
    let lock = || -> io::Result<File> {
        // Locked before it has its name: there is no moment at which it is free.
        let new = path.join("owner.new");
        let file = File::create(&new)?;
        file.lock()?;
        fs::rename(&new, path.join(OWNER))?;
        Ok(file)
    };
    let lock = lock().with_context(|| format!("{shown} cannot be locked"))?;
    let path = path.to_owned();
    ours().push(Owned {
        path: path.clone(),
        remove,
    });
    Ok(Ownership { path, _lock: lock })
}

/// A prefix is this process's.
#[derive(Debug)]
pub(crate) struct Ownership {
    path: PathBuf,
    _lock: File,
}

impl Ownership {
    fn forget(&self) {
        ours().retain(|owned| owned.path != self.path);
    }

    /// Gives it up for good: nobody is to remove it.
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

/// The prefixes in `directory` whose owners are no more.
pub(crate) fn orphans(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| is_orphan(path)).collect()
}

fn is_orphan(path: &Path) -> bool {
    File::open(path.join(OWNER)).is_ok_and(|file| file.try_lock().is_ok())
}

/// From now on a signal that ends this process removes its prefixes.
fn on_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let end = || {
            // The lock is kept: nobody makes another one.
            let ours = ours();
            for owned in ours.iter() {
                (owned.remove)(&owned.path);
            }
            process::exit(INTERRUPTED);
        };
        // Where someone else listens already, prefixes are left to the next run.
        let _ = ctrlc::set_handler(end);
    });
}

/// What shells say of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_owns_any_more_is_an_orphan() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = |name: &str| {
            let path = directory.path().join(name);
            fs::create_dir(&path).expect("made");
            path
        };
        let (owned, kept, left) = (place("owned"), place("kept"), place("left"));
        let remove: fn(&Path) = |_| {};
        let _owner = own(&owned, remove).expect("owned");
        own(&kept, remove)
            .expect("owned")
            .give_up()
            .expect("given up");
        // As if the process had died: the lock goes, the file stays.
        drop(own(&left, remove).expect("owned"));
        assert_eq!(orphans(directory.path()), [left]);
    }
}
