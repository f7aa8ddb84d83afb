//! The watcher: owns the listening sockets, starts, stops and restarts the other processes.
