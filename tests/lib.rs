//! The workspace's own tests; see the folders beside this file.
