//! The process that runs `tests/interop/go/cmd/gobmirror`.

use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use crate::go;

/// Go, asked to decode, encode, make and compare values.
pub struct Mirror {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Mirror {
    /// Builds the program into `directory`, once a process, and starts it. `None` where there is no
    /// Go.
    ///
    /// # Panics
    ///
    /// If it cannot be built, and without Go where `CI` is `true`.
    pub fn start(directory: &Path) -> Option<Self> {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        if !go::present() {
            return None;
        }
        let programs = BUILT.get_or_init(|| go::build(directory, "./cmd/gobmirror"));
        let mut child = Command::new(programs.join("gobmirror"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    /// Sends one request: what Go sent back.
    ///
    /// # Errors
    ///
    /// What Go said was wrong.
    ///
    /// # Panics
    ///
    /// If the process is gone.
    pub fn ask(
        &mut self,
        what: &str,
        ty: &str,
        seed: u64,
        stream: &[u8],
    ) -> Result<Vec<u8>, String> {
        let request = format!(r#"{{"do":"{what}","type":{ty},"seed":{seed}}}"#);
        let mut frames = Vec::new();
        for frame in [request.as_bytes(), stream] {
            frames.extend_from_slice(&(frame.len() as u32).to_be_bytes());
            frames.extend_from_slice(frame);
        }
        // Go reads a request to its end before it answers.
        self.stdin.as_mut().unwrap().write_all(&frames).unwrap();
        let message = self.frame();
        let reply = self.frame();
        match message.is_empty() {
            true => Ok(reply),
            false => Err(String::from_utf8_lossy(&message).into_owned()),
        }
    }

    fn frame(&mut self) -> Vec<u8> {
        let mut len = [0; 4];
        self.stdout.read_exact(&mut len).unwrap();
        let mut frame = vec![0; u32::from_be_bytes(len) as usize];
        self.stdout.read_exact(&mut frame).unwrap();
        frame
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // At the end of its input the process exits.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
