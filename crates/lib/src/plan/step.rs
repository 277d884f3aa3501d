//! The steps that plans are made of.

use std::num::NonZeroU16;
use std::path::PathBuf;

use ioc_model::name::{DatasetName, JailPath, KernelName, SnapshotName, SnapshotTag};
use ioc_platform::archive::Checksum;
use ioc_platform::devfs::Rule;
use ioc_platform::jails::{JailSpec, Parameter};
use ioc_platform::limits::LimitRule;
use ioc_platform::mounts::MountSpec;
use ioc_platform::network::ipfw::FirewallSpec;
use ioc_platform::network::{Address, BridgeSpec, DefaultRoute, JailInterface, PairSpec};
use ioc_platform::store::{CopyOrder, NewDataset};
use serde::{Deserialize, Serialize};

/// One change of the host. Its undo stands in `undo.rs`, its words in `describe.rs`, its doing in `apply/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Makes one of the datasets that hold jails or releases, unless another command made it in the meantime.
    CreateNamespace {
        /// Its name.
        dataset: DatasetName,
    },
    /// Destroys one of these again if it is still empty.
    DestroyNamespace {
        /// Its name.
        dataset: DatasetName,
    },
    /// Makes an empty dataset.
    CreateDataset {
        /// Its name.
        dataset: DatasetName,
        /// What it is to be like.
        #[serde(flatten)]
        new: NewDataset,
        /// Mode of its directory.
        mode: u32,
    },
    /// Destroys one dataset without children and snapshots.
    DestroyDataset {
        /// Its name.
        dataset: DatasetName,
    },
    /// Takes a snapshot of a dataset and of the descendants listed.
    CreateSnapshot {
        /// The snapshot.
        snapshot: SnapshotName,
        /// Descendants that get it too.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        descendants: Vec<DatasetName>,
    },
    /// Destroys one snapshot.
    DestroySnapshot {
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Makes a clone.
    CloneSnapshot {
        /// The snapshot it hangs on.
        origin: SnapshotName,
        /// The new dataset.
        target: DatasetName,
        /// What it is to be like.
        #[serde(flatten)]
        new: NewDataset,
    },
    /// Makes a read-only clone of a release's snapshot for basejails to mount, unless another start made it in the
    /// meantime.
    MakeBase {
        /// The snapshot.
        origin: SnapshotName,
        /// The new dataset.
        dataset: DatasetName,
    },
    /// Destroys one again that no other jail has come to use.
    RemoveBase {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Copies a dataset.
    Copy(CopyOrder),
    /// Makes a clone independent of its origin.
    Promote {
        /// The clone.
        dataset: DatasetName,
        /// The dataset that becomes a clone of it.
        former_origin: DatasetName,
    },
    /// Renames a dataset with its descendants.
    Rename {
        /// Its name now.
        from: DatasetName,
        /// Its name then.
        to: DatasetName,
    },
    /// Takes a dataset back to its newest snapshot.
    Rollback {
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Sets a property of a dataset, or with none goes back to the inherited value.
    SetProperty {
        /// The dataset.
        dataset: DatasetName,
        /// The property.
        property: String,
        /// Its value then.
        value: Option<String>,
        /// Its local value now.
        previous: Option<String>,
    },
    /// Mounts a dataset.
    MountDataset {
        /// The dataset.
        dataset: DatasetName,
    },
    /// Unmounts a dataset.
    UnmountDataset {
        /// The dataset.
        dataset: DatasetName,
    },

    /// Writes a file.
    WriteFile {
        /// The directory that the path must not leave.
        root: PathBuf,
        /// The file.
        path: JailPath,
        /// Its content then.
        content: Content,
        /// Its mode, if it is new.
        mode: u32,
        /// Its content now, if it exists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Content>,
    },
    /// Removes a file.
    RemoveFile {
        /// The directory that the path must not leave.
        root: PathBuf,
        /// The file.
        path: JailPath,
        /// Its content now; none: it cannot be brought back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Content>,
    },
    /// Makes a directory that does not exist.
    MakeDirectory {
        /// The directory that the path must not leave.
        root: PathBuf,
        /// The directory.
        path: JailPath,
        /// Its mode.
        mode: u32,
    },
    /// Removes an empty directory.
    RemoveDirectory {
        /// The directory that the path must not leave.
        root: PathBuf,
        /// The directory.
        path: JailPath,
    },
    /// Makes a symbolic link where nothing is.
    MakeLink {
        /// The directory that the path must not leave.
        root: PathBuf,
        /// The link.
        path: JailPath,
        /// Its text.
        text: PathBuf,
    },
    /// Fills a new directory with these files, directories and links.
    Populate {
        /// The directory.
        root: PathBuf,
        /// What to make, in order.
        entries: Vec<Entry>,
    },
    /// Assigns variables in files of the form of rc.conf(5) that do not assign them yet, in a tree that holds a FreeBSD
    /// system; nothing happens in others.
    Assign {
        /// The tree; it is new, and goes if the plan fails.
        root: PathBuf,
        /// What to assign.
        files: Vec<Variables>,
    },
    /// Makes the password databases of a FreeBSD release out of its master.passwd; pwd_mkdb(8).
    MakePasswordDatabase {
        /// The release's root.
        root: PathBuf,
    },
    /// Unpacks an archive.
    Unpack {
        /// The archive: a tar file, as it is or compressed by gzip, xz or zstd.
        archive: PathBuf,
        /// Its SHA-256 checksum, checked before the first byte is unpacked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<Checksum>,
        /// The directory to unpack it in.
        root: PathBuf,
    },

    /// Mounts a file system in a jail's root.
    Mount(MountSpec),
    /// Unmounts a file system of a jail that stays; taken back, it is mounted again.
    Detach(MountSpec),
    /// Unmounts what is mounted at a place.
    Unmount {
        /// The place.
        target: PathBuf,
    },

    /// Makes a running jail.
    CreateJail(JailSpec),
    /// Changes parameters of a running jail.
    ModifyJail {
        /// The jail.
        jail: KernelName,
        /// The parameters then.
        parameters: Vec<Parameter>,
        /// What they are now, as far as that is known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        previous: Vec<Parameter>,
    },
    /// Kills a jail's processes and removes it.
    RemoveJail {
        /// The jail.
        jail: KernelName,
        /// How long to wait for it to be gone, in seconds.
        patience_secs: u64,
    },
    /// Gives a dataset, with all below it, to a running jail; zfs-jail(8).
    AttachDataset {
        /// The jail.
        jail: KernelName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// Takes such a dataset back.
    DetachDataset {
        /// The jail.
        jail: KernelName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// Has a jail mount the datasets that were given to it, as its own zfs(8) does.
    MountDelegated {
        /// The jail.
        jail: KernelName,
        /// Its root directory on the host.
        root: PathBuf,
        /// The datasets.
        datasets: Vec<DatasetName>,
        /// Those that must be mounted then: their properties say so.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        needed: Vec<DatasetName>,
        /// It is killed after this time, in seconds; 0: never.
        timeout_secs: u64,
    },
    /// Unmounts what a jail has mounted of the datasets that were given to it, and ends its processes for that: mounts that
    /// a jail made keep it from going.
    UnmountDelegated {
        /// The jail.
        jail: KernelName,
        /// Its root directory on the host.
        root: PathBuf,
        /// The datasets.
        datasets: Vec<DatasetName>,
        /// How long to try while something is in use, in seconds.
        patience_secs: u64,
    },
    /// Runs a hook: shell text of the administrator's.
    RunHook {
        /// Which.
        hook: Hook,
        /// The jail it is for.
        jail: KernelName,
        /// Where it runs.
        place: Place,
        /// The text, given to `/bin/sh -c`.
        command: String,
        /// The environment; `IOC_JID` is added when it runs.
        env: Vec<(String, String)>,
        /// It is killed after this time, in seconds; 0: never.
        timeout_secs: u64,
    },
    /// Runs a command in the jail with our own standard streams; its status is no failure.
    RunCommand {
        /// The jail.
        jail: KernelName,
        /// Program and arguments.
        argv: Vec<String>,
        /// A user of the jail; none: root.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Routing table; setfib(2).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fib: Option<u32>,
        /// The environment.
        env: Vec<(String, String)>,
    },
    /// Keeps in mind what `stop` has to know and the kernel does not tell.
    Remember {
        /// The jail.
        jail: KernelName,
        /// What to remember.
        state: Remembered,
        /// What is remembered now, if the jail runs already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Remembered>,
    },
    /// Drops that.
    Forget {
        /// The jail.
        jail: KernelName,
    },

    /// Makes a ruleset of devfs(8).
    DefineRuleset {
        /// Its number, which none has.
        number: u16,
        /// Its rules.
        rules: Vec<Rule>,
    },
    /// Removes a ruleset of devfs(8).
    RemoveRuleset {
        /// Its number.
        number: u16,
    },

    /// Makes a bridge, unless another start made it in the meantime.
    CreateBridge(BridgeSpec),
    /// Destroys a bridge if ioc made it and it has no members.
    RemoveBridge {
        /// Its name.
        name: String,
    },
    /// Makes a pair of interfaces.
    CreatePair(PairSpec),
    /// Destroys an interface (a pair by its host end).
    DestroyInterface {
        /// Its name.
        name: String,
    },
    /// Makes an interface a member of a bridge.
    JoinBridge {
        /// The bridge.
        bridge: String,
        /// The interface.
        member: String,
        /// ioc made the bridge, so it is made again if the stop of its last jail came in between.
        ours: bool,
    },
    /// Adds the rules of ipfw(8) that keep an interface to its own addresses.
    ApplyFirewall(FirewallSpec),
    /// Takes all rules of a number away.
    RemoveFirewall {
        /// The number.
        number: NonZeroU16,
    },
    /// Moves an interface into a jail and sets it up there.
    MoveIntoJail(JailInterface),
    /// Gives a jail an interface of the host as it is, and sets it up there.
    GiveInterface(JailInterface),
    /// Takes such an interface back out of a jail.
    TakeInterface(JailInterface),
    /// Brings up a jail's loopback interface.
    SetupLoopback {
        /// The jail.
        jail: KernelName,
    },
    /// Sets a jail's default route.
    AddDefaultRoute(DefaultRoute),
    /// Adds an address to an interface of the host.
    AddAddress {
        /// The interface.
        interface: String,
        /// The address.
        address: Address,
    },
    /// Removes an address from an interface of the host.
    RemoveAddress {
        /// The interface.
        interface: String,
        /// The address.
        address: Address,
    },

    /// Applies resource limits to a running jail.
    ApplyLimits {
        /// The jail.
        jail: KernelName,
        /// The rules; they replace those that it has.
        rules: Vec<LimitRule>,
        /// Those that it has.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        previous: Vec<LimitRule>,
    },
    /// Takes all resource limits of a jail away.
    ClearLimits {
        /// The jail.
        jail: KernelName,
    },
}

impl Step {
    /// Tells whether it runs text of the administrator's, of which nobody knows what it does.
    pub fn is_hook(&self) -> bool {
        matches!(self, Step::RunHook { .. } | Step::RunCommand { .. })
    }

    /// Tells whether the effect outlives a reboot, so that the journal must be on disk before the next step.
    pub fn survives_reboot(&self) -> bool {
        use Step::*;
        match self {
            CreateNamespace { .. }
            | DestroyNamespace { .. }
            | CreateDataset { .. }
            | DestroyDataset { .. }
            | CreateSnapshot { .. }
            | DestroySnapshot { .. }
            | CloneSnapshot { .. }
            | MakeBase { .. }
            | RemoveBase { .. }
            | Copy(_)
            | Promote { .. }
            | Rename { .. }
            | Rollback { .. }
            | SetProperty { .. }
            | WriteFile { .. }
            | RemoveFile { .. }
            | MakeDirectory { .. }
            | RemoveDirectory { .. }
            | MakeLink { .. }
            | Populate { .. }
            | Assign { .. }
            | MakePasswordDatabase { .. }
            | Unpack { .. } => true,
            MountDataset { .. }
            | UnmountDataset { .. }
            | Mount(_)
            | Detach(_)
            | Unmount { .. }
            | CreateJail(_)
            | ModifyJail { .. }
            | RemoveJail { .. }
            | AttachDataset { .. }
            | DetachDataset { .. }
            | MountDelegated { .. }
            | UnmountDelegated { .. }
            | RunHook { .. }
            | RunCommand { .. }
            | Remember { .. }
            | Forget { .. }
            | DefineRuleset { .. }
            | RemoveRuleset { .. }
            | ApplyFirewall(_)
            | RemoveFirewall { .. }
            | CreateBridge(_)
            | RemoveBridge { .. }
            | CreatePair(_)
            | DestroyInterface { .. }
            | JoinBridge { .. }
            | MoveIntoJail(_)
            | GiveInterface(_)
            | TakeInterface(_)
            | SetupLoopback { .. }
            | AddDefaultRoute(_)
            | AddAddress { .. }
            | RemoveAddress { .. }
            | ApplyLimits { .. }
            | ClearLimits { .. } => false,
        }
    }
}

/// Variables and the file that assigns them; see [`Step::Assign`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variables {
    /// The file.
    pub path: JailPath,
    /// It has the form of sysctl.conf(5) instead of that of rc.conf(5).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sysctl: bool,
    /// Names and values.
    pub variables: Vec<(String, String)>,
}

/// Something that [`Step::Populate`] makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Where.
    pub path: JailPath,
    /// What.
    #[serde(flatten)]
    pub kind: EntryKind,
}

/// The kinds of things that [`Step::Populate`] makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A directory with this mode.
    Directory(u32),
    /// A file.
    File {
        /// Its content.
        content: Content,
        /// Its mode.
        mode: u32,
    },
    /// A symbolic link with this text.
    Link(PathBuf),
}

/// The hooks of a jail; jail(8) has them as `exec.*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hook {
    /// On the host, before anything is mounted.
    Prestart,
    /// On the host, once the kernel has the jail.
    Created,
    /// In the jail: its boot script.
    Start,
    /// On the host, after that.
    Poststart,
    /// On the host, before the jail is shut down.
    Prestop,
    /// In the jail: its shutdown script.
    Stop,
    /// On the host, once the jail is gone.
    Poststop,
}

impl Hook {
    /// The name of the property that holds its text.
    pub fn property(self) -> &'static str {
        match self {
            Hook::Prestart => "exec_prestart",
            Hook::Created => "exec_created",
            Hook::Start => "exec_start",
            Hook::Poststart => "exec_poststart",
            Hook::Prestop => "exec_prestop",
            Hook::Stop => "exec_stop",
            Hook::Poststop => "exec_poststop",
        }
    }
}

/// Where a hook runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// On the host.
    Host,
    /// In the jail.
    Jail {
        /// A user of it; none: root.
        user: Option<String>,
        /// Routing table; setfib(2).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fib: Option<u32>,
    },
}

/// What `stop` has to know and the kernel does not tell; see [`Step::Remember`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Addresses that `start` added to interfaces of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<(String, Address)>,
    /// Bridges that the jail's interfaces joined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bridges: Vec<String>,
    /// Pairs that `start` made, by their host ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<String>,
    /// Interfaces of the host that were given to the jail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
    /// The devfs ruleset that was made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruleset: Option<u16>,
    /// Numbers of the firewall rules of its interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<NonZeroU16>,
    /// Datasets that were given to the jail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<DatasetName>,
    /// Limits were applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limits: bool,
}

/// Content of a file: text in a plan's JSON where it is UTF-8, else a list of bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl Content {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Content::Text(text) => text.as_bytes(),
            Content::Bytes(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|e| Content::Bytes(e.into_bytes()), Content::Text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Content::Text(text)
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Content::Text(text.to_owned())
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.as_bytes().len())
    }
}

/// A snapshot tag and the datasets that carry it, as single snapshots.
pub(crate) fn snapshots_of(
    snapshot: &SnapshotName,
    descendants: &[DatasetName],
) -> impl Iterator<Item = SnapshotName> {
    let tag: SnapshotTag = snapshot.tag.clone();
    let own = std::iter::once(snapshot.clone());
    own.chain(descendants.iter().map(move |d| d.at(tag.clone())))
}
