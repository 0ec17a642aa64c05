//! Hosts: launching plugins and attaching to them, and plugins that end.
#![cfg(unix)]

mod addresses;
mod cancelled;
mod crashes;
mod endings;
mod half;
mod item_errors;
mod launch_errors;
mod lifecycle;
mod logs;
mod old_plugin;
mod rich;
mod silent;
mod supervisor;
