//! The proxy from outside: real sockets, scripted servers, byte-exact clients.

mod basics;
mod client;
mod rig;
mod server;
