//! Two sessions of `proto`, joined by a link in virtual time, and a session beside another
//! implementation. No runtime, no sockets, no clock: each test is the same in each run.

mod direct;
mod faults;
mod flow;
mod independent;
mod model;
mod pair;
mod random;
mod timing;
