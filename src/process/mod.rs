//! The only code that forks, signals and reaps.
#![allow(unsafe_code)]
