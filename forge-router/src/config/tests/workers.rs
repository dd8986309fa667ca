use std::num::NonZeroU32;

use super::*;

fn on(machine: &Machine, lines: &str) -> Vec<WorkerConfig> {
    let files = Files::new();
    let path = files.write("forge.toml", &format!("[models.m]\npath = \"m.pt\"\n{lines}"));
    load(&path, &Overrides::default(), machine).unwrap().models.remove(0).workers
}

#[test]
fn threads_default_to_a_share_of_the_usable_cpus() {
    for (cpus, quota, lines, threads) in [
        (1, None, "", vec![1]),
        (2, None, "", vec![2]),
        (16, None, "", vec![4]),
        (16, Some(2.0), "", vec![2]),
        (8, None, "workers = 3", vec![2, 2, 2]),
        (2, None, "workers = 3", vec![1, 1, 1]),
        (16, None, "cpus = \"0-4\"\nworkers = 2", vec![3, 2]),
        (16, Some(1.0), "cpus = \"0-4\"", vec![1]),
        (2, None, "num_threads = 7", vec![7]),
    ] {
        let machine = Machine { usable_cpus: (0..cpus).collect(), cpu_quota: quota };
        let given: Vec<u32> = on(&machine, lines).iter().map(|it| it.threads.get()).collect();
        assert_eq!(given, threads, "{cpus} CPUs, {quota:?}, {lines}");
    }
}

#[test]
fn cpus_are_split_among_the_workers() {
    let machine = Machine { usable_cpus: vec![0, 2, 3, 6, 7], cpu_quota: None };
    for (lines, cpus) in [
        ("cpus = \"0,2-3\"", vec![vec![0, 2, 3]]),
        ("cpus = \"0,2-3,6-7\"\nworkers = 2", vec![vec![0, 2, 3], vec![6, 7]]),
        ("workers = 2", vec![vec![], vec![]]),
    ] {
        let given: Vec<Vec<usize>> = on(&machine, lines).into_iter().map(|it| it.cpus).collect();
        assert_eq!(given, cpus, "{lines}");
    }
}

#[test]
fn devices_are_given_in_turn() {
    for (lines, devices) in [
        ("device = \"cuda\"\nworkers = 2", "cuda:0 cuda:0"),
        ("devices = [\"cuda:0\", \"cuda:1\"]\nworkers = 3", "cuda:0 cuda:1 cuda:0"),
        ("devices = [\"cuda:1\", \"cpu\"]", "cuda:1"),
    ] {
        let given: Vec<String> =
            model(lines).workers.iter().map(|worker| worker.device.to_string()).collect();
        assert_eq!(given.join(" "), devices, "{lines}");
    }
}

#[test]
fn another_number_of_workers_gets_what_the_config_would_have_given_it() {
    let machine = Machine { usable_cpus: (0..4).collect(), cpu_quota: None };
    for lines in ["", "cpus = \"0-3\"", "num_threads = 3", "devices = [\"cuda:0\", \"cuda:1\"]"] {
        let scaled = model(lines).workers_for(NonZeroU32::new(3).unwrap(), &machine);
        assert_eq!(scaled, Ok(on(&machine, &format!("workers = 3\n{lines}"))), "{lines}");
    }
    for (lines, count, told) in [
        ("cpus = \"0-1\"", 3, "2 CPUs cannot be split among 3 workers"),
        ("", 257, "257 workers: at most 256 are allowed"),
    ] {
        let scaled = model(lines).workers_for(NonZeroU32::new(count).unwrap(), &machine);
        assert_eq!(scaled, Err(told.to_owned()));
    }
}
