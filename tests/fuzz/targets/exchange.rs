//! placeholder
pub fn exchange(_data: &[u8]) {}
