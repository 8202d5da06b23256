"""The system calls that a student process may make.

An allow list: what is not named fails with ENOSYS, which libraries know how to take (glibc falls back from clone3,
whose flags a filter cannot read, to clone). What a student may well try by accident fails with EPERM and so
with a plain PermissionError; what only an attack calls ends the process, and so do calls of
another architecture (32 bit, x32).
"""

from __future__ import annotations

import ctypes
import errno
import os
import tempfile
from functools import cache
from typing import Any

from autograder.engine._limits import prctl

ALLOWED = """
read write pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 lseek close close_range dup dup2 dup3
open openat creat stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getcwd chdir fchdir
getdents getdents64 mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 truncate ftruncate fallocate fadvise64
readahead fsync fdatasync sync_file_range flock statfs fstatfs umask sendfile copy_file_range
pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime signalfd signalfd4
munmap mprotect mremap madvise brk msync mincore membarrier pkey_alloc pkey_free pkey_mprotect
fork vfork exit exit_group wait4 waitid
getpid getppid gettid getuid geteuid getgid getegid getgroups getresuid getresgid getpgrp getpgid getsid capget
set_tid_address set_robust_list get_robust_list futex futex_waitv rseq arch_prctl gettimeofday time times
clock_gettime clock_getres clock_nanosleep nanosleep alarm setitimer getitimer pause restart_syscall
timer_create timer_settime timer_gettime timer_getoverrun timer_delete
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack
sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_getattr sched_get_priority_max
sched_get_priority_min sched_rr_get_interval getpriority getcpu uname sysinfo getrusage getrlimit setrlimit getrandom
landlock_create_ruleset landlock_restrict_self
""".split()

# Succeed without doing anything. Landlock does not know these calls, so they would reach every file of the same user;
# honest code (shutil.copy) makes them on its own files, where their effect does not matter.
IGNORED = "chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat".split()

# Not known to Landlock either; shutil takes this answer for a file system without such attributes.
UNSUPPORTED = """
getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr removexattr lremovexattr
fremovexattr
""".split()

REFUSED = """
socket socketpair connect bind listen accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown
getsockname getpeername setsockopt getsockopt execve execveat kill tkill rt_sigqueueinfo rt_tgsigqueueinfo
pidfd_open pidfd_getfd pidfd_send_signal process_madvise process_mrelease setsid setpgid unshare seccomp
chown fchown lchown fchownat link linkat symlink
symlinkat mknod mknodat memfd_create memfd_secret shmget shmat shmdt shmctl semget semop semtimedop semctl
msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset
setpriority ioprio_set sched_setaffinity sched_setparam sched_setscheduler sched_setattr
migrate_pages move_pages mbind set_mempolicy mlock mlock2 mlockall
clock_settime clock_adjtime settimeofday adjtimex sethostname setdomainname syslog sync syncfs personality chroot
inotify_init inotify_init1 inotify_add_watch fanotify_init name_to_handle_at keyctl add_key request_key
perf_event_open userfaultfd quotactl vhangup
""".split()

DEADLY = """
ptrace process_vm_readv process_vm_writev kcmp mount umount2 pivot_root setns fsopen fsconfig fsmount fspick
open_tree move_mount mount_setattr open_by_handle_at bpf kexec_load kexec_file_load init_module finit_module
delete_module reboot swapon swapoff iopl ioperm acct _sysctl io_uring_setup io_uring_enter io_uring_register
""".split()

CLONE_DENIED = 0x7E020000 | 0x8000 | 0x2000  # new namespaces; CLONE_PARENT; CLONE_PTRACE
SHARED, ANONYMOUS, HUGE = 0x01, 0x20, 0x40000  # flags of mmap
PRCTL_ALLOWED = (3, 15, 16, 21, 23, 30, 39, 0x53564D41)  # reading, the thread's name, names of mappings
IOCTL_ALLOWED = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # is it a terminal, how wide, how much, flags
FCNTL_DENIED = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: a way to have a signal sent to somebody


PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
_INSTRUCTION = 8  # bytes of one instruction of the kernel's filter code


def build(signals_scoped: bool) -> bytes:
    """Make the filter, not yet loaded; see `_build`. Made once, it is there for all that is forked later."""
    return compiled(0 if signals_scoped else os.getpid())


@cache
def _build(only: int) -> Any:
    """Make the filter, not yet loaded.

    Parameters
    ----------
    only : int
        Threads of this process alone may be signalled, and `signal.raise_signal` fails in what it forks; 0 where
        Landlock keeps signals inside (ABI 6), so that it need not.

    Returns
    -------
    pyseccomp.SyscallFilter

    Raises
    ------
    OSError, RuntimeError, ImportError
        libseccomp or pyseccomp is missing, or the rules cannot be made.
    """
    import pyseccomp as s  # type: ignore[import-untyped]

    jail = s.SyscallFilter(s.ERRNO(errno.ENOSYS))
    jail.set_attr(s.Attr.ACT_BADARCH, s.KILL_PROCESS)

    def add(action: int, name: str, *arguments: Any) -> None:
        number = s.resolve_syscall(s.Arch.NATIVE, name)
        if number != -1:  # the library is older than the call: the default answers
            jail.add_rule(action, number, *arguments)

    for names, action in (
        (ALLOWED, s.ALLOW),
        (IGNORED, s.ERRNO(0)),
        (UNSUPPORTED, s.ERRNO(errno.EOPNOTSUPP)),
        (REFUSED, s.ERRNO(errno.EPERM)),
        (DEADLY, s.KILL_PROCESS),
    ):
        for name in names:
            add(action, name)
    add(s.ALLOW, "clone", s.Arg(0, s.MASKED_EQ, CLONE_DENIED, 0))
    for bit in (1 << n for n in range(32) if CLONE_DENIED >> n & 1):
        add(s.ERRNO(errno.EPERM), "clone", s.Arg(0, s.MASKED_EQ, bit, bit))
    # Pages of a shared anonymous mapping live on after MADV_DONTNEED and are then in nobody's resident set, nor are
    # huge pages: memory bombs that no watch would see.
    mask = SHARED | ANONYMOUS | HUGE
    for name in ("mmap", "mmap2"):
        for flags in (0, SHARED, ANONYMOUS):
            add(s.ALLOW, name, s.Arg(3, s.MASKED_EQ, mask, flags))
        add(s.ERRNO(errno.EPERM), name, s.Arg(3, s.MASKED_EQ, mask, SHARED | ANONYMOUS))
    for option in PRCTL_ALLOWED:
        add(s.ALLOW, "prctl", s.Arg(0, s.MASKED_EQ, 0xFFFFFFFF, option))
    add(
        s.ALLOW, "prctl", s.Arg(0, s.MASKED_EQ, 0xFFFFFFFF, 1), s.Arg(1, s.EQ, 9)
    )  # die with the parent, only that
    for request in IOCTL_ALLOWED:
        add(s.ALLOW, "ioctl", s.Arg(1, s.MASKED_EQ, 0xFFFFFFFF, request))
    for command in range(0, 17):
        add(s.ERRNO(errno.EPERM) if command in FCNTL_DENIED else s.ALLOW, "fcntl",
            s.Arg(1, s.MASKED_EQ, 0xFFFFFFFF, command))  # fmt: skip
    for command in (
        36,
        37,
        38,
        1030,
        1031,
        1032,
        1033,
        1034,
    ):  # open file locks, F_DUPFD_CLOEXEC, pipe sizes, seals
        add(s.ALLOW, "fcntl", s.Arg(1, s.MASKED_EQ, 0xFFFFFFFF, command))
    add(s.ALLOW, "prlimit64", s.Arg(0, s.EQ, 0))
    if only:
        add(s.ALLOW, "tgkill", s.Arg(0, s.MASKED_EQ, 0xFFFFFFFF, only))
    else:
        add(s.ALLOW, "tgkill")
    return jail


@cache
def compiled(only: int) -> bytes:
    """Return the filter as the kernel's own code; made once in the warm process, it costs nothing after a fork."""
    with tempfile.TemporaryFile() as file:
        _build(only).export_bpf(file)
        file.seek(0)
        return file.read()


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def load(code: bytes) -> None:
    """Put a compiled filter on this process for good."""
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // _INSTRUCTION, ctypes.addressof(buffer))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program))
