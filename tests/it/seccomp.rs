//! A seccomp filter as a container's engine sets one: some system calls fail, all others pass (seccomp(2)).
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// These system calls fail with `errno` in the command and in all that it starts.
pub fn refuse(command: &mut Command, calls: &[libc::c_long], errno: libc::c_int) {
    let mut filter = program(calls, errno);
    let install = move || {
        let length = u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let program = libc::sock_fprog { len: length, filter: filter.as_mut_ptr() };
        // SAFETY: plain system calls on numbers and on a program that is alive.
        let result = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: after fork it makes two system calls and allocates nothing.
    unsafe { command.pre_exec(install) };
}

/// Load the call's number; compare it with each; allow, or fail.
fn program(calls: &[libc::c_long], errno: libc::c_int) -> Vec<libc::sock_filter> {
    let step = |code: u32, k: u32, jt: usize| libc::sock_filter { code: code as u16, jt: jt as u8, jf: 0, k };
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    // Over the comparisons that are left and the one step that allows.
    let equal = |(n, call): (usize, &libc::c_long)| {
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call as u32, calls.len() - n)
    };
    program.extend(calls.iter().enumerate().map(equal));
    program.push(step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0));
    program.push(step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno as u32, 0));
    program
}
