#!/usr/bin/env python3
"""Runs a command in a network of its own, in which one local port leads out to the same port here.

    alone.py PORT COMMAND…

A vendor's client that misreads its configuration would report to its vendor. In here it cannot: the
network namespace has a loopback device and nothing else. The command's connections to 127.0.0.1:PORT
are taken by a socket that was made inside and is served from outside.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
import threading

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def enter_namespace() -> None:
    """Leaves the network; an ordinary user needs a user namespace for it."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def inside(port: int, command: list[str], outside: socket.socket) -> None:
    enter_namespace()
    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        socket.send_fds(outside, [b"."], [listener.fileno()])
    os.execvp(command[0], command)


def copy(source: socket.socket, target: socket.socket) -> None:
    """One direction of a connection; its end is passed on."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side is gone: so is the connection.
        source.close()
        target.close()


def relay(listener: socket.socket, port: int) -> None:
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for pair in [(client, server), (server, client)]:
            threading.Thread(target=copy, args=pair, daemon=True).start()


def main() -> None:
    port, command = int(sys.argv[1]), sys.argv[2:]
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            inside(port, command, theirs)
        except OSError as error:
            print(f"alone.py: {error}", file=sys.stderr)
        os._exit(125)
    theirs.close()
    _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    if descriptors:
        listener = socket.socket(fileno=descriptors[0])
        threading.Thread(target=relay, args=(listener, port), daemon=True).start()
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
