//! What the kernel knows, found by asking for it. Changes nothing.

/// ABI of Landlock (landlock_create_ruleset(2), LANDLOCK_CREATE_RULESET_VERSION); `None` if it is off or refused.
pub fn landlock_abi() -> Option<u32> {
    const VERSION: u32 = 1;
    // SAFETY: a null pointer of size 0 with this flag makes no ruleset, and returns a number.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    u32::try_from(abi).ok().filter(|abi| *abi > 0)
}

/// close_range(2) with CLOSE_RANGE_CLOEXEC is known and allowed.
pub fn knows_close_range() -> bool {
    // SAFETY: a system call on numbers; no descriptor has this one.
    unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) == 0 }
}
