//! Clients that misbehave, or do what few do: pipelining, leaving, half a close, reading slowly.
