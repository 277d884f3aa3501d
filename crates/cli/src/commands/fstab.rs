//! `ioc fstab`

mod editor;

use clap::Subcommand;
use libioc::Error;
use libioc::model::fstab::{Entry, NULLFS, default_options};
use libioc::model::name::JailRef;
use libioc::model::property::Value;
use libioc::operation::{EditFstab, FstabChange, FstabLine, FstabReport, list_fstab};
use serde_json::json;

use super::PlanOption;
use crate::session::Session;
use crate::tasks::{self, Results};
use crate::ui::{Exit, Failure, Format, Table, output, visible_file, visible_lines};

/// Show and change what a jail mounts
///
/// A destination is a path in the jail, or the path of the host that leads there; none of its directories may be a
/// link. Comments and lines that are not changed stay as they are. On FreeBSD a running jail gets and loses mounts at
/// once, unless --later is given; on Linux when it is started next.
///
/// The options of iocage are understood as well: -l, -a, -r, -R and -e.
#[derive(Debug, clap::Args)]
#[command(subcommand_negates_reqs = true, override_usage = "ioc fstab COMMAND [OPTIONS] ... [SOURCE/]JAIL")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    old: OldForm,
}

/// The form that iocage has.
#[derive(Debug, clap::Args)]
struct OldForm {
    /// List the lines
    #[arg(short = 'l', long, hide = true, group = "action")]
    list: bool,

    /// Add a line
    #[arg(short = 'a', long, hide = true, group = "action")]
    add: bool,

    /// Remove a line
    #[arg(short = 'r', long, hide = true, group = "action")]
    remove: bool,

    /// Replace the line with this number
    #[arg(short = 'R', long, value_name = "INDEX", hide = true, group = "action")]
    replace: Option<u32>,

    /// Edit the file
    #[arg(short = 'e', long, hide = true, group = "action")]
    edit: bool,

    #[command(flatten)]
    script: ScriptOption,

    #[command(flatten)]
    change: ChangeOptions,

    #[arg(value_names = ["JAIL", "ENTRY"], num_args = 1.., hide = true)]
    words: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the file
    Show {
        #[command(flatten)]
        script: ScriptOption,
        /// The jail
        #[arg(value_name = "[SOURCE/]JAIL")]
        jail: String,
    },
    /// List the mounts with their numbers
    List {
        #[command(flatten)]
        script: ScriptOption,
        /// The jail
        #[arg(value_name = "[SOURCE/]JAIL")]
        jail: String,
    },
    /// Add a mount
    Add {
        #[command(flatten)]
        line: LineOptions,
        #[command(flatten)]
        change: ChangeOptions,
        /// What to mount, where in the jail (the same path, if not given), and the jail
        #[arg(value_names = ["SOURCE", "DESTINATION", "JAIL"], num_args = 2..=3, required = true)]
        words: Vec<String>,
    },
    /// Remove a mount
    #[command(visible_alias = "remove")]
    Rm {
        #[command(flatten)]
        change: ChangeOptions,
        /// Its number, its source or its destination
        line: String,
        /// The jail
        #[arg(value_name = "[SOURCE/]JAIL")]
        jail: String,
    },
    /// Put a mount in the place of another
    Replace {
        #[command(flatten)]
        line: LineOptions,
        #[command(flatten)]
        change: ChangeOptions,
        /// Number, source or destination of the old one; source and destination of the new one; the jail
        #[arg(value_names = ["LINE", "SOURCE", "DESTINATION", "JAIL"], num_args = 3..=4, required = true)]
        words: Vec<String>,
    },
    /// Edit the file with $VISUAL, $EDITOR or vi; it is checked before it takes effect
    Edit {
        #[command(flatten)]
        change: ChangeOptions,
        /// The jail
        #[arg(value_name = "[SOURCE/]JAIL")]
        jail: String,
    },
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct ScriptOption {
    /// List the mounts for scripts: without heading, separated by tabs
    #[arg(short = 'H', long = "script")]
    script: bool,
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct ChangeOptions {
    /// Leave a running jail as it is; the change takes effect when it is started next
    #[arg(long)]
    later: bool,

    #[command(flatten)]
    plan: PlanOption,
}

#[derive(Debug, clap::Args)]
struct LineOptions {
    /// Options of the mount, separated by commas; ro for nullfs, rw for others, if not given
    #[arg(short, long)]
    options: Option<String>,

    /// Type of the file system
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = NULLFS)]
    kind: String,

    /// Number for dump(8)
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=9))]
    freq: u32,

    /// Number for fsck(8)
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=9))]
    passno: u32,

    /// Text to put at the end of the line, after #
    #[arg(short, long, value_name = "TEXT")]
    comment: Option<String>,
}

impl LineOptions {
    fn entry(&self, source: &str, destination: &str) -> Entry {
        Entry {
            source: source.to_owned(),
            destination: destination.to_owned(),
            kind: self.kind.clone(),
            options: self.options.clone().unwrap_or_else(|| default_options(&self.kind).to_owned()),
            freq: self.freq,
            passno: self.passno,
            comment: self.comment.clone().filter(|text| !text.trim().is_empty()),
        }
    }
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let jail = |text: &str| session.ioc.jail(text);
    let Some(verb) = &arguments.verb else { return arguments.old.run(session) };
    if !arguments.old.words.is_empty() || arguments.old.is_action() {
        return Err(Failure::Usage("give a command or one of iocage's options, not both".to_owned()));
    }
    match verb {
        Verb::Show { script, jail: text } if !script.script && !session.json => show(session, &jail(text)?),
        Verb::Show { script, jail: text } | Verb::List { script, jail: text } => {
            list(session, &jail(text)?, script.script)
        }
        Verb::Add { line, change, words } => {
            let (source, destination, text) = match &words[..] {
                [source, jail] => (source, source, jail),
                [source, destination, jail] => (source, destination, jail),
                _ => {
                    return Err(Failure::Usage(
                        "give a source, perhaps a destination, and the jail".to_owned(),
                    ));
                }
            };
            let change_to = FstabChange::Add(line.entry(source, destination));
            apply(session, jail(text)?, change_to, *change)
        }
        Verb::Rm { change, line, jail: text } => {
            apply(session, jail(text)?, FstabChange::Remove(line.clone()), *change)
        }
        Verb::Replace { line, change, words } => {
            let (which, source, destination, text) = match &words[..] {
                [which, source, jail] => (which, source, source, jail),
                [which, source, destination, jail] => (which, source, destination, jail),
                _ => return Err(Failure::Usage("give the old line, the new one, and the jail".to_owned())),
            };
            let line = line.entry(source, destination);
            apply(session, jail(text)?, FstabChange::Replace { which: which.clone(), line }, *change)
        }
        Verb::Edit { change, jail: text } => edit(session, jail(text)?, *change),
    }
}

impl OldForm {
    fn is_action(&self) -> bool {
        self.list || self.add || self.remove || self.edit || self.replace.is_some()
    }

    fn run(&self, session: &Session) -> Result<Exit, Failure> {
        let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
        if !self.is_action() {
            return usage("give one of show, list, add, rm, replace and edit; see `ioc fstab --help`");
        }
        let Some((jail, entry)) = self.words.split_first() else { return usage("no jail is given") };
        let jail = session.ioc.jail(jail)?;
        let entry = entry.join(" ");
        let wrong = |error: libioc::model::fstab::FstabError| {
            Failure::from(Error::Fstab { jail: jail.name.clone(), problem: error.to_string() })
        };
        if (self.list || self.edit) != entry.is_empty() {
            return usage(if entry.is_empty() {
                "no line is given"
            } else {
                "a line is given where none belongs"
            });
        }
        let change = if self.list {
            return list(session, &jail, self.script.script);
        } else if self.edit {
            return edit(session, jail, self.change);
        } else if let Some(index) = self.replace {
            FstabChange::Replace { which: index.to_string(), line: Entry::read(&entry).map_err(wrong)? }
        } else if self.add {
            FstabChange::Add(Entry::read(&entry).map_err(wrong)?)
        } else if entry.contains([' ', '\t']) {
            FstabChange::RemoveEntry(Entry::read(&entry).map_err(wrong)?)
        } else {
            FstabChange::Remove(entry)
        };
        apply(session, jail, change, self.change)
    }
}

fn show(session: &Session, jail: &JailRef) -> Result<Exit, Failure> {
    let (_, bytes) = list_fstab(&session.ioc, jail)?;
    let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
    output::results(|out| write!(out, "{}", visible_file(&text)))?;
    Ok(Exit::Done)
}

fn list(session: &Session, jail: &JailRef, script: bool) -> Result<Exit, Failure> {
    let (lines, _) = list_fstab(&session.ioc, jail)?;
    if session.json {
        let lines: Vec<_> = lines.iter().enumerate().map(|(at, line)| to_json(at, line)).collect();
        output::json(&json!({ "schema": "ioc.fstab/1", "jail": jail.to_string(), "lines": lines }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["index", "source", "destination", "type", "options", "mounted", "comment"]);
    for (at, FstabLine { entry, target, base, mounted }) in lines.iter().enumerate() {
        let text = |text: &str| Value::Text(text.to_owned());
        let destination = target.as_ref().map_or_else(|| entry.destination.clone(), ToString::to_string);
        table.push(vec![
            Value::Int(i64::try_from(at).unwrap_or(i64::MAX)),
            text(&entry.source),
            text(&destination),
            text(&entry.kind),
            text(&entry.options),
            Value::Bool(*mounted),
            match (&entry.comment, base) {
                (Some(comment), _) => text(comment),
                (None, true) => text("base"),
                (None, false) => Value::None,
            },
        ]);
    }
    let format = if script { Format::List } else { Format::Table };
    output::results(|out| table.write(out, format, !script))?;
    Ok(Exit::Done)
}

fn to_json(index: usize, line: &FstabLine) -> serde_json::Value {
    let mut document = entry_json(&line.entry);
    document["index"] = json!(index);
    document["path"] = json!(line.target.as_ref().map(ToString::to_string));
    document["base"] = json!(line.base);
    document["mounted"] = json!(line.mounted);
    document
}

fn entry_json(entry: &Entry) -> serde_json::Value {
    let Entry { source, destination, kind, options, freq, passno, comment } = entry;
    let options: Vec<&str> = options.split(',').filter(|option| !option.is_empty()).collect();
    json!({
        "source": source, "destination": destination, "type": kind, "options": options,
        "freq": freq, "passno": passno, "comment": comment,
    })
}

/// Lets the user edit a copy of the file, and puts it in the place of the file. If it is refused, it is kept.
fn edit(session: &Session, jail: JailRef, options: ChangeOptions) -> Result<Exit, Failure> {
    session.need_root("change the mounts of jails")?;
    let (_, before) = list_fstab(&session.ioc, &jail)?;
    let edited = editor::edit(session, &format!("fstab of {jail}"), before.as_deref().unwrap_or_default())?;
    let after = edited.content.clone();
    let exit = apply(session, jail, FstabChange::Rewrite { before, after }, options);
    if exit.is_err() {
        edited.keep(session);
    }
    exit
}

fn apply(
    session: &Session,
    jail: JailRef,
    change: FstabChange,
    ChangeOptions { later, plan }: ChangeOptions,
) -> Result<Exit, Failure> {
    let operation = EditFstab { jail, change, later };
    if plan.plan {
        return tasks::show_plans(session, [&operation as _]);
    }
    session.before_changes("change the mounts of jails")?;
    let FstabReport { removed, added } = operation.report(&session.ioc)?;
    let (plan, _) = session.ioc.apply(&operation, &session.screen)?;
    let line = |verb: &str, entry: &Entry| {
        format!("fstab mount {verb}: {} -> {} ({})", entry.source, entry.destination, entry.options)
    };
    let mut lines: Vec<String> = removed.iter().map(|entry| line("removed", entry)).collect();
    lines.extend(added.iter().map(|entry| line("added", entry)));
    let name = session.name(&operation.jail);
    if lines.is_empty() {
        let what = if plan.is_empty() { "unchanged" } else { "updated; what is mounted stays the same" };
        lines.push(format!("fstab of {name} {what}"));
    }
    let facts = json!({
        "operation": "fstab",
        "changed": !plan.is_empty(),
        "removed": removed.iter().map(entry_json).collect::<Vec<_>>(),
        "added": added.iter().map(entry_json).collect::<Vec<_>>(),
    });
    let mut results = Results::new(session);
    results.done(&name, &visible_lines(&lines.join("\n")), facts)?;
    results.finish()
}
