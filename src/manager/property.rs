//! The one property.
