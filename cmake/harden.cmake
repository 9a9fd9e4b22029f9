# What the compiler and the linker can do against mistakes of ours that a hostile input finds. tests/install/hardened.py
# reads the installed files and holds them to it.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

set(hardening -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard)
foreach(flag ${hardening}) # each machine and compiler has its own part of them
  string(MAKE_C_IDENTIFIER "has${flag}" has)
  check_c_compiler_flag(-Werror\ ${flag} ${has})
  if(${has})
    add_compile_options(${flag})
  endif()
endforeach()
# The sanitizers check the same calls themselves, and without optimisation there is nothing to be checked.
if(NOT EMOTIVOICE_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
# -z shstk: nothing of ours changes a return address, and the start-up files do not either, though Debian's are not
# marked, so that the linker would leave the mark off. -z ibt would be a lie: their _start has no landing pad.
foreach(flag relro now noexecstack shstk)
  check_linker_flag(C -Wl,-z,${flag} has_z_${flag})
  if(has_z_${flag})
    add_link_options(-Wl,-z,${flag})
  endif()
endforeach()
