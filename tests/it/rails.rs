//! Real Rails on real Puma; written against examples/showcase.
