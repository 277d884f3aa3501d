//! Exit statuses.

use std::process::ExitCode;

use libioc::platform::command::Status;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All done, or nothing to do.
    Done,
    /// A target failed, or nothing matched.
    Failed,
    /// The request makes no sense.
    Usage,
    /// The host is not set up for ioc, or the user may not.
    Host,
    /// What a command in a jail returned; 128 plus the signal's number if one killed it.
    Of(Status),
}

impl Exit {
    /// What to end with when two targets ended so: trouble with the host first, then failures.
    pub(crate) fn and(self, other: Exit) -> Exit {
        let rank = |exit: &Exit| match exit {
            Exit::Done => 0,
            Exit::Of(_) => 1,
            Exit::Usage => 2,
            Exit::Failed => 3,
            Exit::Host => 4,
        };
        std::cmp::max_by_key(other, self, rank)
    }

    fn number(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Host => 3,
            // A status that does not fit in a byte cannot come from a process; never make a success of it.
            Exit::Of(status) => u8::try_from(status.code()).unwrap_or(u8::MAX),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_commands_in_jails() {
        assert_eq!(Exit::Of(Status::Exited(7)).number(), 7);
        assert_eq!(Exit::Of(Status::Signaled(9)).number(), 137);
        assert_eq!(Exit::Of(Status::Exited(256)).number(), 255);
    }

    #[test]
    fn the_worst_counts() {
        assert_eq!(Exit::Done.and(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Failed.and(Exit::Done), Exit::Failed);
        assert_eq!(Exit::Usage.and(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Host.and(Exit::Failed), Exit::Host);
    }
}
