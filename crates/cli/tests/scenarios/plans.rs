//! `--plan` tells the truth and changes nothing.

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;
use serde_json::Value;

/// The kinds of the steps of the plan that a command prints.
fn planned(machine: &Machine, args: &[&str]) -> Vec<String> {
    let text = machine.ok(&[&["--json"], args, &["--plan"]].concat());
    let plans: Value = serde_json::from_str(&text).unwrap();
    let steps = plans["plans"][0]["steps"].as_array().unwrap();
    steps.iter().map(|step| step["step"].as_str().unwrap().to_owned()).collect()
}

/// The kinds of the steps that a command takes, as its events tell.
fn taken(machine: &Machine, args: &[&str]) -> Vec<String> {
    let said = machine.run(&[&["--events=json"], args].concat());
    assert_eq!(said.status, 0, "{said}");
    let events = said.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let begun = events.filter(|event| event["state"] == "begin" && event["step"].is_object());
    begun.map(|event| event["step"]["kind"].as_str().unwrap().to_owned()).collect()
}

scenarios! {
    fn applied_steps_are_the_planned_ones(machine) {
        machine.host_release();
        for args in [&["create", "-r", "host", "web"][..], &["start", "web"], &["stop", "web"], &["destroy", "-f", "web"]] {
            let plan = planned(machine, args);
            assert!(!plan.is_empty(), "{args:?}");
            assert_eq!(taken(machine, args), plan, "{args:?}");
        }
    }

    fn a_plan_changes_nothing(machine) {
        machine.host_release();
        machine.ok(&["create", "-r", "host", "web", "--plan"]);
        assert!(!machine.mounted_at().join("jails/web").exists());
        machine.jail("web", &[]);
        let said = machine.ok(&["start", "--plan", "web"]);
        assert!(said.contains("create jail") && said.contains("mount"), "{said}");
        assert_eq!(machine.ok(&["get", "running", "web"]), "no\n");
        machine.ok(&["destroy", "-f", "--plan", "web"]);
        machine.ok(&["set", "--plan", "priority=3", "web"]);
        assert_eq!(machine.ok(&["get", "priority", "web"]), "0\n");
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }

    fn what_a_killed_command_left_is_undone_by_the_next(machine) {
        machine.jail("web", &["exec_poststart=sleep 20"]);
        let mut start = machine.command(&["start", "web"]).spawn().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while machine.ok(&["get", "running", "web"]) != "yes\n" && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        start.kill().unwrap();
        start.wait().unwrap();
        let said = machine.run(&["set", "exec_poststart", "web"]);
        assert_eq!(said.status, 0, "{said}");
        assert!(said.stderr.contains("interrupted start of web was undone"), "{said}");
        assert_eq!(machine.ok(&["get", "running", "web"]), "no\n");
        assert_eq!(machine.left_behind(), Vec::<String>::new());
        machine.ok(&["start", "web"]);
    }

    fn an_interrupted_command_takes_back_what_it_did(machine) {
        machine.jail("web", &["exec_created=sleep 2", "exec_poststart=true"]);
        let start = machine.command(&["start", "web"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1000));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(start.id() as i32), nix::sys::signal::SIGTERM).unwrap();
        let output = start.wait_with_output().unwrap();
        assert_ne!(output.status.code(), Some(0));
        assert_eq!(machine.ok(&["get", "running", "web"]), "no\n");
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }

    fn a_full_restart_can_be_planned_and_done(machine) {
        machine.jail("web", &[]);
        let first = machine.ok(&["start", "web"]);
        let said = machine.ok(&["restart", "-s", "--plan", "web"]);
        assert!(said.contains("remove jail") && said.contains("start that follows"), "{said}");
        assert_eq!(machine.ok(&["get", "running", "web"]), "yes\n");
        let second = machine.ok(&["restart", "-s", "web"]);
        assert_ne!(first.split_whitespace().last(), second.split_whitespace().last());
        machine.ok(&["restart", "web"]);
    }
}
