"""What checksec says of a program and its libraries, from the ELF files themselves: test_hardened.py [--installed] FILE...

Of an installed file it also asks that no folder is written into it in which libraries are looked for."""
import os
import platform
import re
import subprocess
import sys
import tempfile


def ask(tool, *arguments):
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=True, env=dict(os.environ, LC_ALL="C")).stdout


def run_path(path):
    return re.findall(r"\((?:RPATH|RUNPATH)\)\s+Library (?:rpath|runpath): \[(.*)\]", ask("readelf", "-dW", path))


def facts(path, installed):
    """[(what, whether it holds)]"""
    dynamic, segments = ask("readelf", "-dW", path), ask("readelf", "-lW", path)
    imported = re.findall(r"FUNC +GLOBAL DEFAULT +UND (\w+)", ask("readelf", "--dyn-syms", "-W", path))
    folders = [folder for entry in run_path(path) for folder in entry.split(":")]
    found = [("position-independent", "Type:                              DYN" in ask("readelf", "-hW", path)),
             ("full RELRO", "GNU_RELRO" in segments and "BIND_NOW" in dynamic),
             ("stack that cannot be executed", re.search(r"GNU_STACK.* RW +0x", segments) is not None),
             ("no text relocations", "TEXTREL" not in dynamic),
             ("no writable code", not re.search(r"LOAD.* RWE ", segments)),
             ("stack protector", "__stack_chk_fail" in imported),
             ("FORTIFY", any(re.fullmatch(r"__\w+_chk", name) for name in imported if name != "__stack_chk_fail")),
             ("RUNPATH without the current folder", all(folder.startswith("/") for folder in folders))]
    if installed:
        found.append(("no RUNPATH", not folders))
    if platform.machine() == "x86_64":
        code = ask("objdump", "-d", "--no-show-raw-insn", path)
        found += [("shadow stack", "SHSTK" in ask("readelf", "-nW", path)),
                  ("landing pads", code.count("endbr64") > 100),
                  ("stack-clash probes", re.search(r"or[ql] +\$0x0,(0x\w+)?\(%[er]sp\)", code) is not None)]
    return found


def alone(command):
    """A library beside the caller is not loaded."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "trap.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write("#include <unistd.h>\n__attribute__((constructor)) static void f(void) { _exit(77); }\n")
        for name in re.findall(r"\(NEEDED\) +Shared library: \[(.*)\]", ask("readelf", "-dW", command)):
            subprocess.run(["cc", "-shared", "-fPIC", source, "-o", os.path.join(folder, name)], check=True)
        done = subprocess.run([os.path.abspath(command), "--version"], cwd=folder, capture_output=True, text=True,
                              env=dict(os.environ, LD_LIBRARY_PATH=os.environ.get("LD_LIBRARY_PATH", "/usr/lib")))
        return done.returncode == 0 and "emotivoice" in done.stdout


def main():
    files = [argument for argument in sys.argv[1:] if argument != "--installed"]
    installed, failed = "--installed" in sys.argv, 0
    for path in files:
        lines = facts(path, installed)
        if os.path.basename(path) == "emotivoice":
            lines.append(("no library beside the caller", alone(path)))
        for what, holds in lines:
            print(f"{os.path.basename(path)}: {what}: {'yes' if holds else 'NO'}")
            failed += not holds
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
