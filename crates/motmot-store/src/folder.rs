//! Where a partition's store lies, and the folders beside it: `<topic>-<partition>` and, of the same name, `.snapshot` (one that is being
//! uploaded), `.restore` (one that is being fetched) and `.set-aside` (a store that was given up and not deleted).

use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// The store's folder of a topic's partition, below the folder of all stores.
pub fn of(dir: &Path, topic: &str, partition: i32) -> PathBuf {
    dir.join(format!("{topic}-{partition}"))
}

/// Where a snapshot of the store is made.
pub fn snapshot(store: &Path) -> PathBuf {
    beside(store, "snapshot")
}

/// Where a snapshot is put together that is to become the store.
pub fn restore(store: &Path) -> PathBuf {
    beside(store, "restore")
}

fn beside(store: &Path, what: &str) -> PathBuf {
    let mut name = store.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(what);
    store.with_file_name(name)
}

/// Moves a store away that is given up, and says whereto; none: there was none. Earlier ones of this partition are kept.
///
/// # Errors
/// When the system refuses.
pub fn set_aside(store: &Path) -> Result<Option<PathBuf>, StoreError> {
    if !store.exists() {
        return Ok(None);
    }
    let mut place = beside(store, "set-aside");
    for number in 2.. {
        if !place.exists() {
            break;
        }
        place = beside(store, &format!("set-aside-{number}"));
    }
    std::fs::rename(store, &place).map_err(|source| StoreError::Move { path: store.to_owned(), doing: "moved", source })?;
    sync_parent(store)?;
    Ok(Some(place))
}

/// As [`set_aside`], but an earlier one is deleted: what gives stores up by itself must not fill the disk with them.
///
/// # Errors
/// When the system refuses.
pub fn replace_set_aside(store: &Path) -> Result<Option<PathBuf>, StoreError> {
    if store.exists() {
        remove(&beside(store, "set-aside"))?;
    }
    set_aside(store)
}

/// Makes a complete folder the store. There must be none.
///
/// # Errors
/// When the system refuses.
pub fn put_in_place(complete: &Path, store: &Path) -> Result<(), StoreError> {
    std::fs::rename(complete, store).map_err(|source| StoreError::Move { path: complete.to_owned(), doing: "moved", source })?;
    sync_parent(store)
}

/// Removes a folder with all that is in it; none is as good.
///
/// # Errors
/// When the system refuses.
pub fn remove(folder: &Path) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Move { path: folder.to_owned(), doing: "removed", source: e })
        }
        _ => Ok(()),
    }
}

/// A rename lasts once the folder that has the names is on the disk.
fn sync_parent(store: &Path) -> Result<(), StoreError> {
    let parent = store.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = std::fs::File::open(parent).and_then(|parent| parent.sync_all());
    synced.map_err(|source| StoreError::Move { path: store.to_owned(), doing: "moved", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_kept_and_what_a_worker_sets_aside_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let store = of(dir.path(), "in.put", 3);
        assert_eq!(set_aside(&store).unwrap(), None);
        let make = |content: &str| {
            std::fs::create_dir(&store).unwrap();
            std::fs::write(store.join("file"), content).unwrap();
        };
        make("first");
        assert_eq!(set_aside(&store).unwrap(), Some(dir.path().join("in.put-3.set-aside")));
        make("second");
        assert_eq!(set_aside(&store).unwrap(), Some(dir.path().join("in.put-3.set-aside-2")));
        make("third");
        assert_eq!(replace_set_aside(&store).unwrap(), Some(dir.path().join("in.put-3.set-aside")));
        assert_eq!(replace_set_aside(&store).unwrap(), None, "nothing to move, nothing to delete");
        let content = |name: &str| std::fs::read_to_string(dir.path().join(name).join("file")).unwrap();
        assert_eq!((content("in.put-3.set-aside").as_str(), content("in.put-3.set-aside-2").as_str()), ("third", "second"));
        assert!(!store.exists());
    }
}
