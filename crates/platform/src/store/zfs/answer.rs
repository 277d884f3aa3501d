//! Reading what `zfs get -Hp` prints.
//!
//! A line is `NAME <tab> PROPERTY <tab> VALUE <tab> SOURCE`, and nothing is escaped: a value may hold tabs and
//! newlines, and the root user of a jail chooses the user properties and mountpoints of datasets that were given to
//! that jail. So a value could pretend to be lines about other datasets. Against that, a listing of several datasets
//! asks for a property with an unguessable name before all others, its *guard*: only a line with the guard begins a
//! new dataset. Within a dataset the properties come in the order in which they were asked for, those that a jail
//! can choose last.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use ioc_model::name::{DatasetName, SnapshotName};

use crate::store::{DatasetInfo, PropertyValue, SnapshotInfo, Tree};

/// A user property that nobody has set, with a name that nobody can guess.
pub(super) fn guard() -> String {
    // The keys of `RandomState` come from the system's random numbers.
    format!("org.freebsd.ioc.guard:{:016x}", RandomState::new().hash_one(0))
}

type Properties = BTreeMap<String, Raw>;

/// Value and source as printed.
struct Raw {
    value: Vec<u8>,
    source: Vec<u8>,
}

impl Raw {
    /// Takes what follows the property's name.
    fn new(rest: &[u8]) -> Option<Raw> {
        let tab = rest.iter().rposition(|&b| b == b'\t')?;
        Some(Raw { value: rest[..tab].to_vec(), source: rest[tab + 1..].to_vec() })
    }

    fn is_set(&self) -> bool {
        !(self.value == b"-" && self.source == b"-")
    }
}

/// Splits `NAME <tab> PROPERTY <tab> rest`.
fn line_parts(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut parts = line.splitn(3, |&b| b == b'\t');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

/// The file systems in a listing that asked for `guard` and then for `properties`, in that order.
pub(super) fn tree(output: &[u8], guard: &str, properties: &[&str]) -> Result<Tree, String> {
    let mut tree = Tree::new();
    for block in blocks(output, guard)? {
        // Names that are not ours to deal with: of snapshots, and temporary ones of a receive (`a/%recv`).
        let Some(name) = text(block.name).and_then(|name| name.parse::<DatasetName>().ok()) else { continue };
        let raw = in_order(&block, properties)?;
        if raw.get("type").is_none_or(|kind| kind.value != b"filesystem") {
            continue;
        }
        tree.insert(name, info(raw));
    }
    Ok(tree)
}

/// What was printed for one dataset.
struct Block<'a> {
    name: &'a [u8],
    lines: Vec<&'a [u8]>,
}

fn blocks<'a>(output: &'a [u8], guard: &str) -> Result<Vec<Block<'a>>, String> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    let Some(output) = output.strip_suffix(b"\n") else { return Ok(blocks) };
    for line in output.split(|&b| b == b'\n') {
        match line_parts(line) {
            Some((name, property, _)) if property == guard.as_bytes() => {
                blocks.push(Block { name, lines: Vec::new() });
            }
            _ => blocks.last_mut().ok_or("it does not begin with the guard")?.lines.push(line),
        }
    }
    Ok(blocks)
}

/// The properties of one dataset. A line that is not the next property continues the value before it.
fn in_order(block: &Block<'_>, properties: &[&str]) -> Result<Properties, String> {
    let mut wanted = properties.iter();
    let mut found: Vec<(&str, Vec<u8>)> = Vec::new();
    let mut next = wanted.next();
    for line in &block.lines {
        let begins = line_parts(line).filter(|(name, property, _)| {
            *name == block.name && next.is_some_and(|p| p.as_bytes() == *property)
        });
        match (begins, next, found.last_mut()) {
            (Some((_, _, rest)), Some(property), _) => {
                found.push((property, rest.to_vec()));
                next = wanted.next();
            }
            (_, _, Some((_, value))) => {
                value.push(b'\n');
                value.extend_from_slice(line);
            }
            _ => break,
        }
    }
    if let Some(missing) = next {
        return Err(format!("{} has no {missing}", String::from_utf8_lossy(block.name)));
    }
    let of = |(property, rest): (&str, Vec<u8>)| Some((property.to_owned(), Raw::new(&rest)?));
    Ok(found.into_iter().filter_map(of).collect())
}

/// The one dataset called `name` in the answer to `zfs get all`.
///
/// Native properties come first there. Once a line is not about this dataset, which only a value with a newline can
/// cause, no native property is believed any more; the first of several lines about one property counts.
pub(super) fn dataset(output: &[u8], name: &DatasetName) -> DatasetInfo {
    let mut raw = Properties::new();
    let mut broken = false;
    for line in output.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let parsed = line_parts(line)
            .filter(|(dataset, ..)| *dataset == name.as_str().as_bytes())
            .and_then(|(_, property, rest)| Some((text(property)?, Raw::new(rest)?)));
        match parsed {
            Some((property, value)) if !broken || property.contains(':') => {
                raw.entry(property.to_owned()).or_insert(value);
            }
            Some(_) => {}
            None => broken = true,
        }
    }
    info(raw)
}

fn info(raw: Properties) -> DatasetInfo {
    let is = |property: &str, value: &str| raw.get(property).is_some_and(|raw| raw.value == value.as_bytes());
    let number = |property: &str| text(&raw.get(property)?.value)?.parse::<u64>().ok();
    let jailed = is("jailed", "on") || is("zoned", "on");
    let mounted_at = raw
        .get("mountpoint")
        .filter(|raw| is("mounted", "yes") && !jailed && raw.value.starts_with(b"/"))
        .map(|raw| PathBuf::from(OsString::from_vec(raw.value.clone())));
    DatasetInfo {
        mounted_at,
        origin: raw.get("origin").and_then(|raw| text(&raw.value)?.parse().ok()),
        used: number("used"),
        referenced: number("referenced"),
        available: number("available"),
        locked: is("keystatus", "unavailable"),
        properties: raw.into_iter().filter(|(_, raw)| raw.is_set()).map(property).collect(),
    }
}

fn property((name, raw): (String, Raw)) -> (String, PropertyValue) {
    let name = if name == "zoned" { "jailed".to_owned() } else { name };
    let value = String::from_utf8_lossy(&raw.value).into_owned();
    (name, PropertyValue { value, local: raw.source == b"local" })
}

/// Snapshots out of `NAME <tab> PROPERTY <tab> VALUE` with `creation`, `used`, `referenced` and `clones`; or, from
/// an old zfs(8), with the `origin` of every file system, out of which the clones are found. Oldest first.
///
/// Nothing in it can be chosen by a jail but names, which have neither tabs nor newlines.
pub(super) fn snapshots(output: &[u8]) -> Result<Vec<SnapshotInfo>, String> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let mut list: Vec<SnapshotInfo> = Vec::new();
    let mut origins: Vec<(&str, &str)> = Vec::new();
    for line in output.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let shown = || String::from_utf8_lossy(line).into_owned();
        let parts = line_parts(line)
            .and_then(|(name, property, value)| Some((text(name)?, text(property)?, text(value)?)));
        let (name, property, value) = parts.ok_or_else(shown)?;
        if !name.contains('@') {
            if property == "origin" {
                origins.push((name, value));
            }
            continue;
        }
        let at = match found.get(name) {
            Some(&at) => at,
            None => {
                let Ok(parsed) = name.parse::<SnapshotName>() else { continue };
                found.insert(name, list.len());
                let (used, referenced) = (None, None);
                list.push(SnapshotInfo { name: parsed, created: 0, used, referenced, clones: Vec::new() });
                list.len() - 1
            }
        };
        let snapshot = &mut list[at];
        match property {
            "creation" => snapshot.created = value.parse().map_err(|_| shown())?,
            "used" => snapshot.used = value.parse().ok(),
            "referenced" => snapshot.referenced = value.parse().ok(),
            "clones" if value != "-" => {
                snapshot.clones = value.split(',').filter_map(|name| name.parse().ok()).collect();
            }
            _ => {}
        }
    }
    for (clone, origin) in origins {
        if let (Some(&at), Ok(clone)) = (found.get(origin), clone.parse()) {
            list[at].clones.push(clone);
        }
    }
    // Stable: those of the same second stay in the order of zfs, which is that of their transaction groups.
    list.sort_by_key(|snapshot| snapshot.created);
    Ok(list)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
