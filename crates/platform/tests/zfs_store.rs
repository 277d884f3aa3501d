//! The zfs store on real pools, each on a file of its own. Needs root; on Linux also zfs-fuse.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use ioc_model::name::{DatasetName, SnapshotName};
use ioc_platform::command::Door;
use ioc_platform::store::{
    ACTIVE_PROPERTY, CopyOrder, NewDataset, PoolHealth, Pools, Store, StoreError, Streams, ZfsStore,
};
use ioc_testkit::zfs_pool::TestPool;

struct Bench {
    pool: TestPool,
    store: ZfsStore,
    door: Door,
}

impl Bench {
    fn new() -> Self {
        let door = Door::new();
        Bench { pool: TestPool::new(), store: ZfsStore::new(Arc::new(door.clone())), door }
    }

    fn name(&self, below: &str) -> DatasetName {
        format!("{}{below}", self.pool.name()).parse().unwrap()
    }

    fn at(&self, below: &str, tag: &str) -> SnapshotName {
        self.name(below).at(tag.parse().unwrap())
    }

    fn make(&self, below: &str) -> PathBuf {
        self.store.create(&self.name(below), &NewDataset::default()).unwrap();
        self.pool.mounted_at().join(below.trim_start_matches('/'))
    }
}

#[test]
fn datasets() {
    let bench = Bench::new();
    let Bench { store, .. } = &bench;
    let web = bench.make("/web");
    bench.make("/web/root");
    bench.make("/web/with space");
    let tree = store.tree(&bench.name("/web"), usize::MAX, &["org.freebsd.ioc:a"]).unwrap();
    assert_eq!(tree.len(), 3);
    assert_eq!(tree[&bench.name("/web/with space")].mounted_at, Some(web.join("with space")));
    assert_eq!(store.tree(&bench.name(""), 1, &[]).unwrap().len(), 2);
    assert!(store.tree(&bench.name("/no"), 1, &[]).unwrap().is_empty());

    store.set_property(&bench.name("/web"), "org.freebsd.ioc:a", Some("1\nb\tc")).unwrap();
    store.set_property(&bench.name("/web"), "quota", Some("100M")).unwrap();
    let info = &store.tree(&bench.name("/web"), 0, &["org.freebsd.ioc:a"]).unwrap()[&bench.name("/web")];
    assert_eq!(info.properties["org.freebsd.ioc:a"].value, "1\nb\tc");
    assert_eq!(info.properties["quota"].value, (100 << 20).to_string());
    store.set_property(&bench.name("/web"), "org.freebsd.ioc:a", None).unwrap();
    store.set_property(&bench.name("/web"), "quota", None).unwrap();
    let info = store.dataset(&bench.name("/web")).unwrap().unwrap();
    assert!(!info.properties.contains_key("org.freebsd.ioc:a"));
    assert!(!info.properties["quota"].local || info.properties["quota"].value == "0");
    assert!(store.dataset(&bench.name("/no")).unwrap().is_none());

    let again = store.create(&bench.name("/web"), &NewDataset::default());
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    let orphan = store.create(&bench.name("/no/web"), &NewDataset::default());
    let is_parent = |name: &String| *name == bench.name("/no").to_string();
    assert!(matches!(&orphan, Err(StoreError::NotFound { name }) if is_parent(name)), "{orphan:?}");
    let full = store.destroy(&bench.name("/web"));
    assert!(matches!(&full, Err(StoreError::HasDependents { dependents, .. }) if dependents.len() == 2));

    store.rename(&bench.name("/web"), &bench.name("/www")).unwrap();
    assert!(store.dataset(&bench.name("/www/root")).unwrap().unwrap().mounted_at.is_some());
    for below in ["/www/with space", "/www/root", "/www"] {
        store.destroy(&bench.name(below)).unwrap();
    }
}

#[test]
fn mounting_is_idempotent_and_never_forced() {
    let bench = Bench::new();
    let (a, name) = (bench.make("/a"), bench.name("/a"));
    bench.store.mount(&name).unwrap();
    let open = fs::File::create(a.join("file")).unwrap();
    let busy = bench.store.unmount(&name);
    assert!(matches!(busy, Err(StoreError::Busy { .. })), "{busy:?}");
    drop(open);
    bench.store.unmount(&name).unwrap();
    bench.store.unmount(&name).unwrap();
    assert_eq!(bench.store.dataset(&name).unwrap().unwrap().mounted_at, None);
    bench.store.mount(&name).unwrap();
    assert!(a.join("file").exists());
}

#[test]
fn a_dataset_that_cannot_be_mounted_is_not_made() {
    let bench = Bench::new();
    fs::write(bench.pool.mounted_at().join("a"), "in the way").unwrap();
    assert!(bench.store.create(&bench.name("/a"), &NewDataset::default()).is_err());
    assert!(bench.store.dataset(&bench.name("/a")).unwrap().is_none());
}

#[test]
fn snapshots_and_clones() {
    let bench = Bench::new();
    let Bench { store, .. } = &bench;
    let (a, b) = (bench.make("/a"), bench.pool.mounted_at().join("b"));
    bench.make("/a/below");
    fs::write(a.join("file"), "one").unwrap();
    store.snapshot(&bench.at("/a", "x"), true).unwrap();
    let again = store.snapshot(&bench.at("/a", "x"), false);
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    fs::write(a.join("file"), "two").unwrap();
    store.snapshot(&bench.at("/a", "y"), false).unwrap();

    let mut new = NewDataset::default();
    new.properties.insert("org.freebsd.ioc:a".into(), "1".into());
    store.clone_snapshot(&bench.at("/a", "x"), &bench.name("/b"), &new).unwrap();
    assert_eq!(fs::read_to_string(b.join("file")).unwrap(), "one");
    let info = store.dataset(&bench.name("/b")).unwrap().unwrap();
    assert_eq!(info.origin, Some(bench.at("/a", "x")));
    let list = store.snapshots(&bench.name("/a"), true).unwrap();
    assert_eq!(list.len(), 3);
    let own: Vec<_> = store.snapshots(&bench.name("/a"), false).unwrap();
    assert_eq!(own.iter().map(|s| s.name.tag.as_str()).collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(own[0].clones, [bench.name("/b")]);
    assert!(own[0].created > 1_700_000_000 && own[0].referenced.is_some());

    let cloned = store.destroy_snapshot(&bench.at("/a", "x"));
    let is_clone = |names: &[String]| names == [bench.name("/b").to_string()];
    assert!(matches!(&cloned, Err(StoreError::HasDependents { dependents, .. }) if is_clone(dependents)));
    let older = store.rollback(&bench.at("/a", "x"));
    let is_newer = |names: &[String]| names == [bench.at("/a", "y").to_string()];
    assert!(matches!(&older, Err(StoreError::HasDependents { dependents, .. }) if is_newer(dependents)));
    fs::write(a.join("file"), "three").unwrap();
    store.rollback(&bench.at("/a", "y")).unwrap();
    assert_eq!(fs::read_to_string(a.join("file")).unwrap(), "two");

    store.promote(&bench.name("/b")).unwrap();
    let info = store.dataset(&bench.name("/a")).unwrap().unwrap();
    assert_eq!(info.origin, Some(bench.at("/b", "x")));
    assert!(store.promote(&bench.name("/b")).is_err());
}

#[test]
fn copies_and_streams() {
    let bench = Bench::new();
    let Bench { store, .. } = &bench;
    let a = bench.make("/a");
    fs::write(a.join("file"), vec![7; 300_000]).unwrap();
    store.snapshot(&bench.at("/a", "x"), false).unwrap();
    let order = CopyOrder {
        from: bench.name("/a"),
        tag: Some("x".parse().unwrap()),
        to: bench.name("/copy"),
        without: Vec::new(),
    };
    store.copy(&order, &|_| ()).unwrap();
    let copied = fs::read(bench.pool.mounted_at().join("copy/file")).unwrap();
    assert_eq!(copied.len(), 300_000);
    assert!(store.snapshots(&bench.name("/copy"), false).unwrap().is_empty());
    assert_eq!(store.dataset(&bench.name("/copy")).unwrap().unwrap().origin, None);
    let again = store.copy(&order, &|_| ());
    assert!(matches!(&again, Err(StoreError::Exists { .. })), "{again:?}");
    let missing = store.copy(&CopyOrder { tag: Some("no".parse().unwrap()), ..order }, &|_| ());
    assert!(matches!(&missing, Err(StoreError::NotFound { .. } | StoreError::Exists { .. })), "{missing:?}");

    fs::write(a.join("second"), "2").unwrap();
    store.snapshot(&bench.at("/a", "y"), false).unwrap();
    let mut full = store.send(&bench.at("/a", "x"), None).unwrap();
    store.receive(&bench.at("/r", "x"), &mut full).unwrap();
    let mut rest = store.send(&bench.at("/a", "y"), Some(&"x".parse().unwrap())).unwrap();
    store.receive(&bench.at("/r", "y"), &mut rest).unwrap();
    store.mount(&bench.name("/r")).unwrap();
    assert_eq!(fs::read_to_string(bench.pool.mounted_at().join("r/second")).unwrap(), "2");
    assert_eq!(store.snapshots(&bench.name("/r"), false).unwrap().len(), 2);

    let mut cut = store.send(&bench.at("/a", "x"), None).unwrap().take(100_000);
    assert!(store.receive(&bench.at("/cut", "x"), &mut cut).is_err());
    assert!(store.dataset(&bench.name("/cut")).unwrap().is_none());
    let mut text = Vec::new();
    let gone = store.send(&bench.at("/a", "no"), None).unwrap().read_to_end(&mut text);
    assert!(gone.unwrap_err().to_string().contains("does not exist"));
}

#[test]
fn what_does_not_fit_leaves_nothing() {
    let bench = Bench::new();
    let big = bench.make("/big");
    fs::write(big.join("file"), vec![1; 4 << 20]).unwrap();
    bench.store.snapshot(&bench.at("/big", "x"), false).unwrap();
    bench.make("/small");
    bench.store.set_property(&bench.name("/small"), "quota", Some("1M")).unwrap();
    let tag = Some("x".parse().unwrap());
    let order =
        CopyOrder { from: bench.name("/big"), tag, to: bench.name("/small/copy"), without: Vec::new() };
    let full = bench.store.copy(&order, &|_| ());
    assert!(matches!(full, Err(StoreError::NoSpace { .. })), "{full:?}");
    assert!(bench.store.dataset(&bench.name("/small/copy")).unwrap().is_none());
}

#[test]
fn a_listing_takes_one_run_whatever_its_size() {
    let bench = Bench::new();
    for number in 0..20 {
        bench.make(&format!("/j{number}"));
    }
    let runs = |action: &dyn Fn()| {
        let before = bench.door.spawned();
        action();
        bench.door.spawned() - before
    };
    let root = bench.name("");
    assert_eq!(runs(&|| assert_eq!(bench.store.tree(&root, 5, &[]).unwrap().len(), 21)), 1);
    assert_eq!(runs(&|| drop(bench.store.snapshots(&root, true).unwrap())), 1);
    assert_eq!(runs(&|| drop(bench.store.dataset(&bench.name("/j1")).unwrap())), 1);
}

#[test]
fn the_active_pool() {
    let bench = Bench::new();
    bench.store.set_property(&bench.name(""), ACTIVE_PROPERTY, Some("yes")).unwrap();
    bench.make("/a");
    let pools = bench.store.pools().unwrap();
    let ours = pools.iter().find(|pool| pool.name == bench.name("")).unwrap();
    assert_eq!((ours.active.as_deref(), &ours.health), (Some("yes"), &PoolHealth::Online));
}
