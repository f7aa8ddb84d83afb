//! Listeners, TLS, connection limits, idle timers and the loop that drives a protocol session.
