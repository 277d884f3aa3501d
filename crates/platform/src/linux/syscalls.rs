//! System calls that rustix lacks, and those that make processes.
//!
//! A process that [`fork`] or [`clone_orphan`] made does not have the other threads of its maker: a lock that one of
//! them held stays locked for ever. Up to `execve` or its end such a process may only make system calls: it
//! allocates nothing, locks nothing and does not panic.
#![expect(unsafe_code, reason = "raw system calls; one per block")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::mount::MountAttrFlags;
use rustix::process::Pid;

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

fn check(result: i64) -> Result<i64, Errno> {
    if result < 0 { Err(last_errno()) } else { Ok(result) }
}

/// clone3(2) without a stack, like fork(2): 0 in the child.
///
/// # Safety
///
/// The child may only make system calls until it executes a program or ends; see the module.
unsafe fn clone3(flags: u64, signal: c_int) -> Result<i64, Errno> {
    // SAFETY: all fields of clone_args are integers, for which zero is a value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags;
    args.exit_signal = signal.unsigned_abs().into();
    // SAFETY: args lives through the call and its size is given; no stack and no CLONE_VM, so the child runs on a
    // copy of this stack.
    check(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) })
}

/// Makes a child that runs `child` and ends with the status that it returns.
///
/// # Safety
///
/// `child` may only make system calls; see the module.
pub(crate) unsafe fn fork(child: impl FnOnce() -> c_int) -> Result<Pid, Errno> {
    // SAFETY: passed on to the caller.
    let pid = unsafe { clone3(0, libc::SIGCHLD) }?;
    match i32::try_from(pid).ok().and_then(Pid::from_raw) {
        Some(pid) => Ok(pid),
        None => exit(child()),
    }
}

/// Makes a process that is no child of ours but an orphan (the host's init reaps it), pid 1 of a new pid
/// namespace, which runs `child` and ends with the status that it returns.
///
/// A short-lived process in between makes that so. It shares our memory, so nothing is copied for it.
///
/// # Safety
///
/// `child` may only make system calls; see the module. All signals must be blocked in the calling thread, as their
/// handlers must not run in the process in between.
pub(crate) unsafe fn clone_orphan<F: Fn() -> c_int>(child: &F) -> Result<Pid, Errno> {
    struct Between<'a, F> {
        child: &'a F,
        result: Result<i64, Errno>,
    }

    extern "C" fn between<F: Fn() -> c_int>(argument: *mut c_void) -> c_int {
        // SAFETY: the argument is the Between below, which outlives this process: its maker waits for it.
        let between = unsafe { &mut *argument.cast::<Between<'_, F>>() };
        let flags = libc::CLONE_NEWPID.unsigned_abs();
        // SAFETY: passed on to the caller of clone_orphan.
        match unsafe { clone3(flags.into(), libc::SIGCHLD) } {
            Ok(0) => exit((between.child)()),
            result => between.result = result,
        }
        0
    }

    let mut stack = vec![0_u128; 4096];
    let mut shared = Between { child, result: Err(Errno::CHILD) };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK;
    // SAFETY: the stack is 64 KiB, aligned to 16 bytes, and lives longer than the process, as does what the
    // argument points to: with CLONE_VFORK we go on only after the process has ended.
    let made = unsafe {
        libc::clone(between::<F>, stack.as_mut_ptr_range().end.cast(), flags, (&raw mut shared).cast())
    };
    check(made.into())?;
    // It was made without an exit signal: this caller's other waits do not see it, and only __WALL does.
    // SAFETY: waits for our own child; no status is asked for.
    unsafe { libc::waitpid(made, std::ptr::null_mut(), libc::__WALL) };
    let pid = shared.result?;
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::CHILD)
}

/// Ends this process without running any cleanup of the library.
fn exit(code: c_int) -> ! {
    // SAFETY: has no conditions.
    unsafe { libc::_exit(code) }
}

/// execve(2); returns only if it failed.
pub(crate) fn execve(program: &CStr, argv: &PointerList<'_>, envp: &PointerList<'_>) -> Errno {
    // SAFETY: the lists are arrays of pointers to C strings, ended by a null pointer, borrowed by the PointerLists.
    unsafe { libc::execve(program.as_ptr(), argv.0.as_ptr(), envp.0.as_ptr()) };
    last_errno()
}

/// The form in which execve(2) takes arguments and environment, prepared before a fork.
pub(crate) struct PointerList<'a>(Vec<*const c_char>, std::marker::PhantomData<&'a CStr>);

impl<'a> PointerList<'a> {
    /// The list of these texts.
    pub(crate) fn new(texts: impl IntoIterator<Item = &'a CStr>) -> Self {
        let pointers = texts.into_iter().map(CStr::as_ptr).chain([std::ptr::null()]);
        PointerList(pointers.collect(), std::marker::PhantomData)
    }
}

/// Makes `fd` also known under the number `number`, to stay open over execve(2).
pub(crate) fn duplicate_to(fd: BorrowedFd<'_>, number: c_int) -> Result<(), Errno> {
    // SAFETY: has no memory conditions. Only fresh processes do this, which own all their descriptors.
    check(unsafe { libc::dup2(fd.as_raw_fd(), number) }.into()).map(drop)
}

/// Closes all descriptors from `first` on.
pub(crate) fn close_from(first: u32) -> Result<(), Errno> {
    // SAFETY: has no memory conditions. Only fresh processes do this, which use none of them any more.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) }).map(drop)
}

/// Marks all descriptors from `first` on to be closed by execve(2).
pub(crate) fn close_from_on_exec(first: u32) -> Result<(), Errno> {
    // SAFETY: has no memory conditions.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    check(result).map(drop)
}

/// Blocks all signals in this thread.
pub(crate) fn block_signals() {
    change_mask(true);
}

fn change_mask(block: bool) {
    // SAFETY: an all-zero sigset_t is a value, the empty set of Linux.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    if block {
        // SAFETY: the set lives through the call.
        unsafe { libc::sigfillset(&raw mut set) };
    }
    // SAFETY: the set is initialised; no old mask is asked for. Cannot fail with this argument.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
}

/// What all signals do in a fresh process.
#[derive(Clone, Copy)]
pub(crate) enum Signals {
    /// What the kernel does by itself.
    Default,
    /// Nothing, as far as the kernel lets one ask for that.
    Ignored,
}

/// Sets what all signals do and lets them in.
pub(crate) fn set_signals(to: Signals) {
    // SAFETY: an all-zero sigaction is a value: SIG_DFL, no flags, empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = match to {
        Signals::Default => libc::SIG_DFL,
        Signals::Ignored => libc::SIG_IGN,
    };
    for signal in 1..=64 {
        // Refused for KILL and STOP, and for the two that libc keeps to itself, which nobody sends.
        // SAFETY: the action lives through the call and has no handler; the old one is not asked for.
        unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    }
    change_mask(false);
}

/// Sleeps until a signal that is not ignored comes.
pub(crate) fn pause() {
    // SAFETY: has no conditions.
    unsafe { libc::pause() };
}

/// Adds flags to a mount (not to those below it) and cuts it off from the propagation of others; mount_setattr(2).
pub(crate) fn add_mount_flags(mount: BorrowedFd<'_>, flags: MountAttrFlags) -> Result<(), Errno> {
    // How access times are kept is one value of several bits, which must be cleared to be set.
    let access_times = MountAttrFlags::MOUNT_ATTR__ATIME;
    let clear = if flags.intersects(access_times) { access_times } else { MountAttrFlags::empty() };
    let attributes = libc::mount_attr {
        attr_set: flags.bits().into(),
        attr_clr: clear.bits().into(),
        propagation: libc::MS_PRIVATE,
        userns_fd: 0,
    };
    // SAFETY: path and attributes live through the call; the size is that of the attributes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    check(result).map(drop)
}

/// Gives this thread its own copies of what `flags` name; unshare(2).
pub(crate) fn unshare(flags: rustix::thread::UnshareFlags) -> Result<(), Errno> {
    // SAFETY: no caller asks for FILES, which is what makes this call unsafe.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// Takes a capability away from this process and all it will ever execute; `INVAL` past the last one.
pub(crate) fn drop_from_bounding_set(capability: u32) -> Result<(), Errno> {
    // SAFETY: PR_CAPBSET_DROP takes a number.
    check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }.into()).map(drop)
}

/// Leaves the caller's session keyring, so that its keys are not possessed here; keyctl(2).
pub(crate) fn new_session_keyring() -> Result<(), Errno> {
    const KEYCTL_JOIN_SESSION_KEYRING: c_int = 1;
    let unnamed: *const c_char = std::ptr::null();
    // SAFETY: the operation takes a name or null.
    let result = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, unnamed) };
    match check(result) {
        // Not built into this kernel, or refused by a sandbox around us: then there is nothing to leave.
        Err(Errno::NOSYS | Errno::PERM) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes into this process's own memory, as a debugger would: an address that cannot be written to is an error, not a
/// fault.
///
/// # Safety
///
/// Nothing in this process may rely on what is there.
pub(crate) unsafe fn overwrite(address: usize, bytes: &[u8]) -> Result<(), Errno> {
    let from = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let to = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: bytes.len() };
    let own = rustix::process::getpid().as_raw_nonzero().get();
    // SAFETY: the bytes live through the call, which only reads them; what is overwritten is up to the caller.
    let written = unsafe { libc::process_vm_writev(own, &raw const from, 1, &raw const to, 1, 0) };
    check(written as i64).map(drop)
}
