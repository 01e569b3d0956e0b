//! The sockets between us and a preloaded template, and between us and what it forks: whole messages, descriptors out,
//! and the kernel's word for who speaks. Never a decision, never blocks.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair,
    sockopt,
};

use super::notify::receive;
use crate::preload::MAX;

/// Most descriptors of one message: reply, stdout, stderr, listener, cgroup.
const DESCRIPTORS: usize = 5;

/// Our end of a socket of whole messages (SOCK_SEQPACKET, unix(7)).
#[derive(Debug)]
pub struct Wire(OwnedFd);

/// What was received.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'b> {
    /// A message, and the pid of its sender, for which the kernel vouches; 0 if it is outside of our PID namespace.
    Message(&'b [u8], u32),
    /// A message that broke the rules: too long, or with more descriptors than there is room for.
    Broken,
    /// Nothing for now.
    Nothing,
    /// The other end is closed.
    End,
}

/// Room for one message, used again and again.
#[derive(Debug)]
pub struct Room {
    bytes: Box<[u8]>,
    /// Words, because control messages are aligned as such. Descriptors that nobody asked for are closed.
    control: Box<[u64; 64]>,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: vec![0; MAX].into_boxed_slice(), control: Box::new([0; 64]) }
    }
}

impl Wire {
    /// Our end, which never blocks, and the other. Both close at execve.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        sockopt::set_socket_passcred(&ours, true)?;
        Ok((Self(ours), theirs))
    }

    /// Sends one message, whole or not at all.
    pub fn send(&self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        sendmsg(&self.0, &[IoSlice::new(message)], &mut control, flags)?;
        Ok(())
    }

    /// The next message.
    pub fn hear<'b>(&self, room: &'b mut Room) -> io::Result<Heard<'b>> {
        match receive(self.0.as_fd(), &mut room.bytes[..], &mut room.control[..]) {
            Err(rustix::io::Errno::AGAIN) => Ok(Heard::Nothing),
            Err(rustix::io::Errno::CONNRESET) => Ok(Heard::End),
            Err(error) => Err(error.into()),
            Ok(received) if !received.whole => Ok(Heard::Broken),
            // No message of the protocol is empty.
            Ok(received) if received.bytes == 0 => Ok(Heard::End),
            Ok(received) => Ok(Heard::Message(&room.bytes[..received.bytes], received.sender)),
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
