use super::*;
use proptest::prelude::*;

const SAMPLE: &str = "\
# mounts of web

/data\t/iocage/jails/web/root/mnt/data\tnullfs\trw\t0\t0 # shared
/my\\040files  /iocage/jails/web/root/my\\ files nullfs ro,noatime 0 0 # Added by iocage on 2023-11-02
tmpfs /iocage/jails/web/root/tmp tmpfs rw,size=1g,mode=1777
linprocfs /iocage/jails/web/root/compat/linux/proc linprocfs rw 0 0
/a#b /iocage/jails/web/root/a#b nullfs ro 0 0
host:/export /iocage/jails/web/root/n nfs rw 0 0
this is wrong
/bin /iocage/jails/web/root/bin nullfs ro 0 0 # iocage-auto
";

fn fstab(text: &str) -> Fstab {
    Fstab::from_bytes(text.as_bytes()).unwrap()
}

fn text(fstab: &Fstab) -> String {
    String::from_utf8(fstab.to_bytes()).unwrap()
}

#[test]
fn lines_are_read_and_kept() {
    let fstab = fstab(SAMPLE);
    assert_eq!(text(&fstab), SAMPLE);
    let entries: Vec<&Entry> = fstab.entries().collect();
    assert_eq!(entries.len(), 7);
    assert_eq!(entries[0].comment.as_deref(), Some("shared"));
    assert_eq!(
        (entries[1].source.as_str(), entries[1].destination.as_str()),
        ("/my files", "/iocage/jails/web/root/my files")
    );
    let options: Vec<_> = entries[2].options().collect();
    assert_eq!(options, [("rw", None), ("size", Some("1g")), ("mode", Some("1777"))]);
    assert_eq!(entries[4].source, "/a#b");
    assert_eq!(entries[5].source, "host:/export");
    assert!(entries[6].is_generated());
    assert_eq!(fstab.problems().collect::<Vec<_>>(), [(9, "has fewer than four fields")]);
}

#[test]
fn changes_leave_other_lines_alone() {
    let mut changed = fstab(SAMPLE);
    changed.add(Entry::nullfs("/opt/my tools", "/iocage/jails/web/root/opt")).unwrap();
    let line = "/opt/my\\040tools\t/iocage/jails/web/root/opt\tnullfs\tro\t0\t0\n";
    assert_eq!(text(&changed), format!("{SAMPLE}{line}"));
    assert_eq!(changed.remove(7).unwrap().source, "/opt/my tools");
    assert_eq!(text(&changed), SAMPLE);
    let old = changed.replace(0, Entry::nullfs("/data2", "/iocage/jails/web/root/mnt/data/")).unwrap();
    assert_eq!(old.source, "/data");
    assert_eq!(changed.remove(99), Err(FstabError::NoLine { index: 99 }));
    let taken = Entry::nullfs("/x", "/iocage/jails//web/root/tmp/");
    assert!(matches!(changed.add(taken), Err(FstabError::DestinationExists { .. })));
    assert!(changed.add(Entry::nullfs("", "/x")).is_err());
    assert!(changed.add(Entry::nullfs("/x", "x")).is_err());
    assert!(changed.add(Entry { comment: Some("a\nb".into()), ..Entry::nullfs("/x", "/y") }).is_err());
}

#[test]
fn lines_are_found_by_path() {
    let fstab = fstab(SAMPLE);
    assert_eq!(fstab.find(&Which::Source("/my files/".into())), [1]);
    assert_eq!(fstab.find(&Which::Destination("/iocage/jails/web/root/tmp".into())), [2]);
    assert_eq!(fstab.find(&Which::Source("tmpfs".into())), [2]);
    assert!(fstab.find(&Which::Source("/dat".into())).is_empty());
    assert_eq!(fstab.find(&Which::Index(3)), [3]);
}

#[test]
fn paths_move_by_component() {
    let mut fstab = fstab("/a/b\t/a/bc # odd\n/a/b/c  /x/a/b nullfs ro\n/a/bc /a/b/ nullfs ro # keep\n");
    assert_eq!(fstab.move_paths("/a/b", "/n ew/"), 2);
    assert_eq!(
        text(&fstab),
        "/a/b\t/a/bc # odd\n/n\\040ew/c  /x/a/b nullfs ro\n/a/bc /n\\040ew nullfs ro # keep\n"
    );
    assert_eq!(below("/a/bc", "/a/b"), None);
    assert_eq!(below("/a//b/c/", "/a/b/"), Some("c"));
    assert_eq!(below("tmpfs", "/"), None);
    assert_eq!(below("/a", "/"), Some("a"));
}

#[test]
fn the_last_line_may_lack_its_end() {
    assert_eq!(text(&fstab("/a /b nullfs ro")), "/a /b nullfs ro\n");
    assert_eq!(text(&fstab("")), "");
    assert_eq!(text(&fstab("\n")), "\n");
}

#[test]
fn hostile_lines() {
    let bytes = b"/a\xff /b nullfs ro\n/\\000 /b nullfs ro\n/\\377 /b nullfs ro\n/\\777 /c nullfs ro\n/x \\";
    let fstab = Fstab::from_bytes(bytes).unwrap();
    assert_eq!(fstab.entries().count(), 0);
    assert_eq!(fstab.problems().count(), 5);
    assert_eq!(fstab.to_bytes(), [bytes.as_slice(), b"\n"].concat());
    assert_eq!(Fstab::from_bytes(&vec![b'\n'; MOST_BYTES + 1]), Err(FstabError::TooLarge));
}

#[test]
fn lines_as_iocage_takes_them() {
    let read = |text: &str| Entry::read(text).map(|entry| entry.to_string());
    assert_eq!(read("/data").unwrap(), "/data\t/data\tnullfs\tro\t0\t0");
    assert_eq!(read("/my\\040data  /mnt").unwrap(), "/my\\040data\t/mnt\tnullfs\tro\t0\t0");
    assert_eq!(read("tmpfs /tmp tmpfs").unwrap(), "tmpfs\t/tmp\ttmpfs\trw\t0\t0");
    assert_eq!(read("/a /b nullfs rw 1 2").unwrap(), "/a\t/b\tnullfs\trw\t1\t2");
    for bad in
        ["", "# x", "/a /b nullfs rw 0 0 0", "/a /b nullfs rw x", "/a\n/b", "/a /b nullfs ro 10", "/\\777"]
    {
        assert!(Entry::read(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_line_or_an_error(text in ".{0,60}") {
        if let Ok(entry) = Entry::read(&text) {
            prop_assert_eq!(Entry::read(&entry.to_string()), Ok(entry));
        }
    }

    #[test]
    fn written_lines_read_back(
        source in "[ -~äµ\t]{1,16}", destination in "/[ -~ä#\\\\]{0,16}",
        options in "[a-z=,0-9]{1,8}", comment in proptest::option::of("[!-\"$-~]{1,8}"), freq in 0_u32..10,
    ) {
        let entry = Entry { source, destination, options, comment, freq, ..Entry::nullfs("", "") };
        let mut fstab = Fstab::default();
        fstab.add(entry.clone()).unwrap();
        let read = Fstab::from_bytes(&fstab.to_bytes()).unwrap();
        prop_assert_eq!(read.entries().collect::<Vec<_>>(), [&entry]);
    }

    #[test]
    fn a_line_that_comes_and_goes_leaves_no_trace(
        before in "(# [a-z ]{0,4}\n|\n|/[a-c]\t/[a-c] nullfs ro\n|bad line\n){0,6}",
        source in "/[ -~]{0,8}", destination in "/d[ -~ä]{0,8}",
    ) {
        let mut fstab = Fstab::from_bytes(before.as_bytes()).unwrap();
        let count = fstab.entries().count();
        if fstab.add(Entry::nullfs(source, destination)).is_ok() {
            let mut read = Fstab::from_bytes(&fstab.to_bytes()).unwrap();
            prop_assert_eq!(read.entries().count(), count + 1);
            read.remove(count).unwrap();
            prop_assert_eq!(read.to_bytes(), before.as_bytes());
        }
    }

    #[test]
    fn unchanged_bytes_are_kept(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let fstab = Fstab::from_bytes(&bytes).unwrap();
        let mut expected = bytes.clone();
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            expected.push(b'\n');
        }
        prop_assert_eq!(fstab.to_bytes(), expected);
    }
}
