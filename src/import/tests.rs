//! One row a key.
