# make install DESTDIR=: library, header, command, models, pkg-config file, CMake package.
install(TARGETS emotivoice EXPORT emotivoice-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET emotivoice_cli)
  install(TARGETS emotivoice_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  # Installed, it finds the library where the system looks for libraries, and nowhere else.
  install(CODE "file(RPATH_REMOVE FILE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/emotivoice\")")
endif()
install(FILES include/emotivoice.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES docs/emotivoice.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
if(TARGET emotivoice_server)
  install(FILES deploy/systemd/emotivoice.service deploy/systemd/emotivoice.socket DESTINATION lib/systemd/system)
endif()
install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/emotivoice)
configure_file(cmake/emotivoice.pc.in emotivoice.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/emotivoice.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(EXPORT emotivoice-targets FILE emotivoice-config.cmake NAMESPACE emotivoice::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/emotivoice)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/emotivoice-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/emotivoice-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/emotivoice)
