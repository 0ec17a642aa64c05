//! The rules of yamux, without a connection: a state machine that bytes go into and come out of.
//!
//! A [`Session`] does no I/O, reads no clock, and knows no task, waker or lock. It is one side of a
//! connection. Its caller reads and writes the connection, and passes the time:
//!
//! | the caller | calls |
//! | --- | --- |
//! | read bytes | [`handle_input`](Session::handle_input), and [`input_drained`](Session::input_drained) when no more has arrived |
//! | can write bytes | [`poll_transmit`](Session::poll_transmit), then [`transmitted`](Session::transmitted) |
//! | cannot write any | [`transmit_blocked`](Session::transmit_blocked) |
//! | has a clock | [`poll_timeout`](Session::poll_timeout), and [`handle_timeout`](Session::handle_timeout) when that time has come |
//! | uses streams | [`open`](Session::open), [`accept`](Session::accept), [`read`](Session::read), [`write`](Session::write), [`finish`](Session::finish), [`reset_stream`](Session::reset_stream), [`drop_stream`](Session::drop_stream) |
//! | did any of that | [`poll_event`](Session::poll_event) until there is none |
//!
//! After each of these there may be something to transmit, an event, and another time to wait for.
//!
//! A call that has to wait returns [`Poll::Pending`](std::task::Poll::Pending). No task is woken,
//! as there is none: an [`Event`] follows, once, when the call is worth another try. The session
//! over tokio ([`crate::Session`]) is one such caller; tests and fuzzers are others. It also uses
//! what saves copies of large frames: [`before_data`](Session::before_data) and
//! [`next_read`](Session::next_read).
//!
//! # Example
//!
//! Two sessions talk in memory. Bytes take 10 ms each way, on a clock that only this program moves.
//!
//! ```
//! use std::task::Poll;
//! use std::time::{Duration, Instant};
//!
//! use plugwire_yamux::Config;
//! use plugwire_yamux::proto::{Event, Session};
//!
//! /// Carries all that one side has to say to the other.
//! fn carry(from: &mut Session, to: &mut Session, now: &mut Instant) {
//!     let mut sent = Vec::new();
//!     while let Some(bytes) = from.poll_transmit() {
//!         let n = bytes.len();
//!         sent.extend_from_slice(bytes);
//!         from.transmitted(*now, n);
//!     }
//!     *now += Duration::from_millis(10);
//!     to.handle_input(*now, &sent).unwrap();
//!     to.input_drained();
//! }
//!
//! let mut now = Instant::now();
//! let mut client = Session::client(Config::default(), now);
//! let mut server = Session::server(Config::default(), now);
//!
//! // The server waits for a stream, and the client opens one.
//! assert!(server.accept().is_pending());
//! let Poll::Ready(Ok(sender)) = client.open() else { panic!() };
//! assert_eq!(client.write(sender, b"hello"), Poll::Ready(Ok(5)));
//! client.finish(sender);
//! carry(&mut client, &mut server, &mut now);
//!
//! assert_eq!(server.poll_event(), Some(Event::Acceptable));
//! let Poll::Ready(Ok(receiver)) = server.accept() else { panic!() };
//! assert_eq!(receiver.number(), 1);
//! let mut buffer = [0; 16];
//! assert_eq!(server.read(receiver, &mut buffer), Poll::Ready(Ok(5)));
//! assert_eq!(&buffer[..5], b"hello");
//! assert_eq!(server.read(receiver, &mut buffer), Poll::Ready(Ok(0)));
//!
//! // The other direction is still open. Its reader waits until there is something.
//! assert!(client.read(sender, &mut buffer).is_pending());
//! assert_eq!(server.write(receiver, b"and you"), Poll::Ready(Ok(7)));
//! carry(&mut server, &mut client, &mut now);
//! assert_eq!(client.poll_event(), Some(Event::Readable(sender)));
//! assert_eq!(client.read(sender, &mut buffer), Poll::Ready(Ok(7)));
//!
//! // Half a minute later the client asks for a sign of life, and gets it.
//! now = client.poll_timeout().unwrap();
//! client.handle_timeout(now);
//! carry(&mut client, &mut server, &mut now);
//! carry(&mut server, &mut client, &mut now);
//! // Ten seconds without an answer would have ended the session.
//! now += Duration::from_secs(10);
//! client.handle_timeout(now);
//! assert!(client.ended().is_none());
//! ```

mod budget;
mod direct_read;
mod event;
mod flow_control;
pub mod frame;
mod keep_alive;
mod noise;
mod recv_buffer;
mod send_queue;
mod session;
mod store;
mod stream;
mod time;

pub use direct_read::{DirectRead, NextRead};
pub use event::{Event, Warning};
pub use session::Session;
pub use store::StreamKey;
pub use stream::StreamClosed;
pub use time::Now;
