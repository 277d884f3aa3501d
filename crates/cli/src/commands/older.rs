//! What iocage, and the shell iocage before it, call otherwise or have and ioc has not.

/// Commands, and what does the same.
pub(super) const COMMANDS: [(&str, &str); 12] = [
    ("chroot", "`ioc console JAIL`, or `ioc exec JAIL COMMAND`"),
    ("clean", "`ioc destroy '*'`, with -r releases, with -t templates"),
    ("defaults", "`ioc get all defaults`"),
    ("inuse", "`ioc list -o name,usage.memoryuse`"),
    ("limits", "`ioc get memoryuse JAIL`, `ioc list -o name,memoryuse,usage.memoryuse`"),
    ("rcboot", "`ioc start --rc`"),
    ("rcshutdown", "`ioc stop --rc`"),
    ("reset", "`ioc set PROPERTY JAIL`"),
    ("rollback", "`ioc snapshot rollback JAIL@NAME`"),
    ("show", "`ioc list`"),
    ("snaplist", "`ioc snapshot list JAIL`"),
    ("snapremove", "`ioc snapshot remove JAIL@NAME`"),
];

/// Options of commands (of none: those before the command), long and short, and what to do instead.
pub(super) const OPTIONS: [(&str, &[&str], &str); 7] = [
    ("", &["--force", "-f"], "only `ioc migrate '*'` converts old jails, and it asks"),
    (
        "create",
        &["--pkglist", "-p"],
        "start the jail, then `ioc exec JAIL pkg install -y PACKAGE` once it has a network",
    ),
    (
        "create",
        &["--thickconfig", "-C"],
        "a configuration has what differs from the defaults; `ioc get all JAIL` shows everything, and \
         `ioc set PROPERTY=VALUE JAIL` makes it independent of a default",
    ),
    ("debug", &["--directory", "-d"], "the report is a result: `ioc debug > FILE`"),
    ("exec", &["--host_user"], "commands run as users of the jail: `ioc exec --user USER JAIL COMMAND`"),
    (
        "list",
        &["--plugins", "-P"],
        "jails made of plugins are `ioc list -o full_name,plugin_name plugin_name!=none`",
    ),
    ("list", &["--http"], "it has no effect in iocage either; without it the list is the same"),
];

/// What the command is called here.
pub(super) fn command(older: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(command, _)| *command == older).map(|(_, instead)| *instead)
}

/// What to do instead of giving a command this option.
pub(super) fn option(command: &str, option: &str) -> Option<&'static str> {
    let option = option.split_once('=').map_or(option, |(option, _)| option);
    let named = |names: &[&str]| names.contains(&option);
    OPTIONS.iter().find(|(of, names, _)| *of == command && named(names)).map(|(.., instead)| *instead)
}
