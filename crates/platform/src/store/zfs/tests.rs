//! The exact commands, and what is made of their answers.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::command::script::Script;
use crate::store::{PoolHealth, Pools, PropertyValue, Streams};

const FUSE: &str = "type,mounted,origin,used,referenced,available,canmount,readonly,quota,reservation,refquota,\
                    refreservation,dedup,compression,compressratio,zoned,mountpoint";

fn open_zfs(script: Script) -> ZfsStore {
    ZfsStore::with_dialect(Arc::new(script), Dialect::OpenZfs)
}

fn zfs_fuse(script: Script) -> ZfsStore {
    ZfsStore::with_dialect(Arc::new(script), Dialect::ZfsFuse)
}

fn name(name: &str) -> DatasetName {
    name.parse().unwrap()
}

fn snapshot(name: &str) -> SnapshotName {
    name.parse().unwrap()
}

fn local(value: &str) -> PropertyValue {
    PropertyValue { value: value.to_owned(), local: true }
}

#[test]
fn a_tree_of_openzfs() {
    let properties = FUSE.replace("zoned", &format!("{JAILED},keystatus"));
    let script = Script::default().then(
        &format!(
            "/sbin/zfs get -Hp -r -d 3 -t filesystem -o name,property,value,source \
             org.freebsd.ioc.guard:0123456789abcdef,{properties},org.freebsd.ioc:note zroot/iocage"
        ),
        // The sample is of FreeBSD.
        include_str!("../../../tests/captured/openzfs/tree").replace("\tjailed\t", &format!("\t{JAILED}\t")),
    );
    let tree = open_zfs(script).tree(&name("zroot/iocage"), 3, &["org.freebsd.ioc:note"]).unwrap();
    let names: Vec<_> = tree.keys().map(|name| name.as_str().strip_prefix("zroot/iocage").unwrap()).collect();
    let jails = ["", "/jails", "/jails/locked", "/jails/locked/root", "/jails/web", "/jails/web/data"];
    assert_eq!(names, [&jails[..], &["/jails/web/root", "/jails/with space"]].concat());

    let info = |below: &str| &tree[&name(&format!("zroot/iocage{below}"))];
    assert_eq!(info("").used, Some(4 << 30));
    assert_eq!(info("").mounted_at.as_deref(), Some(Path::new("/zroot/iocage")));
    assert!(info("/jails/locked").locked && info("/jails/locked").mounted_at.is_none());
    assert!(!info("/jails/web").locked);
    assert_eq!(info("/jails/web").properties["quota"], local("21474836480"));
    assert_eq!(info("/jails/web").properties["org.freebsd.ioc:note"], local("two\nlines\tand a tab"));
    assert!(!info("/jails").properties.contains_key("org.freebsd.ioc:note"));
    assert_eq!(info("/jails/web/root").origin, Some(snapshot("zroot/iocage/releases/14.3-RELEASE/root@p1")));
    let spaced = info("/jails/with space").mounted_at.as_deref();
    assert_eq!(spaced, Some(Path::new("/jails/with space/and\ttab")));

    // What the jail wrote into its mountpoint is taken for lines of nobody but itself.
    let data = info("/jails/web/data");
    assert_eq!(data.properties["jailed"], local("on"));
    assert_eq!(data.mounted_at, None);
    assert_eq!(
        info("/jails/web/root").mounted_at.as_deref(),
        Some(Path::new("/zroot/iocage/jails/web/root"))
    );
}

#[test]
#[cfg(not(target_os = "freebsd"))] // which has another name for `zoned`
fn a_tree_of_zfs_fuse() {
    let user = ["org.freebsd.ioc:active", "org.freebsd.ioc:note"];
    let script = Script::default().then(
        &format!(
            "/sbin/zfs get -Hp -r -d 3 -o name,property,value,source \
             org.freebsd.ioc.guard:0123456789abcdef,{FUSE},{} tank/iocage",
            user.join(",")
        ),
        include_bytes!("../../../tests/captured/zfs-fuse-0.7.0/tree"),
    );
    let store = zfs_fuse(script);
    let tree = store.tree(&name("tank/iocage"), 3, &user).unwrap();
    assert!(!tree.contains_key(&name("tank/iocage/jails/victim")));
    assert_eq!(tree.len(), 12);
    let info = |below: &str| &tree[&name(&format!("tank/iocage{below}"))];
    assert!(!info("").properties["org.freebsd.ioc:active"].local);
    assert_eq!(info("/jails/db").properties["compression"], local("gzip"));
    assert_eq!(info("/jails/db").properties["quota"], local("52428800"));
    assert_eq!(info("/jails/db/root").mounted_at, None);
    assert_eq!(info("/jails/with space").mounted_at.as_deref(), Some(Path::new("/tank/other place")));
    let root = info("/jails/web/root");
    assert_eq!(root.mounted_at.as_deref(), Some(Path::new("/tank/iocage/jails/web/root")));
    assert!(root.properties.contains_key("jailed"));
    assert!(info("/jails/web/data").properties["org.freebsd.ioc:note"].value.starts_with("evil\ntank/"));
}

#[test]
fn one_dataset() {
    let get = "/sbin/zfs get -Hp -o name,property,value,source all";
    let root = name("tank/iocage/jails/web/root");
    let data = name("tank/iocage/jails/web/data");
    let captured = include_bytes!("../../../tests/captured/zfs-fuse-0.7.0/dataset");
    let jailed = include_bytes!("../../../tests/captured/zfs-fuse-0.7.0/dataset-jailed");
    let store = zfs_fuse(
        Script::default()
            .then(&format!("{get} {root}"), captured)
            .then(&format!("{get} {data}"), jailed)
            .fails(&format!("{get} tank/nope"), "cannot open 'tank/nope': dataset does not exist")
            .fails(&format!("{get} tank/ill"), "cannot open 'tank/ill': I/O error"),
    );
    let info = store.dataset(&root).unwrap().unwrap();
    assert_eq!(info.origin, Some(snapshot("tank/iocage/releases/14.3-RELEASE/root@p1")));
    assert!(info.mounted_at.is_some() && info.available.is_some());
    let info = store.dataset(&data).unwrap().unwrap();
    assert_eq!(info.properties["jailed"], local("on"));
    assert!(!info.properties["mountpoint"].local);
    assert_eq!(store.dataset(&name("tank/nope")).unwrap(), None);
    assert!(matches!(store.dataset(&name("tank/ill")), Err(StoreError::Command { .. })));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let get = |output: &str| {
        let properties = FUSE.replace("zoned", JAILED);
        let command = format!(
            "/sbin/zfs get -Hp -o name,property,value,source org.freebsd.ioc.guard:0123456789abcdef,{properties} tank"
        );
        zfs_fuse(Script::default().then(&command, output)).tree(&name("tank"), 0, &[])
    };
    assert!(matches!(get("tank\ttype\tfilesystem\t-\n"), Err(StoreError::Answer { .. })));
    let cut = "tank\torg.freebsd.ioc.guard:0123456789abcdef\t-\t-\ntank\ttype\tfilesystem\t-\n";
    assert!(matches!(get(cut), Err(StoreError::Answer { .. })));
    assert!(get("").unwrap().is_empty());
}

#[test]
fn snapshots_of_openzfs() {
    let columns = "-o name,property,value creation,used,referenced,clones";
    let release = name("zroot/iocage/releases/14.3-RELEASE");
    let captured = include_bytes!("../../../tests/captured/openzfs/snapshots");
    let store = open_zfs(
        Script::default()
            .then(&format!("/sbin/zfs get -Hp -r -t snapshot {columns} {release}"), captured)
            .then(&format!("/sbin/zfs get -Hp -r -d 1 -t snapshot {columns} {release}"), "")
            .fails(
                &format!("/sbin/zfs get -Hp -r -d 1 -t snapshot {columns} tank/no"),
                "cannot open 'tank/no': dataset does not exist",
            ),
    );
    let list = store.snapshots(&release, true).unwrap();
    let tags: Vec<_> = list.iter().map(|snapshot| snapshot.name.tag.as_str()).collect();
    assert_eq!(tags, ["x", "p10", "p0", "p1"]);
    assert_eq!(
        list[3].clones,
        [name("zroot/iocage/jails/web/root"), name("zroot/iocage/jails/with space/root")]
    );
    assert!(list[..3].iter().all(|snapshot| snapshot.clones.is_empty()));
    assert_eq!((list[2].used, list[2].referenced), (Some(8192), Some(524_288_000)));
    assert!(store.snapshots(&release, false).unwrap().is_empty());
    assert!(matches!(store.snapshots(&name("tank/no"), false), Err(StoreError::NotFound { .. })));
}

#[test]
fn snapshots_of_zfs_fuse_are_searched_in_the_whole_pool() {
    let command = "/sbin/zfs get -Hp -r -o name,property,value creation,used,referenced,origin tank";
    let captured = include_bytes!("../../../tests/captured/zfs-fuse-0.7.0/snapshots");
    let store =
        zfs_fuse(Script::default().then(command, captured).then(command, captured).then(command, captured));
    let list = store.snapshots(&name("tank/iocage/releases"), true).unwrap();
    let names: Vec<_> = list.iter().map(|snapshot| snapshot.name.to_string()).collect();
    let root = "tank/iocage/releases/14.3-RELEASE/root";
    assert_eq!(names, [format!("{root}@p0"), format!("{root}@p1")]);
    assert_eq!(list[1].clones, [name("tank/iocage/jails/web/root")]);
    assert!(store.snapshots(&name("tank/iocage/releases"), false).unwrap().is_empty());
    assert!(matches!(store.snapshots(&name("tank/no"), true), Err(StoreError::NotFound { .. })));
}

#[test]
fn changes_are_exactly_these_commands() {
    let mut new = NewDataset::default();
    new.properties.insert("mountpoint".into(), "/a b".into());
    new.properties.insert("org.x:y".into(), "1".into());
    let (a, b, ax) = (name("tank/a"), name("tank/b"), snapshot("tank/a@x"));
    let store = open_zfs(
        Script::default()
            .then("/sbin/zfs create -o 'mountpoint=/a b' -o org.x:y=1 tank/a", "")
            .then("/sbin/zfs clone tank/a@x tank/b", "")
            .then("/sbin/zfs destroy tank/a", "")
            .then("/sbin/zfs snapshot tank/a@x", "")
            .then("/sbin/zfs snapshot -r tank/a@x", "")
            .then("/sbin/zfs destroy tank/a@x", "")
            .then("/sbin/zfs rollback tank/a@x", "")
            .then("/sbin/zfs promote tank/a", "")
            .then("/sbin/zfs rename tank/a tank/b", "")
            .then("/sbin/zfs set org.x:y=z tank/a", "")
            .then("/sbin/zfs inherit compression tank/a", "")
            .then("/sbin/zfs set quota=none tank/a", "")
            .then(&format!("/sbin/zfs set {JAILED}=on tank/a"), "")
            .then("/sbin/zfs mount tank/a", "")
            .fails("/sbin/zfs mount tank/a", "cannot mount 'tank/a': filesystem already mounted")
            .fails("/sbin/zfs mount tank/a", "cannot mount 'tank/a': encryption key not loaded")
            .then("/sbin/zfs unmount tank/a", "")
            .fails("/sbin/zfs unmount tank/a", "cannot unmount 'tank/a': not currently mounted")
            .fails("/sbin/zfs unmount tank/a", "cannot unmount '/tank/a': pool or dataset is busy"),
    );
    store.create(&a, &new).unwrap();
    store.clone_snapshot(&ax, &b, &NewDataset::default()).unwrap();
    store.destroy(&a).unwrap();
    store.snapshot(&ax, false).unwrap();
    store.snapshot(&ax, true).unwrap();
    store.destroy_snapshot(&ax).unwrap();
    store.rollback(&ax).unwrap();
    store.promote(&a).unwrap();
    store.rename(&a, &b).unwrap();
    store.set_property(&a, "org.x:y", Some("z")).unwrap();
    store.set_property(&a, "compression", None).unwrap();
    store.set_property(&a, "quota", None).unwrap();
    store.set_property(&a, "jailed", Some("on")).unwrap();
    store.mount(&a).unwrap();
    store.mount(&a).unwrap();
    assert!(matches!(store.mount(&a), Err(StoreError::KeyNotLoaded { .. })));
    store.unmount(&a).unwrap();
    store.unmount(&a).unwrap();
    assert!(matches!(store.unmount(&a), Err(StoreError::Busy { .. })));
}

#[test]
fn a_dataset_that_was_not_mounted_does_not_stay() {
    let said = "cannot mount '/a': directory is not empty\nfilesystem successfully created, but not mounted";
    let store = open_zfs(
        Script::default()
            .fails("/sbin/zfs create tank/a", said)
            .then("/sbin/zfs destroy tank/a", "")
            .grumbles("/sbin/zfs clone tank/x@y tank/a", said)
            .then("/sbin/zfs destroy tank/a", "")
            .fails("/sbin/zfs create tank/a", "cannot create 'tank/a': dataset already exists"),
    );
    let new = NewDataset::default();
    assert!(matches!(store.create(&name("tank/a"), &new), Err(StoreError::Command { .. })));
    let cloned = store.clone_snapshot(&snapshot("tank/x@y"), &name("tank/a"), &new);
    assert!(matches!(cloned, Err(StoreError::Command { .. })));
    assert!(matches!(store.create(&name("tank/a"), &new), Err(StoreError::Exists { .. })));
}

#[test]
fn copies() {
    let order = |tag: Option<&str>, without: &[&str]| CopyOrder {
        from: name("tank/a"),
        tag: tag.map(|tag| tag.parse().unwrap()),
        to: name("tank/b"),
        without: without.iter().map(|path| path.parse().unwrap()).collect(),
    };
    let store = open_zfs(
        Script::default()
            .then("/sbin/zfs send tank/a@x | /sbin/zfs receive -u tank/b@x", "stream")
            .then("/sbin/zfs destroy tank/b@x", "")
            .then("/sbin/zfs mount tank/b", "")
            .fails(
                "/sbin/zfs send tank/a@x | /sbin/zfs receive -u tank/b@x",
                "cannot receive new filesystem stream: destination 'tank/b' exists\nmust specify -F to overwrite it",
            )
            .then("/sbin/zfs send tank/a@x | /sbin/zfs receive -u tank/b@x", "")
            .then("/sbin/zfs destroy tank/b@x", "")
            .fails("/sbin/zfs mount tank/b", "cannot mount '/b': directory is not empty")
            .then("/sbin/zfs destroy tank/b", ""),
    );
    let told = AtomicU64::new(0);
    store.copy(&order(Some("x"), &[]), &|bytes| told.store(bytes, Ordering::Relaxed)).unwrap();
    assert_eq!(told.into_inner(), 6);
    let exists = store.copy(&order(Some("x"), &[]), &|_| {});
    assert!(matches!(exists, Err(StoreError::Exists { name }) if name == "tank/b"));
    assert!(store.copy(&order(Some("x"), &[]), &|_| {}).is_err());
    for impossible in [order(None, &[]), order(Some("x"), &["/usr"])] {
        assert!(matches!(store.copy(&impossible, &|_| {}), Err(StoreError::Unsupported { .. })));
    }
}

#[test]
fn streams_do_not_decide_where_they_are_mounted() {
    let compound =
        [&b"\0\0\0\0\xac\x02\0\0\xac\xcb\xba\xf5\x02\0\0\0\x02\0\0\0\0\0\0\0"[..], &[0; 100]].concat();
    let ax = snapshot("tank/a@x");
    let store = open_zfs(Script::default().then(
        &format!(
            "/sbin/zfs receive -u -x mountpoint -x sharenfs -x sharesmb -x {JAILED} tank/a@x <124 bytes"
        ),
        "",
    ));
    store.receive(&ax, &mut &*compound).unwrap();
    let refused = zfs_fuse(Script::default()).receive(&ax, &mut &*compound);
    assert!(matches!(refused, Err(StoreError::Unsupported { .. })));
    assert!(matches!(store.receive(&ax, &mut &b"short"[..]), Err(StoreError::Io { .. })));

    let script = Script::default()
        .then("/sbin/zfs send tank/a@x", "full")
        .then("/sbin/zfs send -i @w tank/a@x", "part");
    let store = open_zfs(script);
    let mut text = String::new();
    store.send(&ax, None).unwrap().read_to_string(&mut text).unwrap();
    store.send(&ax, Some(&"w".parse().unwrap())).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "fullpart");
}

#[test]
fn pools() {
    let list = "/sbin/zpool list -H -o name,health";
    let get = "/sbin/zfs get -Hp -o name,value,source org.freebsd.ioc:active";
    let script = Script::default()
        .then(list, include_bytes!("../../../tests/captured/openzfs/pools"))
        .then(&format!("{get} zroot tank"), include_bytes!("../../../tests/captured/openzfs/active"));
    let pools = open_zfs(script).pools().unwrap();
    let states: Vec<_> = pools.iter().map(|pool| (pool.name.as_str(), pool.health.is_usable())).collect();
    assert_eq!(states, [("zroot", true), ("tank", true), ("usb", false), ("old", false)]);
    assert_eq!(pools[1].active.as_deref(), Some("yes"));
    assert_eq!((&pools[0].active, &pools[0].health), (&None, &PoolHealth::Online));

    assert!(open_zfs(Script::default().then(list, "no pools available\n")).pools().unwrap().is_empty());
    let script = Script::default()
        .then(list, include_bytes!("../../../tests/captured/zfs-fuse-0.7.0/pools"))
        .then(&format!("{get} tank"), include_bytes!("../../../tests/captured/zfs-fuse-0.7.0/active"));
    assert_eq!(zfs_fuse(script).pools().unwrap()[0].active.as_deref(), Some("yes"));
}

#[test]
fn datasets_are_given_to_jails_and_taken_back() {
    let (a, jail): (_, KernelName) = (name("tank/a"), "ioc-web".parse().unwrap());
    // zfs_do_jail_impl() in zfs_main.c; zone_dataset_attach() and zone_dataset_detach() in spl_zone.c say EEXIST and
    // ENOENT, which zfs_standard_error() puts into words.
    let gone = "invalid jail id or name\nusage:\n\tjail <jailid|jailname> <filesystem>";
    let store = open_zfs(
        Script::default()
            .then("/sbin/zfs jail ioc-web tank/a", "")
            .fails("/sbin/zfs jail ioc-web tank/a", "cannot jail 'tank/a': dataset already exists")
            .fails("/sbin/zfs jail ioc-web tank/a", gone)
            .then("/sbin/zfs unjail ioc-web tank/a", "")
            .fails("/sbin/zfs unjail ioc-web tank/a", "cannot unjail 'tank/a': dataset does not exist")
            .fails("/sbin/zfs unjail ioc-web tank/a", gone)
            .fails("/sbin/zfs jail ioc-web tank/a", "cannot jail 'tank/a': permission denied"),
    );
    store.attach(&a, &jail).unwrap();
    assert!(matches!(store.attach(&a, &jail), Err(StoreError::Exists { .. })));
    assert!(matches!(store.attach(&a, &jail), Err(StoreError::NoJail { .. })));
    store.detach(&a, &jail).unwrap();
    assert!(matches!(store.detach(&a, &jail), Err(StoreError::NotFound { .. })));
    assert!(matches!(store.detach(&a, &jail), Err(StoreError::NoJail { .. })));
    assert!(matches!(store.attach(&a, &jail), Err(StoreError::Permission { .. })));
}

#[test]
fn those_that_exist_are_found_in_one_run() {
    let properties = FUSE.replace("zoned", &format!("{JAILED},keystatus"));
    let command = format!(
        "/sbin/zfs get -Hp -t filesystem -o name,property,value,source \
         org.freebsd.ioc.guard:0123456789abcdef,{properties} tank/a tank/tank/a"
    );
    let value = |property: &str| match property {
        "type" => "filesystem",
        "mountpoint" => "/data",
        property if property == JAILED => "on",
        _ => "-",
    };
    let guard = "org.freebsd.ioc.guard:0123456789abcdef";
    let line = |property: &str| format!("tank/a\t{property}\t{}\tlocal\n", value(property));
    let listed = format!("tank/a\t{guard}\t-\t-\n{}", properties.split(',').map(line).collect::<String>());
    let missing = "cannot open 'tank/tank/a': dataset does not exist";
    let volume = "cannot open 'tank/a': operation not applicable to datasets of this type";
    let store = open_zfs(
        Script::default()
            .halves(&command, listed.clone(), missing)
            .halves(&command, "", &format!("cannot open 'tank/a': dataset does not exist\n{missing}"))
            .halves(&command, "", &format!("{volume}\n{missing}"))
            .halves(&command, listed, "cannot open 'tank/tank/a': pool I/O is currently suspended"),
    );
    let names = [name("tank/a"), name("tank/tank/a")];
    let found = store.existing(&names).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&names[0]]);
    assert_eq!(found[&names[0]].properties["jailed"], local("on"));
    assert_eq!(found[&names[0]].mounted_at, None);
    assert!(store.existing(&names).unwrap().is_empty());
    // What cannot be told is not absent.
    assert!(matches!(store.existing(&names), Err(StoreError::Command { .. })));
    assert!(matches!(store.existing(&names), Err(StoreError::Suspended { .. })));
    assert!(store.existing(&[]).unwrap().is_empty());
}
