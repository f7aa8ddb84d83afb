//! IMAP types and codec: commands in, responses out, literals and turn-taking; no I/O.
