//! Archives at random: sound ones come out as they went in, damaged ones change nothing outside the root.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use proptest::prelude::*;

use super::headers::Tar;
use super::unpack_into;
use crate::files::tests::fixture::Ground;

#[derive(Clone, Debug)]
enum Node {
    Directory(u32),
    File(u32, Vec<u8>),
    Link(String),
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        (0..0o10000_u32).prop_map(Node::Directory),
        (0..0o10000_u32, proptest::collection::vec(any::<u8>(), 0..1200)).prop_map(|(m, c)| Node::File(m, c)),
        "/?[a-z]{1,9}(/[a-z]{1,9}){0,30}".prop_map(Node::Link),
    ]
}

/// A tree: names at depths up to three, of which those below a file or link are left out.
fn tree() -> impl Strategy<Value = BTreeMap<String, Node>> {
    proptest::collection::btree_map("[abc](/[abcé ]{1,3}){0,2}", node(), 0..12).prop_map(|tree| {
        let is_leaf = |path: &str| matches!(tree.get(path), Some(Node::File(..) | Node::Link(_)));
        let is_sound = |path: &str| path.match_indices('/').all(|(at, _)| !is_leaf(&path[..at]));
        tree.iter()
            .filter(|(path, _)| is_sound(path))
            .map(|(path, node)| (path.clone(), node.clone()))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn round_trip(tree in tree(), time in 0..4_000_000_000_u32) {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, node) in &tree {
            let mut header = tar::Header::new_gnu();
            header.set_mtime(time.into());
            header.set_uid(7);
            header.set_gid(8);
            header.set_size(0);
            match node {
                Node::Directory(mode) => {
                    header.set_mode(*mode);
                    header.set_entry_type(tar::EntryType::Directory);
                    builder.append_data(&mut header, path, &[][..]).unwrap();
                }
                Node::File(mode, content) => {
                    header.set_mode(*mode);
                    header.set_size(content.len() as u64);
                    builder.append_data(&mut header, path, &content[..]).unwrap();
                }
                Node::Link(text) => {
                    header.set_mode(0o777);
                    header.set_entry_type(tar::EntryType::Symlink);
                    builder.append_link(&mut header, path, text).unwrap();
                }
            }
        }
        let ground = Ground::new();
        unpack_into(&ground, &builder.into_inner().unwrap()).unwrap();
        for (path, node) in &tree {
            let data = fs::symlink_metadata(ground.at(path)).unwrap();
            prop_assert_eq!((data.uid(), data.gid(), data.mtime()), (7, 8, time.into()), "{}", path);
            match node {
                Node::Directory(mode) => prop_assert_eq!(data.mode(), 0o40000 | mode),
                Node::File(mode, content) => {
                    prop_assert_eq!(data.mode(), 0o100_000 | mode);
                    prop_assert_eq!(&fs::read(ground.at(path)).unwrap(), content);
                }
                Node::Link(text) => {
                    let found = fs::read_link(ground.at(path)).unwrap();
                    prop_assert_eq!(found.to_str(), Some(&**text));
                }
            }
        }
    }

    /// Bytes of headers changed at random, with checksums made right again, so that the changes count.
    #[test]
    fn changed_headers_do_no_harm(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        kinds in proptest::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"01235679LKSxgV"[..])), 0..3),
    ) {
        let mut bytes = Tar::new()
            .directory("d")
            .symlink("out", "../victim")
            .file("d/f", &[b'x'; 600])
            .extension(b'L', b"../victim/file\0")
            .symlink("l", "/etc")
            .pax(&[("path", b"out/file"), ("size", b"3"), ("linkpath", b"../victim/file")])
            .hard_link("out/f", "out/file")
            .file("out/file", b"new")
            .bytes();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        for (index, kind) in kinds {
            let block = index.index(bytes.len() / 512) * 512;
            bytes[block + 156] = kind;
        }
        for block in bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
            let mut header = tar::Header::from_byte_slice(block).clone();
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
        bytes.extend([0; 1024]);
        let _ = unpack_into(&Ground::new(), &bytes);
    }

    #[test]
    fn arbitrary_names_and_links_do_no_harm(
        members in proptest::collection::vec(
            ("(\\./)?([ab]|\\.\\.|link)(/([ab]|\\.\\.|victim|file)){0,2}", "[0125]", "(\\.\\./)?(\\.\\./victim|a|b|/|link)(/(a|file))?"),
            1..12,
        ),
    ) {
        let ground = Ground::new();
        ground.link("link", ground.victim());
        // One archive for each, as the first that is refused ends it.
        for (name, kind, text) in members {
            let tar = Tar::new().header(&name, kind.as_bytes()[0], |h| h.set_link_name_literal(&text).unwrap());
            let _ = unpack_into(&ground, &tar.end());
        }
    }
}
