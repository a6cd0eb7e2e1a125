//! How much memory there is: that of the machine, or what a container or a service may take of it, whichever is less.

use std::{fs, path::PathBuf};

use procfs::{Current, Meminfo, ProcessCGroups, process::Process};

/// Where control groups are found.
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// Memory that this server and its programs may take, in bytes.
pub(super) fn available() -> u64 {
    let machine = Meminfo::current().map_or(u64::MAX, |memory| memory.mem_total);
    let groups = Process::myself().and_then(|process| process.cgroups());
    let files = groups.map(|groups| limit_files(&groups)).unwrap_or_default();
    let limits = files.iter().filter_map(|file| limit(&fs::read_to_string(file).ok()?));
    limits.fold(machine, u64::min)
}

/// The files that may hold a limit: of the own groups and of all around them, of either version. A container sees its
/// own group as the outermost one, whatever it is called outside.
fn limit_files(groups: &ProcessCGroups) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for group in groups {
        let (mount, file) = if group.hierarchy == 0 {
            (PathBuf::from(CONTROL_GROUPS), "memory.max")
        } else if group.controllers.iter().any(|controller| controller == "memory") {
            (PathBuf::from(CONTROL_GROUPS).join("memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        let own = mount.join(group.pathname.trim_start_matches('/'));
        files.extend(
            own.ancestors().take_while(|around| around.starts_with(&mount)).map(|around| around.join(file)),
        );
    }
    files
}

/// What such a file says: a number of bytes, or `max` for none.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use procfs::FromRead;

    use super::*;

    fn files(groups: &str) -> Vec<String> {
        let groups = ProcessCGroups::from_read(groups.as_bytes()).unwrap();
        limit_files(&groups).into_iter().map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn limits_stand_in_the_own_group_and_in_those_around_it() {
        assert_eq!(
            files("0::/system.slice/talk-recorder.service\n"),
            [
                "/sys/fs/cgroup/system.slice/talk-recorder.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            files("9:cpu,cpuacct:/a\n4:memory:/a\n0::/\n"),
            [
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory.max",
            ]
        );
    }

    #[test]
    fn a_limit_is_a_number_of_bytes_or_none() {
        assert_eq!(limit("2147483648\n"), Some(2 << 30));
        assert_eq!(
            limit("9223372036854771712\n"),
            Some(9_223_372_036_854_771_712),
            "version 1 has no word for none"
        );
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit(""), None);
    }

    #[test]
    fn there_is_never_more_than_the_machine_has() {
        let machine = Meminfo::current().unwrap().mem_total;
        assert!((1..=machine).contains(&available()), "{} of {machine}", available());
    }
}
