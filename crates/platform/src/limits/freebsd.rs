//! Limits of FreeBSD by rctl_add_rule(2) and its neighbours.

#![expect(unsafe_code, reason = "system calls that no crate wraps")]

use std::ffi::CString;
use std::io;

use ioc_model::name::KernelName;
use nix::errno::Errno;
use nix::libc;

use super::{LimitRule, Limits, LimitsError, rules};
use crate::freebsd::sysctl;
use crate::jails::RunningJail;

/// rctl(4) of this FreeBSD host.
#[derive(Clone, Copy, Debug, Default)]
pub struct FreeBsdLimits;

/// The four calls have one shape; rctl_add_rule(2).
type Rctl =
    unsafe extern "C" fn(*const libc::c_char, libc::size_t, *mut libc::c_char, libc::size_t) -> libc::c_int;

unsafe extern "C" {
    fn rctl_add_rule(
        input: *const libc::c_char,
        input_length: libc::size_t,
        output: *mut libc::c_char,
        output_length: libc::size_t,
    ) -> libc::c_int;
    fn rctl_remove_rule(
        input: *const libc::c_char,
        input_length: libc::size_t,
        output: *mut libc::c_char,
        output_length: libc::size_t,
    ) -> libc::c_int;
    fn rctl_get_rules(
        input: *const libc::c_char,
        input_length: libc::size_t,
        output: *mut libc::c_char,
        output_length: libc::size_t,
    ) -> libc::c_int;
    fn rctl_get_racct(
        input: *const libc::c_char,
        input_length: libc::size_t,
        output: *mut libc::c_char,
        output_length: libc::size_t,
    ) -> libc::c_int;
}

/// Room for answers; `kern.racct.rctl.maxbufsize` is 16 KiB by default, more is refused with E2BIG.
const ROOMS: [usize; 2] = [4 << 10, 16 << 10];

/// Makes one of the calls and returns what it wrote.
fn call(function: Rctl, input: &str) -> Result<String, Errno> {
    let input = CString::new(input).map_err(|_| Errno::EINVAL)?;
    let mut result = Err(Errno::ERANGE);
    for room in ROOMS {
        let mut output = vec![0u8; room];
        // SAFETY: `input` ends with NUL and is as long as said; `output` has `room` writable bytes.
        let returned = unsafe {
            function(input.as_ptr(), input.as_bytes_with_nul().len(), output.as_mut_ptr().cast(), room)
        };
        result = Errno::result(returned).map(|_| {
            let text = output.split(|&b| b == 0).next().unwrap_or_default();
            String::from_utf8_lossy(text).into_owned()
        });
        if result != Err(Errno::ERANGE) {
            break;
        }
    }
    result
}

/// Puts an error into our terms.
fn failed(action: impl Into<String>, errno: Errno) -> LimitsError {
    match (errno, unavailable()) {
        (Errno::ENOSYS, Some(error)) => error,
        _ => LimitsError::System { action: action.into(), source: io::Error::from(errno) },
    }
}

/// The reason if this kernel does not count or limit resources; rctl(8).
fn unavailable() -> Option<LimitsError> {
    let reason = match sysctl::number("kern.racct.enable") {
        Ok(Some(0)) => {
            "they are switched off; put kern.racct.enable=1 into /boot/loader.conf and restart the host"
                .to_owned()
        }
        Ok(None) => "this kernel was built without the options RACCT and RCTL".to_owned(),
        Ok(Some(_)) => return None,
        Err(error) => format!("cannot read kern.racct.enable: {error}"),
    };
    Some(LimitsError::Unavailable { reason })
}

fn filter(name: &KernelName) -> Result<String, LimitsError> {
    rules::filter(name).ok_or_else(|| LimitsError::Unavailable {
        reason: format!("the name of jail {name} has a colon, which rctl(4) takes for the end of the name"),
    })
}

/// Removes the rules that match; none is no error.
fn remove(filter: &str) -> Result<(), Errno> {
    match call(rctl_remove_rule, filter) {
        Ok(_) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno),
    }
}

impl Limits for FreeBsdLimits {
    fn check(&self, rules: &[LimitRule]) -> Result<(), LimitsError> {
        if rules.is_empty() {
            return Ok(());
        }
        rules.iter().try_for_each(rules::check)?;
        unavailable().map_or(Ok(()), Err)
    }

    fn apply(&self, jail: &RunningJail, wanted: &[LimitRule]) -> Result<(), LimitsError> {
        if wanted.is_empty() {
            return self.clear(&jail.name);
        }
        self.check(wanted)?;
        let filter = filter(&jail.name)?;
        let action = |what: &str| format!("{what} of jail {}", jail.name);
        let now = call(rctl_get_rules, &filter).map_err(|e| failed(action("read the limits"), e))?;
        let now = rules::parse(&filter, &now);
        // New rules first, so that there is no moment without limits. A rule that denies replaces one that differs
        // in its amount only; the kernel sees to that.
        for rule in wanted.iter().filter(|rule| !now.contains(rule)) {
            call(rctl_add_rule, &rules::render(&filter, rule)).map_err(|errno| match errno {
                Errno::EOPNOTSUPP => LimitsError::Unsupported {
                    resource: rule.resource.clone(),
                    action: rule.action.clone(),
                    per: rule.per.clone(),
                },
                errno => failed(action(&format!("limit {}", rule.resource)), errno),
            })?;
        }
        for rule in now.iter().filter(|rule| !wanted.contains(rule)) {
            remove(&rules::render(&filter, rule))
                .map_err(|e| failed(action(&format!("remove the limit of {}", rule.resource)), e))?;
        }
        Ok(())
    }

    fn clear(&self, name: &KernelName) -> Result<(), LimitsError> {
        let filter = filter(name)?;
        match remove(&filter) {
            // Where nothing is counted there are no rules.
            Ok(()) | Err(Errno::ENOSYS) => Ok(()),
            Err(errno) => Err(failed(format!("remove the limits of jail {name}"), errno)),
        }
    }

    fn usage(&self, jail: &RunningJail) -> Result<Vec<(String, u64)>, LimitsError> {
        let text = call(rctl_get_racct, &filter(&jail.name)?)
            .map_err(|e| failed(format!("read the usage of jail {}", jail.name), e))?;
        Ok(rules::usage(&text))
    }
}
