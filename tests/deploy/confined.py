"""Runs a command under the filters of system calls that a unit asks systemd for: what `SystemCallFilter`,
`SystemCallErrorNumber` and `MemoryDenyWriteExecute` say, with the groups as the installed systemd knows them.

  confined.py UNIT COMMAND [ARGUMENT...]
"""
import ctypes
import errno
import os
import resource
import subprocess
import sys


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


ALLOW, MASKED_EQ, PROT_EXEC, PROT_WRITE, NO_NEW_PRIVS = 0x7FFF0000, 7, 4, 2, 38


def settings(unit):
    """name -> its values in order, of all sections."""
    found = {}
    for line in open(unit, encoding="utf-8"):
        line = line.strip()
        if line and line[0] not in "#[" and "=" in line:
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def members(group):
    lines = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", group], capture_output=True, text=True,
                           check=True).stdout.splitlines()[1:]
    calls = set()
    for name in (line.strip() for line in lines):
        if name.startswith("@"):
            calls |= members(name)
        elif name and not name.startswith("#"):
            calls.add(name)
    return calls


def allowed(lines):
    """The first line says whether it is a list of what may be called or of what may not; later ones add or take away."""
    assert not lines[0].startswith("~"), "the unit lists what may be called"
    calls = members("@default")
    for line in lines:
        named = set()
        for word in line.lstrip("~").split():
            named |= members(word) if word.startswith("@") else {word}
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def confine(unit):
    given = settings(unit)
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    lib.seccomp_init.restype = ctypes.c_void_p
    denied = 0x00050000 | getattr(errno, given["SystemCallErrorNumber"][0])
    lib.seccomp_init.argtypes = [ctypes.c_uint32]
    for name, types in (("seccomp_rule_add_array", [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]),
                        ("seccomp_load", [ctypes.c_void_p]), ("seccomp_syscall_resolve_name", [ctypes.c_char_p])):
        getattr(lib, name).argtypes = types
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) == 0

    def load(default, rules):
        context = lib.seccomp_init(default)
        for action, call, *comparison in rules:
            number = lib.seccomp_syscall_resolve_name(call.encode())
            if number < 0:
                continue  # of another architecture
            array = (Comparison * len(comparison))(*comparison)
            code = lib.seccomp_rule_add_array(context, action, number, len(comparison), array if comparison else None)
            assert code == 0, (call, code)
        code = lib.seccomp_load(context)
        assert code == 0, code

    if given["MemoryDenyWriteExecute"] == ["yes"]:
        load(ALLOW, [(denied, "mprotect", Comparison(2, MASKED_EQ, PROT_EXEC, PROT_EXEC)),
                     (denied, "mmap", Comparison(2, MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE))])
    load(denied, [(ALLOW, call) for call in sorted(allowed(given["SystemCallFilter"]))])


if __name__ == "__main__":
    files = int(settings(sys.argv[1])["LimitNOFILE"][0])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    confine(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
