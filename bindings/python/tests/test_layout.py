"""The structures here are those of the header: sizes and offsets as a C compiler has them."""
import ctypes
import os
import subprocess

import pytest

from emotivoice import _library, library_version


def test_structures(tmp_path):
    header = os.environ.get("EMOTIVOICE_HEADER")
    if not header:
        pytest.skip("EMOTIVOICE_HEADER is not set")
    lines = []
    for name, structure in _library.STRUCTURES.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        lines += [f'printf("{name}.{field} %zu\\n", offsetof({name}, {field}));' for field, *_ in structure._fields_]
    source = tmp_path / "layout.c"
    source.write_text(f'#include <stdio.h>\n#include "{header}"\nint main(void) {{\n' + "\n".join(lines) + "\nreturn 0;\n}\n")
    subprocess.run(["cc", str(source), "-o", str(tmp_path / "layout")], check=True)
    told = dict(line.rsplit(" ", 1) for line in
                subprocess.run([str(tmp_path / "layout")], check=True, capture_output=True, text=True).stdout.splitlines())
    here = {}
    for name, structure in _library.STRUCTURES.items():
        here[name] = str(ctypes.sizeof(structure))
        here.update({f"{name}.{field}": str(getattr(structure, field).offset) for field, *_ in structure._fields_})
    assert here == told


def test_errors_are_the_header_s():
    header = os.environ.get("EMOTIVOICE_HEADER")
    if not header:
        pytest.skip("EMOTIVOICE_HEADER is not set")
    import re

    from emotivoice import errors
    with open(header) as f:
        told = {int(n) for n in re.findall(r"X\(E_\w+, (-\d+)", f.read())}
    assert told == set(errors._BY_STATUS)


def test_version():
    assert library_version().startswith("0.1.")


def test_missing_library(monkeypatch):
    monkeypatch.setenv("EMOTIVOICE_LIBRARY", "/nowhere/libemotivoice.so")
    _library.library.cache_clear()
    with pytest.raises(ImportError, match="EMOTIVOICE_LIBRARY"):
        _library.library()
    monkeypatch.undo()
    _library.library.cache_clear()
    _library.library()
