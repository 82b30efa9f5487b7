//! Where one partition's snapshots lie, and the plain operations there.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode};

use crate::address::Address;
use crate::error::SnapshotError;
use crate::manifest::{MAX_BYTES, Manifest, Name};

/// Whose snapshots. Another group folds by another strategy, and a topic that is made anew has another id: neither may ever find these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The consumer group.
    pub group: String,
    /// The input topic.
    pub topic: String,
    /// Its id; empty where the broker names none.
    pub topic_id: String,
    /// The partition.
    pub partition: i32,
}

/// Where they lie.
#[derive(Clone, Debug)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

/// A manifest that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// It is not to be used.
    pub is_set_aside: bool,
    /// When it was put there, by the store's own clock.
    pub put_at: DateTime<Utc>,
}

/// An object of `files/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) size: u64,
    /// By the store's own clock.
    pub(crate) put_at: DateTime<Utc>,
}

const FILES: &str = "files";
const MANIFESTS: &str = "manifests";
const UNNAMED: &str = "unnamed";

impl Place {
    /// The place of a partition's snapshots.
    pub fn new(address: &Address, owner: &Owner) -> Self {
        let topic_id = if owner.topic_id.is_empty() { UNNAMED } else { &owner.topic_id };
        let parts = [owner.group.as_str(), &owner.topic, topic_id, &owner.partition.to_string()];
        let root = parts.into_iter().fold(address.prefix.clone(), |path, part| path.join(part));
        Self { store: Arc::clone(&address.store), root }
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Where an object of a file is.
    pub(crate) fn file(&self, object: &str) -> Path {
        self.root.clone().join(FILES).join(object)
    }

    fn manifest(&self, name: &str) -> Path {
        self.root.clone().join(MANIFESTS).join(name)
    }

    /// The manifests, the newest first. What else lies there is left alone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self) -> Result<Vec<Listed>, SnapshotError> {
        let folder = self.root.clone().join(MANIFESTS);
        let found: Vec<_> =
            self.store.list(Some(&folder)).try_collect().await.map_err(SnapshotError::store("cannot list manifests"))?;
        let parse = |meta: &object_store::ObjectMeta| {
            let (name, is_set_aside) = Name::parse(meta.location.filename()?)?;
            Some(Listed { name, is_set_aside, put_at: meta.last_modified })
        };
        let mut listed: Vec<Listed> = found.iter().filter_map(parse).collect();
        listed.sort_unstable_by(|a, b| b.cmp(a));
        Ok(listed)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// When it cannot be read, is damaged or of another format.
    pub async fn read(&self, listed: &Listed) -> Result<Manifest, SnapshotError> {
        let name = if listed.is_set_aside { listed.name.set_aside() } else { listed.name.to_string() };
        let doing = || SnapshotError::store(format!("cannot give the manifest {name}"));
        let found = self.store.get(&self.manifest(&name)).await.map_err(doing())?;
        if found.meta.size > MAX_BYTES {
            let detail = format!("its manifest has {} bytes", found.meta.size);
            return Err(SnapshotError::Damaged { name, detail });
        }
        let bytes = found.bytes().await.map_err(doing())?;
        let manifest = Manifest::decode(&name, &bytes)?;
        if manifest.offset != listed.name.offset {
            let detail = format!("its manifest speaks of offset {}", manifest.offset);
            return Err(SnapshotError::Damaged { name, detail });
        }
        Ok(manifest)
    }

    /// The objects of files by their names.
    pub(crate) async fn objects(&self) -> Result<BTreeMap<String, Object>, SnapshotError> {
        let folder = self.root.clone().join(FILES);
        let found: Vec<_> =
            self.store.list(Some(&folder)).try_collect().await.map_err(SnapshotError::store("cannot list files"))?;
        let parse = |meta: object_store::ObjectMeta| {
            let name = meta.location.filename()?.to_owned();
            Some((name, Object { size: meta.size, put_at: meta.last_modified }))
        };
        Ok(found.into_iter().filter_map(parse).collect())
    }

    /// Puts a manifest; its name must be new.
    pub(crate) async fn put(&self, name: Name, manifest: &Manifest) -> Result<(), SnapshotError> {
        let bytes = serde_json::to_vec_pretty(manifest).unwrap_or_default(); // of texts and numbers: it cannot fail
        let put = self.store.put_opts(&self.manifest(&name.to_string()), bytes.into(), PutMode::Create.into()).await;
        put.map(drop).map_err(SnapshotError::store(format!("does not take the manifest {name}")))
    }

    /// Deletes a manifest; that it is gone already is as good.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn delete(&self, listed: &Listed) -> Result<(), SnapshotError> {
        let name = if listed.is_set_aside { listed.name.set_aside() } else { listed.name.to_string() };
        self.delete_at(&self.manifest(&name)).await
    }

    pub(crate) async fn delete_object(&self, object: &str) -> Result<(), SnapshotError> {
        self.delete_at(&self.file(object)).await
    }

    async fn delete_at(&self, path: &Path) -> Result<(), SnapshotError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(SnapshotError::Store { doing: format!("cannot delete {path}"), source }),
        }
    }

    /// Renames a manifest, so that nobody starts from it; its files stay.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn set_aside(&self, listed: &Listed) -> Result<(), SnapshotError> {
        let (from, to) = (self.manifest(&listed.name.to_string()), self.manifest(&listed.name.set_aside()));
        self.store.rename(&from, &to).await.map_err(SnapshotError::store(format!("cannot set {} aside", listed.name)))
    }
}

/// Everybody who has snapshots at an address.
pub(crate) async fn owners(address: &Address) -> Result<Vec<Owner>, SnapshotError> {
    let failed = || SnapshotError::store("cannot list folders");
    let mut folders = vec![address.prefix.clone()];
    // group, topic, topic id, partition
    for _ in 0..4 {
        let mut below = Vec::new();
        for folder in &folders {
            below.extend(address.store.list_with_delimiter(Some(folder)).await.map_err(failed())?.common_prefixes);
        }
        folders = below;
    }
    let parse = |folder: &Path| {
        let parts: Vec<String> = folder.prefix_match(&address.prefix)?.map(|part| decoded(part.as_ref())).collect();
        let [group, topic, topic_id, partition] = <[String; 4]>::try_from(parts).ok()?;
        let topic_id = if topic_id == UNNAMED { String::new() } else { topic_id };
        Some(Owner { group, topic, topic_id, partition: partition.parse().ok()? })
    };
    Ok(folders.iter().filter_map(parse).collect())
}

/// What a part of a path was before the client escaped what must not stand there.
fn decoded(part: &str) -> String {
    url::form_urlencoded::parse(format!("={}", part.replace('+', "%2B")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, text)| text.into_owned())
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.store, self.root)
    }
}
