//! Plugins: serving within the program that tests them.
#![cfg(unix)]

mod test_mode;
