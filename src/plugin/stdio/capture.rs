//! Descriptors 1 and 2 replaced by pipes, so that whoever writes to them is heard: `println!`, C
//! code, child processes.

use std::fs::File;
use std::io::{self, PipeReader, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use rustix::stdio::{dup2_stderr, dup2_stdout};
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::Tee;
use super::backlog::Backlog;
use crate::sys::standard_streams::{self, Originals};
use plugwire_base::notify::notify_and_wait;

/// More than a fresh pipe holds on any system. Reading this much gets all that was in it at first,
/// even while others go on writing.
const PIPE: usize = 256 * 1024;

/// A request to read everything that is in a pipe now. Closing the channel asks for it a last time.
type Barrier = oneshot::Sender<()>;

/// The capture, undone when it is dropped.
pub(super) struct Capture {
    originals: Originals,
    collectors: [mpsc::UnboundedSender<Barrier>; 2],
    /// Resolves when the collectors' thread is done.
    done: oneshot::Receiver<()>,
}

impl Capture {
    /// Replaces the descriptors.
    pub(super) fn start([stdout, stderr]: [Arc<Backlog>; 2], tee: Tee) -> io::Result<Self> {
        let mut captured = standard_streams::lock();
        if captured.is_some() {
            return Err(io::Error::other("this process is serving already"));
        }
        let originals = Originals {
            stdout: duplicate(rustix::stdio::stdout())?,
            stderr: duplicate(rustix::stdio::stderr())?,
        };
        let (stdout_pipe, new_stdout) = io::pipe()?;
        let (stderr_pipe, new_stderr) = io::pipe()?;

        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stdout_barriers, stdout_asked) = mpsc::unbounded_channel();
        let (stderr_barriers, stderr_asked) = mpsc::unbounded_channel();
        let mut collectors = [
            Collector::new(&runtime, stdout_pipe, stdout, stdout_asked)?,
            Collector::new(&runtime, stderr_pipe, stderr, stderr_asked)?,
        ];
        if tee == Tee::Yes {
            collectors[0].tee = Some(Arc::clone(&originals.stdout));
            collectors[1].tee = Some(Arc::clone(&originals.stderr));
        }
        let (done_sender, done) = oneshot::channel();
        let rest_to = originals.clone();
        thread::Builder::new()
            .name("plugwire-stdio".to_owned())
            .spawn(move || {
                collect(&runtime, collectors, &rest_to);
                let _ = done_sender.send(());
            })?;

        *captured = Some(originals.clone());
        drop(captured);
        // From here on, dropping the capture puts back what has been replaced.
        let capture = Self {
            originals,
            collectors: [stdout_barriers, stderr_barriers],
            done,
        };
        // What Rust has buffered of standard output is not flushed before: it is no line yet, and
        // would come right before the handshake.
        dup2_stdout(&new_stdout)?;
        dup2_stderr(&new_stderr)?;
        Ok(capture)
    }

    /// Writes the handshake line to the original standard output.
    pub(super) fn announce(&self, line: &[u8]) -> io::Result<()> {
        (&*self.originals.stdout).write_all(line)
    }

    /// Reads what has been written so far into the backlogs.
    pub(super) async fn collect_now(&self) {
        flush_rust_stdout().await;
        for collector in &self.collectors {
            notify_and_wait(collector, |done| done).await;
        }
    }

    /// Puts the descriptors back, and waits for the rest of the output to be written there.
    pub(super) async fn stop(mut self) {
        flush_rust_stdout().await;
        let done = std::mem::replace(&mut self.done, oneshot::channel().1);
        drop(self);
        let _ = done.await;
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let mut captured = standard_streams::lock();
        let restored = dup2_stdout(&*self.originals.stdout)
            .and_then(|()| dup2_stderr(&*self.originals.stderr));
        *captured = None;
        drop(captured);
        if let Err(error) = restored {
            tracing::error!(%error, "cannot restore standard output and standard error");
        }
    }
}

/// Closed when a process is executed, and above the three descriptors with a meaning.
fn duplicate(descriptor: impl std::os::fd::AsFd) -> io::Result<Arc<File>> {
    let duplicate = rustix::io::fcntl_dupfd_cloexec(descriptor, 3)?;
    Ok(Arc::new(File::from(duplicate)))
}

/// Writes out a line that was begun with `print!`. Another thread may hold the lock of standard
/// output for as long as it likes, so the wait for it is a thread's, and the caller's to bound.
async fn flush_rust_stdout() {
    let (done, flushed) = oneshot::channel();
    let flush = move || {
        let _ = io::stdout().flush();
        let _ = done.send(());
    };
    if thread::Builder::new().spawn(flush).is_ok() {
        let _ = flushed.await;
    }
}

/// Reads one pipe into its backlog.
struct Collector {
    pipe: Receiver,
    backlog: Arc<Backlog>,
    /// Where the output goes as well.
    tee: Option<Arc<File>>,
    barriers: mpsc::UnboundedReceiver<Barrier>,
}

impl Collector {
    fn new(
        runtime: &Runtime,
        pipe: PipeReader,
        backlog: Arc<Backlog>,
        barriers: mpsc::UnboundedReceiver<Barrier>,
    ) -> io::Result<Self> {
        let _registers_with = runtime.enter();
        Ok(Self {
            pipe: Receiver::from_owned_fd(OwnedFd::from(pipe))?,
            backlog,
            tee: None,
            barriers,
        })
    }

    /// Collects until the channel of barriers is closed.
    async fn run(&mut self) {
        let mut buffer = vec![0; 64 * 1024];
        // The pipe's own end means that no writer is left; requests must be answered even so.
        let mut ended = false;
        loop {
            tokio::select! {
                biased;
                barrier = self.barriers.recv() => {
                    self.read_now(&mut buffer);
                    match barrier {
                        Some(done) => _ = done.send(()),
                        None => return,
                    }
                }
                read = read(&self.pipe, &mut buffer), if !ended => match read {
                    Ok(0) => ended = true,
                    Ok(count) => {
                        self.copy(&buffer[..count]);
                        self.backlog.push(&buffer[..count]).await;
                    }
                    Err(error) => {
                        tracing::error!(%error, "cannot read captured output");
                        ended = true;
                    }
                },
            }
        }
    }

    fn copy(&self, bytes: &[u8]) {
        if let Some(mut tee) = self.tee.as_deref() {
            // Should it fail, there is nobody left to tell.
            let _ = tee.write_all(bytes);
        }
    }

    /// Reads what is in the pipe. Asks the system and not tokio, which learns of new bytes only
    /// when it next looks.
    fn read_now(&self, buffer: &mut [u8]) {
        let mut left = PIPE;
        while left > 0 {
            match rustix::io::read(&self.pipe, &mut *buffer) {
                Ok(0) => return,
                Ok(count) => {
                    self.copy(&buffer[..count]);
                    self.backlog.push_now(&buffer[..count]);
                    left = left.saturating_sub(count);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

async fn read(pipe: &Receiver, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        pipe.readable().await?;
        match pipe.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// The collectors' thread.
fn collect(runtime: &Runtime, [mut stdout, mut stderr]: [Collector; 2], originals: &Originals) {
    runtime.block_on(async {
        tokio::join!(stdout.run(), stderr.run());
    });
    // Nobody may read there either, which is what the thread is for.
    if stdout.tee.is_none() {
        let _ = (&*originals.stdout).write_all(&stdout.backlog.rest());
        let _ = (&*originals.stderr).write_all(&stderr.backlog.rest());
    }
}
