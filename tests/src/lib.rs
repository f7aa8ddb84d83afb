//! End-to-end tests with real mail clients and servers.
