//! The files in a jail's /etc that a start looks after, and those of the host that they are copied from.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use ioc_model::name::JailPath;
use ioc_platform::files::{FilesError, Kind};
use ioc_platform::host::Host;

use crate::error::Error;

/// Largest of these files that is read, in bytes.
const MOST: u64 = 1 << 20;

/// A file of the jail as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Now {
    /// It does not exist.
    #[default]
    Absent,
    /// A file, or a link that leads to one in the jail, with this content.
    Content(Vec<u8>),
    /// Something that is not to be written to, and why.
    Odd(String),
}

/// What is in a jail's /etc, and in the host's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JailEtc {
    /// The jail has an /etc: a directory.
    pub exists: bool,
    /// It is of a system that rc(8) starts.
    pub has_rc: bool,
    /// The jail's resolv.conf(5).
    pub resolv_conf: Now,
    /// The jail's localtime.
    pub localtime: Now,
    /// The jail's rc.conf(5).
    pub rc_conf: Now,
    /// The host's resolv.conf(5), if it has one.
    pub host_resolv_conf: Option<Vec<u8>>,
    /// The host's localtime, if it has one.
    pub host_localtime: Option<Vec<u8>>,
}

impl JailEtc {
    /// Looks at the files below a jail's root, and at those of the host.
    pub fn gather(host: &Host, root: &Path) -> Result<Self, Error> {
        let kind =
            |path: &str| -> Result<Option<Kind>, Error> { Ok(host.files.metadata(root, &path.parse()?)?) };
        if kind("etc")? != Some(Kind::Directory) {
            return Ok(JailEtc::default());
        }
        let now = |name: &str| -> Result<Now, Error> { read(host, root, &format!("etc/{name}").parse()?) };
        Ok(JailEtc {
            exists: true,
            has_rc: kind("etc/rc")? == Some(Kind::File) && kind("etc/defaults/rc.conf")? == Some(Kind::File),
            resolv_conf: now("resolv.conf")?,
            localtime: now("localtime")?,
            rc_conf: now("rc.conf")?,
            host_resolv_conf: of_host(Path::new("/etc/resolv.conf"))?,
            host_localtime: of_host(Path::new("/etc/localtime"))?,
        })
    }
}

fn read(host: &Host, root: &Path, path: &JailPath) -> Result<Now, Error> {
    match host.files.read(root, path, MOST) {
        Ok(Some(content)) => Ok(Now::Content(content)),
        // A link that leads nowhere is as good as nothing: it is replaced.
        Ok(None) => Ok(Now::Absent),
        Err(error @ (FilesError::Kind { .. } | FilesError::Link { .. } | FilesError::TooLarge { .. })) => {
            Ok(Now::Odd(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn of_host(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let error = |source| Error::Read { path: path.to_owned(), source };
    match fs::File::open(path) {
        Ok(file) => {
            let mut content = Vec::new();
            file.take(MOST).read_to_end(&mut content).map_err(error)?;
            Ok(Some(content))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(error(source)),
    }
}
