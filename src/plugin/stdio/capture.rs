//! Replaces descriptors 1 and 2 by pipes, which captures all that is written to them: by
//! `println!`, by C code, by child processes.

use std::fs::File;
use std::io::{self, PipeReader, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::stdio::{dup2_stderr, dup2_stdout};
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::Tee;
use super::backlog::Backlog;
use crate::sys::standard_streams::{self, Originals};
use plugwire_base::notify::notify_and_wait;

/// More than a new pipe holds on any system, in bytes. Reading this much reads all that was in it
/// at the start, even if other writers add to it meanwhile.
const PIPE: usize = 256 * 1024;

/// A request to read all that is in a pipe now. Closing the channel is the last request.
type Barrier = oneshot::Sender<()>;

/// The capture. Dropping it puts the descriptors back.
pub(super) struct Capture {
    originals: Originals,
    /// Whether the handshake line was written.
    announced: Arc<AtomicBool>,
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
        let announced = Arc::new(AtomicBool::new(false));
        let is_announced = Arc::clone(&announced);
        thread::Builder::new()
            .name("plugwire-stdio".to_owned())
            .spawn(move || {
                collect(&runtime, collectors, &rest_to, &is_announced);
                let _ = done_sender.send(());
            })?;

        *captured = Some(originals.clone());
        drop(captured);
        // From here on, dropping the capture puts the descriptors back.
        let capture = Self {
            originals,
            announced,
            collectors: [stdout_barriers, stderr_barriers],
            done,
        };
        // Standard output is not flushed first: Rust buffers only unfinished lines, and this one
        // would come right before the handshake line.
        dup2_stdout(&new_stdout)?;
        dup2_stderr(&new_stderr)?;
        Ok(capture)
    }

    /// Writes the handshake line to the original standard output.
    pub(super) fn announce(&self, line: &[u8]) -> io::Result<()> {
        self.announced.store(true, Ordering::Relaxed);
        (&*self.originals.stdout).write_all(line)
    }

    /// Reads the output so far into the backlogs.
    pub(super) async fn collect_now(&self) {
        flush_rust_stdout().await;
        for collector in &self.collectors {
            notify_and_wait(collector, |done| done).await;
        }
    }

    /// Puts the descriptors back, and waits until the unsent output is written there.
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

/// The duplicate is closed on exec, and its number is above those of the standard descriptors.
fn duplicate(descriptor: impl std::os::fd::AsFd) -> io::Result<Arc<File>> {
    let duplicate = rustix::io::fcntl_dupfd_cloexec(descriptor, 3)?;
    Ok(Arc::new(File::from(duplicate)))
}

/// Writes out an unfinished line of `print!`. Another thread may hold the lock of standard output
/// for any time, so a thread of its own waits for it, and the caller bounds the wait.
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
    /// A second destination of the output.
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
        // At the end of the pipe no writer is left; requests are still answered.
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
            // There is no other place to report a failure to.
            let _ = tee.write_all(bytes);
        }
    }

    /// Reads the contents of the pipe. Asks the system and not tokio, which notices new bytes only
    /// at its next poll.
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
fn collect(
    runtime: &Runtime,
    [mut stdout, mut stderr]: [Collector; 2],
    originals: &Originals,
    announced: &AtomicBool,
) {
    runtime.block_on(async {
        tokio::join!(stdout.run(), stderr.run());
    });
    // These writes may block: the originals may have no reader. The thread exists for that, too.
    if stdout.tee.is_none() {
        // A host that waits for the handshake line would take any other for it. The log is read,
        // too.
        let printed = match announced.load(Ordering::Relaxed) {
            true => &originals.stdout,
            false => &originals.stderr,
        };
        let _ = (&**printed).write_all(&stdout.backlog.rest());
        let _ = (&*originals.stderr).write_all(&stderr.backlog.rest());
    }
}
