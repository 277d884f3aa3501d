//! From `create` to `destroy`.

use ioc_testkit::scenarios;

scenarios! {
    fn a_jail_lives_and_dies(machine) {
        machine.jail("web", &[]);
        assert!(machine.ok(&["list"]).contains("web"));
        assert!(machine.ok(&["start", "web"]).starts_with("web running as JID "));
        assert_eq!(machine.ok(&["exec", "web", "--", "echo", "hello"]), "hello\n");
        assert_eq!(machine.ok(&["get", "running", "web"]), "yes\n");
        assert_eq!(machine.ok(&["stop", "web"]), "web stopped\n");
        assert_eq!(machine.ok(&["get", "running", "web"]), "no\n");
        assert_eq!(machine.left_behind(), Vec::<String>::new());
        machine.ok(&["destroy", "-f", "web"]);
        assert!(!machine.mounted_at().join("jails/web").exists());
        assert!(!machine.ok(&["list"]).contains("web"));
    }

    fn it_lives_on_without_the_command_that_started_it(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        machine.ok(&["exec", "web", "--", "touch", "/tmp/mark"]);
        machine.ok(&["exec", "web", "--", "test", "-e", "/tmp/mark"]);
        assert!(machine.jail_root("web").join("tmp/mark").exists());
    }

    fn starting_twice_and_stopping_twice_is_no_failure(machine) {
        machine.jail("web", &[]);
        let first = machine.ok(&["start", "web"]);
        let jid = first.split_whitespace().last().unwrap().to_owned();
        assert!(machine.ok(&["start", "web"]).contains(&jid));
        machine.ok(&["stop", "web"]);
        machine.ok(&["stop", "web"]);
    }

    fn the_status_of_a_command_is_passed_on(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        assert_eq!(machine.run(&["exec", "web", "--", "sh", "-c", "exit 7"]).status, 7);
        assert_eq!(machine.run(&["exec", "web", "--", "sh", "-c", "kill -9 $$"]).status, 137);
        assert_eq!(machine.run(&["exec", "web", "--", "/nowhere"]).status, 127);
        assert_eq!(machine.run(&["exec", "web", "sh", "-c", "exit 3"]).status, 3);
    }

    fn a_command_can_have_a_jail_for_itself(machine) {
        machine.jail("web", &[]);
        assert_eq!(machine.ok(&["exec", "--fork", "web", "--", "echo", "once"]), "once\n");
        assert_eq!(machine.run(&["exec", "--fork", "web", "--", "sh", "-c", "exit 5"]).status, 5);
        assert_eq!(machine.ok(&["get", "running", "web"]), "no\n");
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }

    fn commands_run_as_a_user_of_the_jail(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["exec", "-u", "nobody", "web", "--", "id", "-un"]), "nobody\n");
        assert!(machine.fails(1, &["exec", "-u", "ghost", "web", "--", "true"]).contains("ghost"));
    }

    fn a_basejail_cannot_change_its_base(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        assert_ne!(machine.run(&["exec", "web", "--", "touch", "/usr/bin/mark"]).status, 0);
        assert!(!std::path::Path::new("/usr/bin/mark").exists());
    }

    fn an_empty_jail_is_empty(machine) {
        machine.ok(&["create", "-e", "void"]);
        let root = machine.jail_root("void");
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 0);
    }

    fn several_at_once(machine) {
        machine.host_release();
        machine.ok(&["create", "-r", "host", "-c", "3", "n"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "n_1\nn_2\nn_3\n");
        machine.ok(&["start", "n_1", "n_2", "n_3"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name", "running=yes"]).lines().count(), 3);
        machine.ok(&["stop", "*"]);
        machine.ok(&["destroy", "-f", "n_1", "n_3"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "n_2\n");
    }

    fn hooks_run_in_order_with_their_environment(machine) {
        let log = machine.directory().join("log");
        let note = |hook: &str| format!("exec_{hook}=echo {hook} $IOC_NAME $IOC_JID >> {}", log.display());
        let hooks: Vec<String> = ["prestart", "created", "poststart", "prestop", "poststop"].map(note).into();
        let mut properties: Vec<&str> = hooks.iter().map(String::as_str).collect();
        properties.extend(["exec_start=echo start > /tmp/start", "exec_stop=echo stop > /tmp/stop"]);
        machine.jail("web", &properties);
        let said = machine.ok(&["start", "web"]);
        let jid = said.split_whitespace().last().unwrap().to_owned();
        machine.ok(&["stop", "web"]);
        let expected = format!(
            "prestart web\ncreated web {jid}\npoststart web {jid}\nprestop web {jid}\npoststop web\n"
        );
        let lines: Vec<String> =
            std::fs::read_to_string(&log).unwrap().lines().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(lines.join("\n") + "\n", expected);
        assert!(machine.jail_root("web").join("tmp/start").exists());
        assert!(machine.jail_root("web").join("tmp/stop").exists());
    }

    fn a_failing_hook_undoes_the_start(machine) {
        machine.jail("web", &["exec_poststart=echo no luck >&2; exit 3"]);
        let said = machine.fails(1, &["start", "web"]);
        assert!(said.contains("exec_poststart") && said.contains("no luck"), "{said}");
        assert_eq!(machine.ok(&["get", "running", "web"]), "no\n");
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }

    fn a_template_makes_jails(machine) {
        machine.jail("base", &["priority=7"]);
        std::fs::write(machine.jail_root("base").join("etc/motd"), "from the template\n").unwrap();
        machine.ok(&["set", "template=yes", "base"]);
        machine.fails(1, &["start", "base"]);
        machine.ok(&["create", "-t", "base", "web"]);
        assert_eq!(machine.ok(&["get", "priority", "web"]), "7\n");
        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["exec", "web", "--", "cat", "/etc/motd"]), "from the template\n");
    }
}
