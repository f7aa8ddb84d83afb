//! Message bytes to envelope, body structure, preview and part offsets; bounded depth and count.
