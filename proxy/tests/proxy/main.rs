//! The proxy from outside: real sockets, scripted servers, byte-exact clients.

mod aborts;
mod addresses;
mod basics;
mod client;
mod conformance;
mod conservation;
mod drain;
mod grpc;
mod h2;
mod hygiene;
mod isolation;
mod layer;
mod limits;
mod primary;
mod reload;
mod rig;
mod selection;
mod server;
mod start;
mod streaming;
mod tls;
mod tunnels;
