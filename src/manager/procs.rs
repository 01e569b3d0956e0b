//! The processes of a unit that we wait for: the main one, and one command beside it. Never more than two.

/// One process, from the wish for it to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Slot {
    #[default]
    None,
    /// `Spawn` is said and not yet answered.
    Due,
    Pid(u32),
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// `exec_start`.
    Main,
    /// Any other command of the unit.
    Control,
}

/// Both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Procs {
    pub main: Slot,
    pub control: Slot,
}

impl Slot {
    pub(super) fn pid(self) -> Option<u32> {
        match self {
            Self::Pid(pid) => Some(pid),
            Self::None | Self::Due => None,
        }
    }
}

impl Procs {
    /// The main process alone.
    pub(super) fn main(pid: u32) -> Self {
        Self { main: Slot::Pid(pid), control: Slot::None }
    }

    /// These, and a command that is asked for.
    pub(super) fn with_command(self) -> Self {
        Self { control: Slot::Due, ..self }
    }

    pub(super) fn pids(self) -> impl Iterator<Item = u32> {
        [self.main, self.control].into_iter().filter_map(Slot::pid)
    }

    /// Nothing is there and nothing is to come.
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The process that was asked for exists, or `None` if none was asked for.
    pub(super) fn filled(self, pid: u32) -> Option<Self> {
        self.answered(Slot::Pid(pid))
    }

    /// The process that was asked for does not come, or `None` if none was asked for.
    pub(super) fn given_up(self) -> Option<Self> {
        self.answered(Slot::None)
    }

    fn answered(self, slot: Slot) -> Option<Self> {
        match self {
            Self { main: Slot::Due, control } => Some(Self { main: slot, control }),
            Self { main, control: Slot::Due } => Some(Self { main, control: slot }),
            Self { .. } => None,
        }
    }

    /// Without the process that has ended, or `None` if it was neither.
    pub(super) fn without(self, pid: u32) -> Option<(Which, Self)> {
        if self.main == Slot::Pid(pid) {
            return Some((Which::Main, Self { main: Slot::None, ..self }));
        }
        (self.control == Slot::Pid(pid)).then_some((Which::Control, Self { control: Slot::None, ..self }))
    }
}
