//! Resource limits of a jail, as rctl(8) knows them.

use super::define::{Property, properties};
use crate::limit::Limit;

properties! {
    /// Whether the limits below apply; unset means those that are configured do
    RLIMITS: Option<bool> = ("rlimits", "-").live();

    /// CPU time, in seconds
    CPUTIME: Option<Limit> = ("cputime", "-").limit(false, false).live();

    /// Data size, in bytes
    DATASIZE: Option<Limit> = ("datasize", "-").limit(true, false).live();

    /// Stack size, in bytes
    STACKSIZE: Option<Limit> = ("stacksize", "-").limit(true, false).live();

    /// Size of core dumps, in bytes
    COREDUMPSIZE: Option<Limit> = ("coredumpsize", "-").limit(true, false).live();

    /// Resident memory, in bytes
    MEMORYUSE: Option<Limit> = ("memoryuse", "-").limit(true, false).live();

    /// Locked memory, in bytes
    MEMORYLOCKED: Option<Limit> = ("memorylocked", "-").limit(true, false).live();

    /// Processes
    MAXPROC: Option<Limit> = ("maxproc", "-").limit(true, false).live();

    /// Size of the table of open files
    OPENFILES: Option<Limit> = ("openfiles", "-").limit(true, false).live();

    /// Address space, in bytes
    VMEMORYUSE: Option<Limit> = ("vmemoryuse", "-").limit(true, false).live();

    /// Pseudo terminals
    PSEUDOTERMINALS: Option<Limit> = ("pseudoterminals", "-").limit(true, false).live();

    /// Swap space that is reserved or used, in bytes
    SWAPUSE: Option<Limit> = ("swapuse", "-").limit(true, false).live();

    /// Threads
    NTHR: Option<Limit> = ("nthr", "-").limit(true, false).live();

    /// Queued System V messages
    MSGQQUEUED: Option<Limit> = ("msgqqueued", "-").limit(true, false).live();

    /// System V message queue size, in bytes
    MSGQSIZE: Option<Limit> = ("msgqsize", "-").limit(true, false).live();

    /// System V message queues
    NMSGQ: Option<Limit> = ("nmsgq", "-").limit(true, false).live();

    /// System V semaphores
    NSEM: Option<Limit> = ("nsem", "-").limit(true, false).live();

    /// System V semaphores changed by one semop(2)
    NSEMOP: Option<Limit> = ("nsemop", "-").limit(true, false).live();

    /// System V shared memory segments
    NSHM: Option<Limit> = ("nshm", "-").limit(true, false).live();

    /// System V shared memory, in bytes
    SHMSIZE: Option<Limit> = ("shmsize", "-").limit(true, false).live();

    /// Elapsed time, in seconds
    WALLCLOCK: Option<Limit> = ("wallclock", "-").limit(false, false).live();

    /// CPU share, in percent of one processor
    PCPU: Option<Limit> = ("pcpu", "-").limit(true, false).live();

    /// Bytes read from file systems per second
    READBPS: Option<Limit> = ("readbps", "-").limit(false, true).live();

    /// Bytes written to file systems per second
    WRITEBPS: Option<Limit> = ("writebps", "-").limit(false, true).live();

    /// Read operations per second
    READIOPS: Option<Limit> = ("readiops", "-").limit(false, true).live();

    /// Write operations per second
    WRITEIOPS: Option<Limit> = ("writeiops", "-").limit(false, true).live();
}

/// The resources that can be limited; the name of a property is that of its resource.
pub static RESOURCES: &[&Property<Option<Limit>>] = &[
    &CPUTIME,
    &DATASIZE,
    &STACKSIZE,
    &COREDUMPSIZE,
    &MEMORYUSE,
    &MEMORYLOCKED,
    &MAXPROC,
    &OPENFILES,
    &VMEMORYUSE,
    &PSEUDOTERMINALS,
    &SWAPUSE,
    &NTHR,
    &MSGQQUEUED,
    &MSGQSIZE,
    &NMSGQ,
    &NSEM,
    &NSEMOP,
    &NSHM,
    &SHMSIZE,
    &WALLCLOCK,
    &PCPU,
    &READBPS,
    &WRITEBPS,
    &READIOPS,
    &WRITEIOPS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::AnyProperty;

    #[test]
    fn all_of_rctl() {
        let rows = ALL.iter().filter(|property| property.type_name() == "limit").count();
        assert_eq!((RESOURCES.len(), rows), (25, 25));
    }

    #[test]
    fn actions_that_the_kernel_refuses() {
        assert!(CPUTIME.read("cputime", "deny=10").is_err());
        assert!(CPUTIME.read("cputime", "sigxcpu=10").is_ok());
        assert!(READBPS.read("readbps", "throttle=10M").is_ok());
        assert!(MEMORYUSE.read("memoryuse", "throttle=10M").is_err());
    }
}
