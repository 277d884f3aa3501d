//! All that commands can change on a host, as lines of text, to compare before and after.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::machine::Machine;
use crate::traces::{self, Traces, output};

/// The files of a source with what they hold, its datasets, snapshots and their properties; mounts, interfaces,
/// addresses, cgroups and processes that belong to it; and what ioc notes for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(Vec<String>);

impl State {
    /// The state now.
    pub fn of(machine: &Machine) -> State {
        let root = machine.mounted_at();
        let places = [machine.source(), machine.root(), &*root.to_string_lossy()].map(str::to_owned);
        let ours = |line: &str| places.iter().any(|place| line.contains(place.as_str()));
        let mut lines = Vec::new();
        let mounts: Vec<Mount> = mounts().into_iter().filter(|mount| ours(&mount.text)).collect();
        // Datasets are entered; what is mounted in a jail is somebody else's.
        let dataset = |mount: &Mount| mount.text.contains(&format!(" {}", machine.root()));
        let foreign: BTreeSet<&Path> =
            mounts.iter().filter(|mount| !dataset(mount)).map(|mount| &*mount.target).collect();
        walk(&root, &foreign, &mut lines);
        lines.extend(mounts.iter().map(|mount| format!("mount {}", mount.text)));
        lines.extend(traces::interfaces().into_iter().filter(|line| ours(line)).map(|line| link(&line)));
        lines.extend(addresses().into_iter().filter(|line| ours(line)));
        lines.extend(processes().into_iter().filter(|line| ours(line)).map(|line| format!("process {line}")));
        lines.extend(Traces::of(machine.source()).on_files().map(str::to_owned));
        if let Some(pool) = machine.pool() {
            lines.extend(datasets(pool.name()));
        }
        lines.sort();
        State(lines)
    }

    /// What only this has (`-`) and what only `other` has (`+`).
    pub fn difference(&self, other: &State) -> Vec<String> {
        let (mut removed, mut added) = (self.0.clone(), Vec::new());
        for line in &other.0 {
            match removed.iter().position(|old| old == line) {
                Some(at) => drop(removed.swap_remove(at)),
                None => added.push(format!("+ {line}")),
            }
        }
        removed.sort();
        removed.into_iter().map(|line| format!("- {line}")).chain(added).collect()
    }
}

/// Everything below a directory, but for what lies on `foreign` mounts.
fn walk(directory: &Path, foreign: &BTreeSet<&Path>, lines: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let kind = metadata.file_type();
        let content = if kind.is_file() && !foreign.contains(&*path) {
            let mut hasher = DefaultHasher::new();
            fs::read(&path).unwrap_or_default().hash(&mut hasher);
            format!("{} bytes, {:016x}", metadata.len(), hasher.finish())
        } else if kind.is_symlink() {
            fs::read_link(&path).unwrap_or_default().display().to_string()
        } else {
            "directory or special".to_owned()
        };
        if foreign.contains(&*path) {
            lines.push(format!("file {} mounted on", path.display()));
            continue;
        }
        let (mode, uid, gid) = (metadata.permissions().mode(), metadata.uid(), metadata.gid());
        lines.push(format!("file {} {mode:o} {uid}:{gid} {content}", path.display()));
        if kind.is_dir() {
            walk(&path, foreign, lines);
        }
    }
}

struct Mount {
    target: PathBuf,
    text: String,
}

/// The mount table without what is counted anew at every mount.
fn mounts() -> Vec<Mount> {
    let mount = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (target, text) = if cfg!(target_os = "linux") {
            // id, parent, device, root, target, flags, ..., "-", type, source, options
            let dash = words.iter().position(|word| *word == "-")?;
            let text = [&words[3..6], words.get(dash + 1..)?].concat().join(" ");
            (words.get(4)?, text)
        } else {
            (words.get(1)?, words.join(" "))
        };
        Some(Mount { target: PathBuf::from(target), text })
    };
    traces::mounts().iter().filter_map(|line| mount(line)).collect()
}

/// An interface without its number.
fn link(line: &str) -> String {
    let mut words = line.split_whitespace().map(|word| word.trim_end_matches(':'));
    let name = words.find(|word| word.parse::<u32>().is_err()).unwrap_or(line);
    // Of a pair the other end's number follows the name.
    format!("link {}", name.split('@').next().unwrap_or(name))
}

fn addresses() -> Vec<String> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let lines = output("ip", &["-o", "addr"]);
    let line = |line: &String| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Those that the kernel gives itself come and go.
        let own = words.get(2) == Some(&"inet6") && words.get(3).is_some_and(|a| a.starts_with("fe80:"));
        (!own && words.len() > 3).then(|| format!("address {} {}", words[1], words[3]))
    };
    lines.iter().filter_map(line).collect()
}

/// The command lines of all processes.
fn processes() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut lines: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " ").trim().to_owned())
        .collect();
    if !cfg!(target_os = "linux") {
        lines = output("/bin/ps", &["-axww", "-o", "command"]);
        lines.extend(output("/usr/sbin/jls", &["-d", "name", "path"]));
    }
    lines
}

/// Datasets and snapshots of a pool, and what is set on them.
fn datasets(pool: &str) -> Vec<String> {
    let zfs = ["/sbin/zfs", "/usr/sbin/zfs"].into_iter().find(|path| Path::new(path).exists());
    let zfs = zfs.unwrap_or("/sbin/zfs");
    let columns = "name,type,mounted,mountpoint,origin";
    let mut lines = output(zfs, &["list", "-rH", "-t", "all", "-o", columns, pool]);
    lines.extend(output(zfs, &["get", "-rH", "-s", "local", "-o", "name,property,value", "all", pool]));
    lines.into_iter().map(|line| format!("zfs {line}")).collect()
}
