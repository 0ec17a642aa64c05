//! The process under attack.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A victim that serves on a unix socket. Dropping it kills and reaps the process.
pub struct Victim {
    pub child: Child,
    pub stdout: BufReader<ChildStdout>,
    socket: PathBuf,
    _directory: tempfile::TempDir,
}

impl Victim {
    /// Starts `executable` (`env!("CARGO_BIN_EXE_victim")`) in a mode, with further arguments, and
    /// waits until it says that it listens.
    ///
    /// # Panics
    ///
    /// Where the process does not start.
    pub fn start(executable: &str, mode: &str, arguments: &[&str]) -> Victim {
        Self::launch(Command::new(executable), mode, arguments)
    }

    /// The same, with a limit on how many descriptors the process may have open.
    ///
    /// # Panics
    ///
    /// Where the process does not start.
    pub fn start_with_descriptors(executable: &str, mode: &str, limit: usize) -> Victim {
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"ulimit -n "$0"; exec "$@""#])
            .arg(limit.to_string())
            .arg(executable);
        Self::launch(command, mode, &[])
    }

    fn launch(mut command: Command, mode: &str, arguments: &[&str]) -> Victim {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("victim");
        let mut child = command
            .arg(mode)
            .arg(&socket)
            .args(arguments)
            // Where a victim that is a whole plugin listens.
            .env("PLUGIN_UNIX_SOCKET_DIR", directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Victim {
            child,
            stdout,
            socket,
            _directory: directory,
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Connects to it. Reads and writes fail after 60 s, so that no attack waits for ever.
    ///
    /// # Panics
    ///
    /// Where it does not listen.
    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        let limit = Some(Duration::from_secs(60));
        stream.set_read_timeout(limit).unwrap();
        stream.set_write_timeout(limit).unwrap();
        stream
    }

    /// The most memory that was resident so far, in bytes. (`VmHWM`)
    pub fn peak_memory(&self) -> usize {
        self.status("VmHWM:") * 1024
    }

    /// The memory resident now, in bytes. (`VmRSS`)
    pub fn memory(&self) -> usize {
        self.status("VmRSS:") * 1024
    }

    /// How many descriptors it has open.
    ///
    /// # Panics
    ///
    /// Where the process is gone.
    pub fn descriptors(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        open.count()
    }

    /// The processor time that it has used, its system calls included.
    ///
    /// # Panics
    ///
    /// Where the process is gone.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        // See proc_pid_stat(5): `utime` and `stime`, in hundredths of a second.
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(10 * ticks)
    }

    fn status(&self, key: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Whether the process ends within a time.
    ///
    /// # Panics
    ///
    /// Where the system does not tell.
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < limit {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
