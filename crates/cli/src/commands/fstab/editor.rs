//! Editing a text with the program that the user prefers.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use libioc::platform::command::{Cmd, Program, Status};

use crate::session::Session;
use crate::ui::{Failure, Report};

/// What became of a text that was edited.
pub(super) struct Edited {
    /// The text.
    pub(super) content: Vec<u8>,
    file: tempfile::NamedTempFile,
}

impl Edited {
    /// Keeps the file and tells where it is: what was typed is not to be lost because it was refused.
    pub(super) fn keep(self, session: &Session) {
        match self.file.keep() {
            Ok((_, path)) => session.screen.detail(&format!("your text is kept in {}", path.display())),
            Err(error) => {
                let source = error.error;
                let failure = Failure::System { what: "keep the edited text".to_owned(), source };
                session.screen.error(&Report::from(&failure));
            }
        }
    }
}

/// Has a copy of `content` edited. The file is private, and its name is known to nobody beforehand.
pub(super) fn edit(session: &Session, what: &str, content: &[u8]) -> Result<Edited, Failure> {
    let failed = |source| Failure::System { what: format!("edit the {what}"), source };
    let mut file = tempfile::Builder::new().prefix("ioc-fstab-").tempfile().map_err(failed)?;
    file.write_all(content).and_then(|()| file.flush()).map_err(failed)?;
    let path: PathBuf = file.path().to_owned();
    let editor =
        ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var_os(name).filter(|v| !v.is_empty()));
    // As everywhere, the variable may hold arguments; so it is shell text.
    let mut cmd = Cmd::new(Program::Sh).args(["-c", "eval \"$IOC_EDITOR \\\"\\$1\\\"\"", "sh"]).arg(&path);
    for (name, value) in std::env::vars_os() {
        cmd = cmd.env(name, value);
    }
    let cmd = cmd.env("IOC_EDITOR", editor.unwrap_or_else(|| "vi".into()));
    let status =
        session.ioc.host().commands.converse(&cmd).map_err(|error| failed(std::io::Error::other(error)))?;
    if status != Status::Exited(0) {
        return Err(failed(std::io::Error::other(format!("the editor ended with {status}"))));
    }
    // An editor may have put another file in the place of ours.
    let content = fs::read(&path).map_err(failed)?;
    Ok(Edited { content, file })
}
