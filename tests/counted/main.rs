//! tenantd with an allocator that counts: how many allocations there were stands in the file that `ALLOCATIONS` names, eight
//! bytes in the order of this machine, at any moment.

#![allow(missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicPtr, AtomicU64};

#[global_allocator]
static COUNTED: Counted = Counted(AtomicPtr::new(ptr::null_mut()));

/// The system's allocator, and where it counts once that is known: in memory that it shares with the file.
struct Counted(AtomicPtr<AtomicU64>);

fn main() -> ExitCode {
    if let Err(error) = share() {
        eprintln!("counted: {error}; name a file in ALLOCATIONS");
        return ExitCode::FAILURE;
    }
    tenantd::cli::main()
}

fn share() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::var("ALLOCATIONS")?;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let length = size_of::<AtomicU64>();
    file.set_len(length as u64)?;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping, at an address of the kernel's choice.
    #[allow(unsafe_code)]
    let shared = unsafe { libc::mmap(ptr::null_mut(), length, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if shared == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error().into());
    }
    COUNTED.0.store(shared.cast(), Relaxed);
    Ok(())
}

impl Counted {
    fn count(&self) {
        // SAFETY: null, or the mapping of `share`, which is aligned to a page and never ends.
        #[allow(unsafe_code)]
        if let Some(count) = unsafe { self.0.load(Relaxed).as_ref() } {
            count.fetch_add(1, Relaxed);
        }
    }
}

// SAFETY: all is done by the system's allocator; counting allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(old, layout) }
    }
}
