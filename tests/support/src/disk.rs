//! A disk that is soon full: a file system in memory, of a size of its own. Only root may mount one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A mounted disk. It is taken off again when it is dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts a disk of this size on a directory, which is made.
    ///
    /// # Panics
    /// When this process may not mount anything.
    pub fn mount(directory: &Path, mib: u32) -> Self {
        fs::create_dir_all(directory).expect("the directory is made");
        let size = format!("size={mib}m,mode=0700");
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "small-disk"]).arg(directory).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "a small disk cannot be mounted: run this test as root, in a container with CAP_SYS_ADMIN"
        );
        Self(directory.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open must not keep it there.
        let status = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(
            std::thread::panicking() || status.is_ok_and(|status| status.success()),
            "{} stays mounted",
            self.0.display()
        );
    }
}
