//! The traits of the machine, with an injector in front.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ioc_model::name::{DatasetName, JailPath, KernelName, SnapshotName};
use ioc_platform::command::{Cmd, Commands, ExecError, Finished, Status};
use ioc_platform::files::{Change, Files, FilesError, Unpacked};
use ioc_platform::jails::{JailSpec, Jails, JailsError, Parameter, Process, RunningJail};
use ioc_platform::limits::{LimitRule, Limits, LimitsError};
use ioc_platform::mounts::{MountError, MountSpec, Mounted, Mounts};
use ioc_platform::network::{
    Address, BridgeSpec, DefaultRoute, Gateway, Interface, JailInterface, Network, NetworkError, PairSpec,
};
use ioc_platform::store::{
    CopyOrder, DatasetInfo, NewDataset, Progress, SnapshotInfo, Store, StoreError, StoreKind, Tree,
};

use super::Injector;

/// Something of the machine behind an injector.
#[derive(Debug)]
pub(super) struct Faulty<T: ?Sized> {
    pub(super) real: Arc<T>,
    pub(super) injector: Arc<Injector>,
}

impl<T: ?Sized> Faulty<T> {
    /// A call that changes something, which may fail before its effect or after it.
    fn change<R, E>(
        &self,
        name: &str,
        call: impl FnOnce(&T) -> Result<R, E>,
        error: impl Fn(io::Error) -> E,
    ) -> Result<R, E> {
        if let Some(source) = self.injector.pass(true, &format_args!("before {name}")) {
            return Err(error(source));
        }
        let done = call(&self.real)?;
        match self.injector.pass(true, &format_args!("after {name}")) {
            Some(source) => Err(error(source)),
            None => Ok(done),
        }
    }

    /// A call that only looks.
    fn look<R, E>(
        &self,
        name: &str,
        call: impl FnOnce(&T) -> Result<R, E>,
        error: impl Fn(io::Error) -> E,
    ) -> Result<R, E> {
        match self.injector.pass(false, &format_args!("before {name}")) {
            Some(source) => Err(error(source)),
            None => call(&self.real),
        }
    }
}

/// Implements methods of a trait: `change` or `look`, the method, and the error that an injected fault becomes.
macro_rules! methods {
    ($error:expr; $($way:ident fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> $result {
            self.$way(stringify!($name), |real| real.$name($($argument),*), $error)
        })*
    };
}

impl Store for Faulty<dyn Store> {
    fn kind(&self) -> StoreKind {
        self.real.kind()
    }

    fn snapshot_directory(&self, name: &SnapshotName, mounted_at: &Path) -> Option<PathBuf> {
        self.real.snapshot_directory(name, mounted_at)
    }

    methods! { |source| StoreError::Io { action: "use the store".to_owned(), source };
        look fn dataset(name: &DatasetName) -> Result<Option<DatasetInfo>, StoreError>;
        look fn tree(root: &DatasetName, depth: usize, user: &[&str]) -> Result<Tree, StoreError>;
        look fn existing(names: &[DatasetName]) -> Result<Tree, StoreError>;
        look fn snapshots(dataset: &DatasetName, recursive: bool) -> Result<Vec<SnapshotInfo>, StoreError>;
        change fn create(name: &DatasetName, new: &NewDataset) -> Result<(), StoreError>;
        change fn destroy(name: &DatasetName) -> Result<(), StoreError>;
        change fn snapshot(name: &SnapshotName, recursive: bool) -> Result<(), StoreError>;
        change fn destroy_snapshot(name: &SnapshotName) -> Result<(), StoreError>;
        change fn rollback(name: &SnapshotName) -> Result<(), StoreError>;
        change fn clone_snapshot(origin: &SnapshotName, target: &DatasetName, new: &NewDataset) -> Result<(), StoreError>;
        change fn copy(order: &CopyOrder, progress: Progress<'_>) -> Result<(), StoreError>;
        change fn promote(name: &DatasetName) -> Result<(), StoreError>;
        change fn rename(from: &DatasetName, to: &DatasetName) -> Result<(), StoreError>;
        change fn set_property(name: &DatasetName, property: &str, value: Option<&str>) -> Result<(), StoreError>;
        change fn mount(name: &DatasetName) -> Result<(), StoreError>;
        change fn unmount(name: &DatasetName) -> Result<(), StoreError>;
        change fn attach(name: &DatasetName, jail: &KernelName) -> Result<(), StoreError>;
        change fn detach(name: &DatasetName, jail: &KernelName) -> Result<(), StoreError>;
    }
}

impl Mounts for Faulty<dyn Mounts> {
    methods! { |source| MountError::Table { source };
        change fn mount(spec: &MountSpec) -> Result<(), MountError>;
        change fn unmount(target: &Path) -> Result<(), MountError>;
        look fn below(root: &Path) -> Result<Vec<Mounted>, MountError>;
    }
}

impl Jails for Faulty<dyn Jails> {
    methods! { |source| JailsError::List { source };
        look fn list() -> Result<Vec<RunningJail>, JailsError>;
        look fn find(name: &KernelName) -> Result<Option<RunningJail>, JailsError>;
        look fn unsupported(parameters: &[Parameter]) -> Result<Option<String>, JailsError>;
        change fn create(spec: &JailSpec) -> Result<i32, JailsError>;
        change fn modify(name: &KernelName, parameters: &[Parameter]) -> Result<(), JailsError>;
        change fn kill_processes(name: &KernelName) -> Result<(), JailsError>;
        change fn remove(name: &KernelName, patience: Duration) -> Result<(), JailsError>;
        change fn exec(name: &KernelName, process: &Process) -> Result<Finished, JailsError>;
    }
}

impl Network for Faulty<dyn Network> {
    methods! { |source| NetworkError::System { action: "use the network".to_owned(), source };
        look fn interfaces() -> Result<Vec<Interface>, NetworkError>;
        look fn gateways() -> Result<Vec<Gateway>, NetworkError>;
        change fn create_bridge(bridge: &BridgeSpec) -> Result<(), NetworkError>;
        change fn create_pair(pair: &PairSpec) -> Result<(), NetworkError>;
        change fn destroy_interface(name: &str) -> Result<(), NetworkError>;
        change fn join_bridge(bridge: &str, member: &str) -> Result<(), NetworkError>;
        change fn move_into_jail(interface: &JailInterface) -> Result<(), NetworkError>;
        change fn move_out_of_jail(interface: &JailInterface) -> Result<(), NetworkError>;
        change fn setup_loopback(jail: &KernelName) -> Result<(), NetworkError>;
        change fn add_default_route(route: &DefaultRoute) -> Result<(), NetworkError>;
        change fn add_address(interface: &str, address: Address) -> Result<(), NetworkError>;
        change fn remove_address(interface: &str, address: Address) -> Result<(), NetworkError>;
    }
}

impl Limits for Faulty<dyn Limits> {
    methods! { |source| LimitsError::System { action: "use limits".to_owned(), source };
        look fn check(rules: &[LimitRule]) -> Result<(), LimitsError>;
        change fn apply(jail: &RunningJail, rules: &[LimitRule]) -> Result<(), LimitsError>;
        change fn clear(name: &KernelName) -> Result<(), LimitsError>;
        look fn usage(jail: &RunningJail) -> Result<Vec<(String, u64)>, LimitsError>;
    }
}

impl Files for Faulty<dyn Files> {
    methods! { |source| FilesError::Archive { member: String::new(), source };
        look fn read(root: &Path, path: &JailPath, most: u64) -> Result<Option<Vec<u8>>, FilesError>;
        look fn metadata(root: &Path, path: &JailPath) -> Result<Option<ioc_platform::files::Kind>, FilesError>;
        look fn entries(root: &Path, path: &JailPath) -> Result<Vec<(String, bool)>, FilesError>;
        change fn replace(root: &Path, path: &JailPath, content: &[u8], mode: u32) -> Result<(), FilesError>;
        change fn remove_file(root: &Path, path: &JailPath) -> Result<Change, FilesError>;
        change fn make_directory(root: &Path, path: &JailPath, mode: u32) -> Result<Change, FilesError>;
        change fn remove_directory(root: &Path, path: &JailPath) -> Result<Change, FilesError>;
        change fn make_link(root: &Path, path: &JailPath, text: &Path) -> Result<Change, FilesError>;
        change fn unpack(root: &Path, archive: &mut dyn Read, progress: &(dyn Fn(Unpacked) + Sync)) -> Result<Unpacked, FilesError>;
        look fn sync(root: &Path) -> Result<(), FilesError>;
    }
}

impl Commands for Faulty<dyn Commands> {
    methods! { |source| ExecError::Io { command: "a program".to_owned(), source };
        change fn run(cmd: &Cmd) -> Result<Finished, ExecError>;
        look fn read(cmd: &Cmd) -> Result<Box<dyn Read + Send>, ExecError>;
        change fn write(cmd: &Cmd, input: &mut dyn Read) -> Result<Finished, ExecError>;
        change fn pipe(from: &Cmd, to: &Cmd, progress: Progress<'_>) -> Result<(), ExecError>;
        change fn converse(cmd: &Cmd) -> Result<Status, ExecError>;
    }
}
