//! Resource limits: what rctl(8) is told to do with one resource of a jail.

use std::fmt;
use std::str::FromStr;

use crate::size::Size;

/// What happens when the amount is reached; rctl(8), "ACTIONS".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The allocation is refused.
    Deny,
    /// A warning is logged to the console.
    Log,
    /// devd(8) is notified.
    Devctl,
    /// Input and output are slowed down (`readbps`, `writebps`, `readiops`, `writeiops` only).
    Throttle,
    /// The process gets a signal: `sigterm`, in lower case.
    Signal(String),
}

/// Who the amount is counted for; rctl(8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Per {
    /// The jail as a whole; the default.
    Jail,
    /// Each user of the jail.
    User,
    /// Each process of the jail.
    Process,
    /// Each login class of the jail.
    LoginClass,
}

/// The value of a resource limit.
///
/// Prints as `ACTION=AMOUNT`, with `/PER` unless that is the jail; rctl(8) takes this text as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    /// What happens when the amount is reached.
    pub action: Action,
    /// The amount: bytes, seconds, percent or a number, as the resource has it.
    pub amount: Amount,
    /// Who it is counted for.
    pub per: Per,
}

/// How much of a resource; keeps whether it was written with a unit, so that 1024 processes do not become `1K`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Amount {
    /// The number, any unit multiplied in.
    pub value: u64,
    /// Whether to print it with a unit.
    pub with_unit: bool,
}

impl FromStr for Amount {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let size: Size = text.parse().map_err(|_| LimitError::Amount(text.to_owned()))?;
        Ok(Amount { value: size.as_bytes(), with_unit: text.ends_with(|c: char| c.is_ascii_alphabetic()) })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.with_unit { Size::bytes(self.value).fmt(f) } else { self.value.fmt(f) }
    }
}

/// Why a text is not a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// The action is none of rctl(8).
    #[error("{0:?} is not one of the actions deny, log, devctl, throttle, sigNAME")]
    Action(String),
    /// The amount is no number with unit.
    #[error("{0:?} is not an amount")]
    Amount(String),
    /// The subject is none of rctl(8).
    #[error("{0:?} is not one of jail, user, process, loginclass")]
    Per(String),
}

/// Signals that rctl(8) knows, without `sig`: those of signal(3).
const SIGNALS: [&str; 33] = [
    "hup", "int", "quit", "ill", "trap", "abrt", "emt", "fpe", "kill", "bus", "segv", "sys", "pipe", "alrm",
    "term", "urg", "stop", "tstp", "cont", "chld", "ttin", "ttou", "io", "xcpu", "xfsz", "vtalrm", "prof",
    "winch", "info", "usr1", "usr2", "thr", "librt",
];

impl FromStr for Action {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let lower = text.to_ascii_lowercase();
        match lower.as_str() {
            "deny" => Ok(Action::Deny),
            "log" => Ok(Action::Log),
            "devctl" => Ok(Action::Devctl),
            "throttle" => Ok(Action::Throttle),
            other => match other.strip_prefix("sig") {
                Some(name) if SIGNALS.contains(&name) => Ok(Action::Signal(lower)),
                _ => Err(LimitError::Action(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Deny => "deny",
            Action::Log => "log",
            Action::Devctl => "devctl",
            Action::Throttle => "throttle",
            Action::Signal(name) => name,
        })
    }
}

impl FromStr for Per {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        match text {
            "jail" => Ok(Per::Jail),
            "user" => Ok(Per::User),
            "process" => Ok(Per::Process),
            "loginclass" => Ok(Per::LoginClass),
            other => Err(LimitError::Per(other.to_owned())),
        }
    }
}

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Per::Jail => "jail",
            Per::User => "user",
            Per::Process => "process",
            Per::LoginClass => "loginclass",
        })
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    /// Reads `AMOUNT`, `ACTION=AMOUNT[/PER]` and `AMOUNT:ACTION` (older iocage); no action means deny.
    fn from_str(text: &str) -> Result<Self, LimitError> {
        let (action, rest) = match (text.split_once('='), text.split_once(':')) {
            (Some((action, rest)), _) => (action.trim().parse()?, rest),
            (None, Some((rest, action))) => (action.trim().parse()?, rest),
            (None, None) => (Action::Deny, text),
        };
        let (amount, per) = match rest.split_once('/') {
            Some((amount, per)) => (amount, per.trim().parse()?),
            None => (rest, Per::Jail),
        };
        Ok(Limit { action, amount: amount.trim().parse()?, per })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.action, self.amount)?;
        match self.per {
            Per::Jail => Ok(()),
            per => write!(f, "/{per}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_syntaxes_of_all_programs() {
        for (text, shown) in [
            ("128M", "deny=128M"),
            ("1024", "deny=1024"),
            ("deny=1G/jail", "deny=1G"),
            ("deny=128M/user", "deny=128M/user"),
            ("8G:log", "log=8G"),
            ("SIGTERM=1024k", "sigterm=1M"),
            ("throttle=10m", "throttle=10M"),
        ] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn refusals() {
        for bad in
            ["", "off", "deny=", "=1G", "deny=1G/", "1G:", "sigfoo=1", "deny=1G/host", "deny=-1", "1G:log:x"]
        {
            assert!(bad.parse::<Limit>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text: String) {
            let _ = text.parse::<Limit>();
        }

        #[test]
        fn printed_limits_read_back(action in "deny|log|devctl|sigkill", amount: u64, per in "jail|user|process") {
            let limit: Limit = format!("{action}={amount}/{per}").parse().unwrap();
            prop_assert_eq!(limit.to_string().parse(), Ok(limit));
        }
    }
}
