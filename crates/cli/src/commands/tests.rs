use clap::error::ErrorKind;

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn what_is_no_command_line() {
    for line in [
        "ioc frobnicate",
        "ioc create",
        "ioc create web boot",
        "ioc create -r 14.3-RELEASE -t base web",
        "ioc create -n web -s",
        "ioc create -n web -u 0f6c2b1a-77de-4e0c-8a5b-2f9d1c3e4b5a",
        "ioc create -u 0f6c2b1a",
        "ioc clone",
        "ioc get -s -j web",
        "ioc get -p web",
        "ioc get -r --origin boot",
        "ioc get -r",
        "ioc list -q -l",
        "ioc list -q -r",
        "ioc list -B -r",
        "ioc -D -d info list",
        "ioc start -i",
        "ioc create -c 0 web",
        "ioc start",
        "ioc start --rc web",
        "ioc start --rc -o boot=no",
        "ioc stop",
        "ioc restart",
        "ioc destroy -f",
        "ioc list -l -o name",
        "ioc list -N",
        "ioc list -f xml",
        "ioc list -r -t",
        "ioc fetch",
        "ioc fetch --host --archive x -r y",
        "ioc fetch --archive x",
        "ioc fetch -b",
        "ioc --source a=b=c list",
        "ioc -d loud list",
        "ioc --lock-timeout soon list",
        "ioc --lock-timeout -1 list",
        "ioc set web",
    ] {
        let error = parse(line).map(|arguments| panic!("{line}: {arguments:?}")).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn options_of_two_letters() {
    for line in ["ioc create -nb web", "ioc create --no-basejail web", "ioc list -NH", "ioc list -NHo name"] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn debug_and_version_as_iocage_has_them() {
    assert_eq!(parse("ioc -D list").unwrap().level(), crate::ui::Level::Debug);
    assert_eq!(parse("ioc list").unwrap().level(), crate::ui::Level::Info);
    assert!(parse("ioc -v").unwrap().version);
}

#[test]
fn options_stand_anywhere_but_for_the_log_level() {
    let arguments = parse("ioc -d DEBUG list -d --json --source a=/a --source b=/b").unwrap();
    assert_eq!(arguments.log_level, crate::ui::Level::Debug);
    assert!(arguments.global.json);
    assert_eq!(arguments.global.source.len(), 2);
    for level in ["critical", "notice", "screen", "spam", "warning"] {
        assert!(parse(&format!("ioc --log-level {level} list")).is_ok(), "{level}");
    }
}

#[test]
fn an_option_that_does_not_exist_is_named_as_it_was_written() {
    let error = usage_error(parse("ioc create -web boot=yes").unwrap_err(), &["-web".to_owned()]);
    assert_eq!(error.kind(), ErrorKind::UnknownArgument);
    assert!(error.to_string().contains("'-web'"), "{error}");
}

#[test]
fn commands_of_older_programs_lead_to_ours() {
    for (older, instead) in older::COMMANDS {
        let error = usage_error(parse(&format!("ioc {older} web")).unwrap_err(), &[]).to_string();
        assert!(error.contains(instead) && !error.contains("similar"), "{error}");
        for ours in instead.split('`').filter(|text| text.starts_with("ioc ")) {
            parse(&ours.replace('\'', "")).unwrap_or_else(|error| panic!("{ours}: {error}"));
        }
    }
}

#[test]
fn options_of_older_programs_lead_to_ours() {
    for (command, names, instead) in older::OPTIONS.iter().filter(|(command, ..)| *command != "exec") {
        for name in *names {
            let line = format!("ioc {command} {name}");
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let error = usage_error(parse(&line).unwrap_err(), &words).to_string();
            assert!(error.contains(instead) && error.contains(name) && !error.contains("similar"), "{error}");
        }
        for ours in instead.split('`').filter(|text| text.starts_with("ioc ")) {
            let ours = ours.split(" > ").next().unwrap();
            parse(&ours.replace('\'', "")).unwrap_or_else(|error| panic!("{ours}: {error}"));
        }
    }
}

/// Compares with a file that is read in review; `UPDATE_GOLDEN=1 cargo test` rewrites it.
fn golden(name: &str, actual: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{} is not what --help prints now:\n{actual}", path.display());
}

#[test]
fn help_texts() {
    let mut command = Arguments::command().term_width(100);
    command.build();
    golden("help.txt", &command.render_help().to_string());
    for name in ["create", "exec", "get", "list", "start"] {
        let command = command.find_subcommand_mut(name).unwrap();
        golden(&format!("help-{name}.txt"), &command.render_long_help().to_string());
    }
}

#[test]
fn every_option_is_explained() {
    let command = Arguments::command();
    for command in command.get_subcommands() {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let help =
                argument.get_help().unwrap_or_else(|| panic!("{} {}", command.get_name(), argument.get_id()));
            assert!(!help.to_string().ends_with('.'), "{} {}", command.get_name(), argument.get_id());
        }
    }
}
