//! Commands that run when a jail starts and stops, and how.

use super::define::{Since, properties};
use super::typed::Arguments;

properties! {
    /// Host command before the jail is made
    EXEC_PRESTART: Option<String> = ("exec_prestart", "-").lines().live();

    /// Host command right after the jail is made
    EXEC_CREATED: Option<String> = ("exec_created", "-").lines().live();

    /// Command in the jail that starts it
    EXEC_START: String = ("exec_start", "/bin/sh /etc/rc").lines().live();

    /// Host command after `exec_start`
    EXEC_POSTSTART: Option<String> = ("exec_poststart", "-").lines().live();

    /// Host command before anything is stopped
    EXEC_PRESTOP: Option<String> = ("exec_prestop", "-").lines().live();

    /// Command in the jail that stops it
    EXEC_STOP: String = ("exec_stop", "/bin/sh /etc/rc.shutdown").lines().live();

    /// Host command after the jail is gone
    EXEC_POSTSTOP: Option<String> = ("exec_poststop", "-").lines().live();

    /// Run hooks and commands in a clean environment
    EXEC_CLEAN: bool = ("exec_clean", "yes").live();

    /// Routing table of commands in the jail, setfib(1)
    EXEC_FIB: u16 = ("exec_fib", "0").live();

    /// User that runs `exec_start`, `exec_stop` and commands in the jail
    EXEC_JAIL_USER: String = ("exec_jail_user", "root").live();

    /// Look `exec_jail_user` up on the host instead of in the jail
    EXEC_SYSTEM_JAIL_USER: bool = ("exec_system_jail_user", "no").kept().since(Since::Iocage(1));

    /// User that runs host commands
    EXEC_SYSTEM_USER: String = ("exec_system_user", "root").kept().since(Since::Iocage(1));

    /// Arguments of login(1) for `ioc console`
    LOGIN_FLAGS: Arguments = ("login_flags", "-f root").live();
}
